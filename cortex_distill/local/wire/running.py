"""Statements under way: each runs once, on a thread of its own, however often the client asks for it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as NotYet
from functools import partial
from itertools import islice
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
        self._kept: dict[str, int] = {}  # bytes of each answer, in the order they came
        self._bytes = 0  # of all of them
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
                reply = job()
            except BaseException as error:  # noqa: BLE001  a defect of the engine: the waiting client gets it
                self._keep(key, 0, partial(future.set_exception, error))
            else:
                self._keep(key, _size(reply), partial(future.set_result, reply))

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

    def _keep(self, key: str, size: int, end: Callable[[], None]) -> None:
        with self._guard:  # so that whoever starts the next statement finds this one counted
            self._kept[key] = size
            self._bytes += size
            end()

    def _forget(self) -> None:
        """Let answers go, first those that their client has: the oldest of each. The newest stays."""
        while len(self._kept) > _KEPT or self._bytes > _KEPT_BYTES:
            older = list(islice(self._kept, len(self._kept) - 1))
            if not older:
                return
            key = next((one for one in older if one in self._fetched), older[0])
            self._bytes -= self._kept.pop(key)
            del self._futures[key]
            self._fetched.discard(key)


def _size(reply: Reply) -> int:
    """Bytes of an answer, near enough: rows come as one text, but for the few numbers of an INSERT."""
    return len((reply["data"] or {}).get("rowsetBase64") or "")


def _progress(key: str, asynchronous: bool) -> Reply:
    data = {"getResultUrl": f"/queries/{key}/result", "queryId": key, "queryAbortsAfterSecs": 0}
    code = "333334" if asynchronous else "333333"
    return {"success": True, "code": code, "message": "Query execution in progress.", "data": data}
