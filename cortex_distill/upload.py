"""Rows that the client holds (prompts, a holdout file) into a table, as binds, a few hundred at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from cortex_distill.session import execute
from cortex_distill.sql import Sql, identifier

if TYPE_CHECKING:
    from cortex_distill.session import Session

BINDS_PER_STATEMENT = 2000


def upload(
    session: Session, table: str, columns: Sequence[str], rows: Iterable[Sequence[str | int | float | None]]
) -> int:
    """Append the rows; how many there were. Holds one statement's worth of them at a time."""
    total = 0
    names = ", ".join(identifier(column) for column in columns)
    sources = ", ".join(f"column{number}" for number in range(1, len(columns) + 1))
    one = f"({', '.join('?' * len(columns))})"
    source = iter(rows)
    while chunk := list(islice(source, BINDS_PER_STATEMENT // len(columns))):
        values = ", ".join([one] * len(chunk))
        binds = tuple(value for row in chunk for value in row)
        execute(session, Sql(f"INSERT INTO {identifier(table)} ({names}) SELECT {sources} FROM VALUES {values}", binds))
        total += len(chunk)
    return total
