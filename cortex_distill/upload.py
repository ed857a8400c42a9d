"""Rows that the client holds (prompts, a holdout file) into a table: a thousand at a time, as one JSON bind."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from cortex_distill.session import execute
from cortex_distill.sql import Sql, identifier

if TYPE_CHECKING:
    from cortex_distill.session import Session

# One statement's worth. A VARIANT holds 128 MB, a bind less (docs: sql-reference/data-types-semistructured); far below
# that the statement's own cost has vanished already, and the client holds no more than this.
ROWS, CHARACTERS = 1000, 1_000_000
Value = str | int | float | None
_TYPES = {str: "STRING", bool: "BOOLEAN", int: "NUMBER", float: "FLOAT"}


def upload(session: Session, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> int:
    """Append the rows; how many there were. Holds one statement's worth of them at a time.

    A column of the rows holds texts, whole numbers, floats or truth values, beside None. A bind for each value would
    take four times as long on the local engine, and a statement for every 400 rows of five columns.
    """
    total = 0
    for statement, count in inserts(table, columns, rows):
        execute(session, statement)
        total += count
    return total


def inserts(table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> Iterator[tuple[Sql, int]]:
    """The statements of an upload, one at a time, and how many rows each brings."""
    names = ", ".join(identifier(column) for column in columns)
    for chunk in _chunks(rows):
        values = ", ".join(f"r.value[{place}]::{_type(chunk, place)}" for place in range(len(columns)))
        source = f"SELECT {values} FROM TABLE(FLATTEN(input => PARSE_JSON(?))) r"
        yield Sql(f"INSERT INTO {identifier(table)} ({names}) {source}", (json.dumps(chunk),)), len(chunk)


def _chunks(rows: Iterable[Sequence[Value]]) -> Iterator[list[Sequence[Value]]]:
    chunk: list[Sequence[Value]] = []
    characters = 0
    for row in rows:
        chunk.append(row)
        characters += sum(len(value) for value in row if isinstance(value, str))
        if len(chunk) == ROWS or characters >= CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _type(rows: Sequence[Sequence[Value]], place: int) -> str:
    """Of a column, by its first value; a column of None is as good as text."""
    return next((_TYPES[type(row[place])] for row in rows if row[place] is not None), "STRING")
