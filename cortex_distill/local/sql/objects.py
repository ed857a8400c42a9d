"""Statements that are answered without the SQL parser: stages, file formats, COPY INTO, SHOW."""

import re

import duckdb
from fakesnow import statement_type

from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.sql import shows
from cortex_distill.local.sql.cursor import LocalCursor
from cortex_distill.local.stages import copy_into, staging
from cortex_distill.local.stages.wording import Wording
from cortex_distill.local.wire.results import Result

_KINDS = r"(stage|file\s+format)\b"
_OWN = re.compile(
    r"(\s|--[^\n]*(\n|$)|/\*.*?\*/)*("
    rf"create\s+(or\s+replace\s+)?(scoped\s+)?(temp\s+|temporary\s+)?{_KINDS}|(drop|desc|describe)\s+{_KINDS}"
    r"|(list|ls|remove|rm)\s+['@]|copy\s+(/\*.*?\*/\s*)?into\b|show\s)",
    re.IGNORECASE | re.DOTALL,
)


def is_own(sql: str) -> bool:
    """Whether `run` may know the statement."""
    return _OWN.match(sql) is not None


def is_show(sql: str) -> bool:
    """Whether it is a SHOW or LIST, which may be run to see what columns it has."""
    return is_own(sql) and (Wording(sql).take("SHOW") or Wording(sql).take("LIST"))


def loaded(sql: str) -> str | None:
    """The name of the table that a COPY INTO loads; None for another statement."""
    words = Wording(sql)
    return words.name()[-1] if words.take("COPY", "INTO") and not words.peek().text.startswith(("@", "'@")) else None


def run(session: LocalConnection, duck: duckdb.DuckDBPyConnection, sql: str) -> Result | None:
    """Run it; None if it is another statement after all."""
    cursor = LocalCursor(session, duck)
    if Wording(sql).take("COPY"):
        return copy_into.run(cursor, session, duck, sql)
    if (text := shows.of_text(session, duck, sql)) is not None:
        return cursor.answer(text)._replace(kind=statement_type.SHOW)
    if (text := staging.of_text(session, sql)) is not None:
        return cursor.answer(text)
    return None
