"""The last results of a session, for RESULT_SCAN and LAST_QUERY_ID."""

import threading
from typing import NamedTuple

import pyarrow as pa

_KEPT = 50  # results; Snowflake keeps them for a day, memory does not


class Kept(NamedTuple):
    """A result: its rows, and the DuckDB types of its columns."""

    table: pa.Table
    kinds: tuple[str, ...]


class Recent:
    """By query id, newest last."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._results: dict[str, Kept] = {}

    def keep(self, query_id: str, result: Kept) -> None:
        """Remember it, and forget the oldest."""
        with self._guard:
            self._results[query_id] = result
            while len(self._results) > _KEPT:
                del self._results[next(iter(self._results))]

    def of(self, query_id: str) -> Kept | None:
        """The result of a statement, None if it is forgotten or was never there."""
        return self._results.get(query_id)

    def id_at(self, number: int) -> str | None:
        """LAST_QUERY_ID(number): -1 is the last; None if there is none."""
        known = list(self._results)
        return known[number] if -len(known) <= number < 0 else None
