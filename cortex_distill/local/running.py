"""Statements under way: each runs once, on a thread of its own, however often the client asks for it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as NotYet
from typing import Any

import duckdb

Reply = dict[str, Any]
Started = Callable[[duckdb.DuckDBPyConnection], None]
PING = 20.0  # seconds until "still running" is answered, as Snowflake does after some 45
_KEPT = 500  # answers kept for a client that asks again


class Running:
    """By request id, which a client repeats when it asks again: that must not run a statement twice."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._futures: dict[str, Future[Reply]] = {}
        self._ducks: dict[str, duckdb.DuckDBPyConnection] = {}

    def start(self, key: str, work: Callable[[Started], Reply]) -> None:
        """Start it, unless it was started before."""
        future: Future[Reply] = Future()
        with self._guard:
            if key in self._futures:
                return
            self._futures[key] = future
            self._forget()

        def run() -> None:
            try:
                future.set_result(work(lambda duck: self._ducks.__setitem__(key, duck)))
            except BaseException as error:  # noqa: BLE001  a defect of the engine: the waiting client gets it
                future.set_exception(error)
            finally:
                self._ducks.pop(key, None)

        try:
            threading.Thread(target=run, name="cortex-statement", daemon=True).start()
        except RuntimeError:  # the interpreter is shutting down and gives out no more threads
            run()

    def wait(self, key: str, *, at_once: bool = False) -> Reply:
        """The reply, or "in progress" if it takes longer than PING (or for `at_once`: an asynchronous client)."""
        future = self._futures.get(key)
        if future is None:
            return {"success": False, "code": "000709", "message": f"Statement {key} not found", "data": None}
        try:
            return (
                future.result(timeout=0 if at_once and not future.done() else PING)
                if not at_once
                else _progress(key, True)
            )
        except NotYet:
            if future.done():
                raise  # a time-out that the statement itself raised
            return _progress(key, False)

    def status(self, key: str) -> str:
        """As Snowflake's monitoring names it."""
        future = self._futures.get(key)
        if future is None:
            return "NO_DATA"
        if not future.done():
            return "RUNNING"
        failed = future.exception() is not None or not future.result()["success"]
        return "FAILED_WITH_ERROR" if failed else "SUCCESS"

    def under_way(self) -> int:
        """How many statements have not ended."""
        with self._guard:
            return sum(not future.done() for future in self._futures.values())

    def interrupt(self, key: str) -> None:
        """Ask DuckDB to stop a statement."""
        if (duck := self._ducks.get(key)) is not None:
            duck.interrupt()

    def close(self, patience: float = 5.0) -> None:
        """Stop all and wait a while: a thread that is inside DuckDB when the interpreter ends would crash it."""
        for duck in list(self._ducks.values()):
            duck.interrupt()
        wait(list(self._futures.values()), timeout=patience)

    def _forget(self) -> None:
        done = [key for key, future in self._futures.items() if future.done()]
        for key in done[: max(0, len(done) - _KEPT)]:
            del self._futures[key]


def _progress(key: str, asynchronous: bool) -> Reply:
    data = {"getResultUrl": f"/queries/{key}/result", "queryId": key, "queryAbortsAfterSecs": 0}
    code = "333334" if asynchronous else "333333"
    return {"success": True, "code": code, "message": "Query execution in progress.", "data": data}
