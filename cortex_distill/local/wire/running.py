"""Statements under way: each runs once, on a thread of its own, however often the client asks for it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as NotYet
from typing import Any

Reply = dict[str, Any]
PING = 20.0  # seconds until "still running" is answered, as Snowflake does after some 45
_KEPT = 500  # answers kept for a client that asks again,
_KEPT_BYTES = 128_000_000  # and how large they may be together; the newest is kept whatever its size


class Running:
    """By request id, which a client repeats when it asks again: that must not run a statement twice."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._futures: dict[str, Future[Reply]] = {}
        self._fetched: set[str] = set()

    def start(self, key: str, work: Callable[[], Callable[[], Reply]]) -> None:
        """Start it, unless it was started before. `work` is called at once, and what it gives on the new thread."""
        future: Future[Reply] = Future()
        with self._guard:
            if key in self._futures:
                return
            self._futures[key] = future
            self._forget()
        job = work()

        def run() -> None:
            try:
                future.set_result(job())
            except BaseException as error:  # noqa: BLE001  a defect of the engine: the waiting client gets it
                future.set_exception(error)

        try:
            threading.Thread(target=run, name="cortex-statement", daemon=True).start()
        except RuntimeError:  # the interpreter is shutting down and gives out no more threads
            run()

    def wait(self, key: str, *, at_once: bool = False) -> Reply:
        """The reply, or "in progress" if it takes longer than PING (or for `at_once`: an asynchronous client)."""
        future = self._futures.get(key)
        if future is None:
            return {"success": False, "code": "000709", "message": f"Statement {key} not found", "data": None}
        if at_once:
            return _progress(key, True)
        try:
            reply = future.result(timeout=PING)
        except NotYet:
            if future.done():
                raise  # a time-out that the statement itself raised
            return _progress(key, False)
        self._fetched.add(key)
        return reply

    def knows(self, key: str) -> bool:
        """Whether that statement runs, or its answer is kept."""
        return key in self._futures

    def status(self, key: str) -> dict[str, str]:
        """As Snowflake's monitoring tells it, with the error of a statement that failed."""
        future = self._futures.get(key)
        if future is None:
            return {"id": key, "status": "NO_DATA"}
        if not future.done():
            return {"id": key, "status": "RUNNING"}
        reply: Reply = {"success": False} if future.exception() else future.result()
        if reply["success"]:
            return {"id": key, "status": "SUCCESS"}
        told = {"errorCode": reply.get("code", "370001"), "errorMessage": reply.get("message", "")}
        return {"id": key, "status": "FAILED_WITH_ERROR", **told}

    def under_way(self) -> int:
        """How many statements have not ended."""
        with self._guard:
            return sum(not future.done() for future in self._futures.values())

    def close(self, patience: float = 5.0) -> None:
        """Wait a while for what was canceled: a thread inside DuckDB when the interpreter ends would crash it."""
        wait(list(self._futures.values()), timeout=patience)

    def _forget(self) -> None:
        """Let answers go, first those that their client has: the oldest of each."""
        done = [key for key, future in self._futures.items() if future.done()]
        sizes = {key: _size(self._futures[key]) for key in done}
        many, total = len(done) - _KEPT, sum(sizes.values())
        for key in sorted(done[:-1], key=lambda key: key not in self._fetched):
            if many <= 0 and total <= _KEPT_BYTES:
                return
            many, total = many - 1, total - sizes[key]
            del self._futures[key]
            self._fetched.discard(key)


def _size(future: Future[Reply]) -> int:
    """Bytes of an answer, near enough: rows come as one text, but for the few numbers of an INSERT."""
    data = None if future.exception() else future.result()["data"]
    return len((data or {}).get("rowsetBase64") or "")


def _progress(key: str, asynchronous: bool) -> Reply:
    data = {"getResultUrl": f"/queries/{key}/result", "queryId": key, "queryAbortsAfterSecs": 0}
    code = "333334" if asynchronous else "333333"
    return {"success": True, "code": code, "message": "Query execution in progress.", "data": data}
