"""The rows of a run for an export, a page at a time: client memory does not grow with them.

In:   TICKETS, TRAINING_ROWS
Out:  pages of rows in an order of their own, by category and ticket, so that the same run gives the same files
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from cortex_distill.export_formats import NUMBERS, OBJECTS, Row
from cortex_distill.session import execute
from cortex_distill.sql import Sql

if TYPE_CHECKING:
    from cortex_distill.session import Session

PAGE = 5_000  # rows in a statement's answer


def ticket_pages(session: Session, run_id: str, columns: Sequence[str], *, dropped: bool) -> Iterator[list[Row]]:
    """The kept tickets of a run, or all of them; columns that an older table has not are None."""
    known = _columns(session, "TICKETS")
    picked = ", ".join(f"{_read(name) if name in known else 'NULL'} AS {name}" for name in columns)
    where = "" if dropped else " AND kept"
    rows = Sql(f"SELECT {picked}, category AS c, ticket_id AS t FROM TICKETS WHERE run_id = ?{where}", (run_id,))
    return _pages(session, rows, "c, t", columns)


def training_pages(session: Session, run_id: str, split: str) -> Iterator[list[Row]]:
    """prompt and completion as the student was trained on them, or validated with."""
    columns = ("prompt", "completion")
    rows = Sql(f"SELECT {', '.join(columns)} FROM TRAINING_ROWS WHERE run_id = ? AND split = ?", (run_id, split))
    return _pages(session, rows, "completion, prompt", columns)


def _columns(session: Session, table: str) -> set[str]:
    rows = execute(
        session,
        Sql(
            """SELECT LOWER(column_name) FROM INFORMATION_SCHEMA.COLUMNS
            WHERE table_schema = CURRENT_SCHEMA() AND table_name = ?""",
            (table,),
        ),
    )
    return {str(name) for (name,) in rows}


def _read(name: str) -> str:
    return f"TO_JSON({name})" if name in OBJECTS else name


def _pages(session: Session, rows: Sql, order: str, columns: Sequence[str]) -> Iterator[list[Row]]:
    """Number the rows once, in a temporary table that is laid down in their order; then a page is a range that the
    engine finds without looking at the other rows. LIMIT with OFFSET would sort everything for each page."""
    table = f"EXPORT_{uuid4().hex[:12]}"
    run = partial(execute, session)
    run(
        Sql(
            f"""CREATE TEMPORARY TABLE {table} AS
            SELECT *, ROW_NUMBER() OVER (ORDER BY {order}) AS place FROM ({rows.text}) ORDER BY place""",
            rows.binds,
        )
    )
    count = int(run(Sql(f"SELECT COUNT(*) FROM {table}"))[0][0])
    for start in range(0, count, PAGE):
        page = Sql(
            f"SELECT {', '.join(columns)} FROM {table} WHERE place > ? AND place <= ? ORDER BY place",
            (start, start + PAGE),
        )
        yield [_row(columns, cells) for cells in run(page)]
    run(Sql(f"DROP TABLE {table}"))


def _row(columns: Sequence[str], cells: Sequence[Any]) -> Row:
    return {name: _value(name, cell) for name, cell in zip(columns, cells, strict=True)}


def _value(name: str, cell: Any) -> Any:
    if cell is None:
        return None
    if name in OBJECTS:
        return json.loads(cell)
    return NUMBERS[name](cell) if name in NUMBERS else cell
