"""docs/reference/tables.md, and table_comments.sql: every table that the product makes, with each column."""

import re
from functools import cache
from pathlib import Path

from cortex_distill.table_comments import column_of, comment_sql, row_of
from cortex_distill.tables import TABLES, columns_of
from docs.reference_pages.markdown import code, link, note, prose, table

ROOT = Path(__file__).parents[2]
PAGE_TABLE = "MESSAGE_DECISIONS"
_WRITES = re.compile(r"\b(?:INSERT INTO|MERGE INTO|UPDATE|upload\(run\.session,) \"?([A-Z_]+)\b")
_DECLARED = re.compile(r"CREATE TABLE IF NOT EXISTS ([A-Z_]+) \(([^)]*)\)")
_IN_COPIES = {f"tasks/plan{part}.py" for part in ("", "_estimate", "_labelling", "_messages", "_rounds")}
"""A plan counts in temporary tables that hide those of the same name (`tasks/plan_earlier.py`)."""

HEAD = """# The tables

A run makes these tables in the schema of its connection (on the local engine `DISTILL.PUBLIC`), as far as they are
missing. Nothing is dropped or replaced: a run adds its rows, and a retried run lands on its own. There are no views.
What a step needs in passing is in temporary tables, which end with its session.

    distill show                                  # EXPERIMENTS in short; any SQL client reads the rest

Snowflake shows sentences like these beside tables and columns once somebody has run
[table_comments.sql](table_comments.sql) in that schema.
"""


def page() -> str:
    """The whole page."""
    names = [*TABLES, PAGE_TABLE]
    overview = [(link(name, code(name)), prose(row_of(name))) for name in names]
    return "\n".join(
        [
            note("cortex_distill/tables.py and cortex_distill/table_comments.py"),
            HEAD,
            table(("table", "a row is"), overview),
            *(_section(name) for name in names),
        ]
    )


def comments() -> str:
    """The statements that put the sentences beside the tables."""
    head = "-- Written by `make reference`: what tables and columns mean. Run it in their schema, after a first run."
    return "\n".join([head, *(f"{sql};" for name in TABLES for sql in comment_sql(name, columns_of(name)))]) + "\n"


def columns(name: str) -> dict[str, str]:
    """Column → type, of the tables of a run and of the page's own."""
    return columns_of(name) if name in TABLES else _columns_of_page()


def _columns_of_page() -> dict[str, str]:
    """As app/ declares it: that folder stands alone, so nothing there can be imported from here."""
    text = (ROOT / "app" / "message_rows.py").read_text(encoding="utf-8")
    (declared,) = [found[1] for found in _DECLARED.findall(text) if found[0] == PAGE_TABLE]
    return dict(column.split() for column in declared.split(","))


def _section(name: str) -> str:
    rows = [(code(column), kind, prose(column_of(name, column))) for column, kind in columns(name).items()]
    files = ", ".join(f"[{path}](../../{path})" for path in writers(name))
    return "\n".join(
        [
            f"## {name}\n",
            f"{prose(row_of(name))}\n",
            f"Written by {files}.\n",
            table(("column", "type", "meaning"), rows),
        ]
    )


def writers(name: str) -> list[str]:
    """The files with statements that add rows to a table, or change them."""
    return sorted(path for path, tables in _written().items() if name in tables)


@cache
def _written() -> dict[str, set[str]]:
    """File → the tables that its statements name."""
    files = [path for folder in ("tasks", "cortex_distill", "app") for path in (ROOT / folder).glob("*.py")]
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in files}
    return {path: set(_WRITES.findall(text)) for path, text in texts.items() if path not in _IN_COPIES}
