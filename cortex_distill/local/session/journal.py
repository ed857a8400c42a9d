"""The statements of an engine: who ran which, on what day, what became of it, what it used, and how it is stopped."""

import threading
from collections import deque
from contextvars import ContextVar
from datetime import UTC, date, datetime
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from cortex_distill.local.cortex.usage import Usage
from cortex_distill.local.faults import Refused
from cortex_distill.local.session.kept import Kept

if TYPE_CHECKING:
    from cortex_distill.local.wire.results import Result

HISTORY = 10_000  # statements remembered; Snowflake's QUERY_HISTORY functions return no more than that either
LONGEST = 10_000  # characters of a statement that the history keeps, so that it stays within 100 MB
_RESULT_BYTES = 128_000_000  # results that RESULT_SCAN can read, all together; the last one is kept whatever its size


class Asked(NamedTuple):
    """Whose statement it is, as its session stood when it came in."""

    session: int
    database: str | None
    schema: str | None
    role: str
    warehouse: str
    tag: str
    day: date
    """On which models are looked up: today, or LOCAL_MODELS_AS_OF."""
    seconds: int
    """Time allowed; 0 means no limit."""


class Statement:
    """One statement, while it runs and in the history."""

    def __init__(self, key: str, text: str, asked: Asked, *, internal: bool = False, listed: bool = True) -> None:
        self.id, self.text, self.asked, self.internal, self.listed = key, text, asked, internal, listed
        self.started = datetime.now(UTC)
        self.ended: datetime | None = None
        self.error: Refused | None = None
        self.rows: int | None = None
        self.kind = 0
        self.usage = Usage()
        self.stop = threading.Event()
        self.reason: Refused | None = None
        self._guard = threading.Lock()
        self._duck: duckdb.DuckDBPyConnection | None = None
        self._timer: threading.Timer | None = None

    def begins(self, duck: duckdb.DuckDBPyConnection) -> None:
        """It now runs on that connection. Raises Refused if it was canceled before."""
        with self._guard:
            self.check()
            self._duck = duck

    def limit(self) -> None:
        """Let it be canceled when its time is over."""
        seconds = self.asked.seconds
        if seconds and self.listed:
            text = f"Statement reached its statement or warehouse timeout of {seconds} second(s) and was canceled."
            self._timer = threading.Timer(seconds, self.cancel, [Refused(text, 630, "57014")])
            self._timer.daemon = True
            self._timer.start()

    def finish(self, error: Refused | None) -> datetime:
        """It is over: nothing can cancel it any more."""
        with self._guard:
            self.error, self.ended = error, datetime.now(UTC)
            self.text = self.text[:LONGEST]  # all of it was needed to run only
        if self._timer is not None:
            self._timer.cancel()
        return self.ended

    def leaves(self) -> None:
        """Its connection goes to another statement, which a late cancellation must not hit."""
        with self._guard:
            self._duck = None

    def check(self) -> None:
        """Raises Refused if it was canceled."""
        if self.stop.is_set():
            raise self.reason or _canceled()

    def cancel(self, reason: Refused | None = None) -> bool:
        """Stop it: no model call begins any more. Whether it was still running."""
        with self._guard:
            if self.ended is not None or self.stop.is_set():
                return False
            self.reason = reason or _canceled()
            self.stop.set()
            if self._duck is not None:
                self._duck.interrupt()
            return True


NOBODY = Statement("", "", Asked(0, None, None, "", "", "", date.min, 0), listed=False)
CURRENT: ContextVar[Statement] = ContextVar("statement", default=NOBODY)
"""The statement that this thread works for. DuckDB's own threads know theirs by the lane, see `Journal.on`."""


class Journal:
    """All statements of one engine."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._running: dict[str, Statement] = {}
        self._history: deque[Statement] = deque(maxlen=HISTORY)
        self._results: Kept[Result] = Kept(_RESULT_BYTES)
        self._lanes: dict[str, Statement] = {}
        self._numbers = count(1)

    def begin(self, statement: Statement) -> None:
        """It has come in."""
        with self._guard:
            self._running[statement.id] = statement
            if statement.listed:
                self._history.append(statement)
        statement.limit()

    def end(self, statement: Statement, result: "Result | None", error: Refused | None) -> datetime:
        """It succeeded or failed; its result can be scanned from now on. Returns when."""
        ended = statement.finish(error)
        with self._guard:
            self._running.pop(statement.id, None)
        if result is not None:
            statement.rows, statement.kind = result.table.num_rows, result.kind
            if statement.listed:
                self._results.keep(statement.id, result, result.table.nbytes)
        return ended

    def cancel(self, key: str) -> bool:
        """Stop that statement. Whether it was running."""
        statement = self._running.get(key)
        return statement is not None and statement.cancel()

    def cancel_all(self, session: int | None = None) -> int:
        """Stop every statement of a session, or of all, but those that ask for it. Returns how many."""
        with self._guard:
            running = list(self._running.values())
        mine = [one for one in running if session in (None, one.asked.session)]
        return sum(one.cancel() for one in mine if "SYSTEM$CANCEL_" not in one.text.upper())

    def result(self, key: str) -> "Result | None":
        """What that statement returned, if that is still kept."""
        return self._results.get(key)

    def statements(self) -> list[Statement]:
        """The history, oldest first."""
        with self._guard:
            return list(self._history)

    def position(self, number: int) -> str | None:
        """LAST_QUERY_ID(number) in the session of the statement that asks: 1 is its first, -1 its last before this."""
        asking = CURRENT.get()
        known = self.statements()
        mine = [one.id for one in known if one.asked.session == asking.asked.session and one is not asking]
        if number == 0 or abs(number) > len(mine) or (number > 0 and len(known) == HISTORY):
            return None
        return mine[number - 1 if number > 0 else number]

    def lane(self) -> str:
        """A name for a DuckDB connection, under which `take` and `on` know it."""
        return str(next(self._numbers))

    def take(self, lane: str, statement: Statement) -> None:
        """That connection works for this statement from now on."""
        self._lanes[lane] = statement

    def on(self, lane: str | None) -> Statement:
        """The statement that a DuckDB connection works for: functions called by DuckDB's threads know no other way."""
        return self._lanes.get(lane or "", NOBODY)

    def drop(self, lane: str) -> None:
        """That connection is closed."""
        self._lanes.pop(lane, None)


def _canceled() -> Refused:
    return Refused("SQL execution canceled", 604, "57014")
