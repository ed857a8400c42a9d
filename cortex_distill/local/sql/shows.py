"""SHOW …: what fakesnow lists, without what is the engine's own, narrowed by LIKE, IN, STARTS WITH and LIMIT.

Source: docs: sql-reference/sql/show-tables and its kind; the columns are fakesnow's.
"""

import duckdb

from cortex_distill.local.duck import literal
from cortex_distill.local.faults import unsupported
from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.sql import grants
from cortex_distill.local.sql.shown import query_of
from cortex_distill.local.stages.wording import Wording, text_of

_KINDS = (
    ("TABLES",), ("VIEWS",), ("OBJECTS",), ("SCHEMAS",), ("DATABASES",), ("COLUMNS",), ("STAGES",),
    ("FILE", "FORMATS"), ("USER", "FUNCTIONS"), ("WAREHOUSES",), ("VARIABLES",), ("PRIMARY", "KEYS"),
    ("UNIQUE", "KEYS"), ("IMPORTED", "KEYS"), ("PARAMETERS",),
)  # fmt: skip
_PLACELESS = ("DATABASES", "WAREHOUSES", "VARIABLES", "PARAMETERS")


def of_text(session: LocalConnection, duck: duckdb.DuckDBPyConnection, sql: str) -> str | None:
    """A DuckDB query that answers a SHOW of these kinds; None if the statement is another."""
    words = Wording(sql)
    if not words.take("SHOW"):
        return None
    if words.take("GRANTS"):
        return grants.of_words(session, duck, words)
    terse = words.take("TERSE")
    kind = next((" ".join(parts) for parts in _KINDS if words.take(*parts)), None)
    if kind is None:
        return None
    if words.take("HISTORY"):
        raise unsupported(f"SHOW {kind} HISTORY")
    name = {"COLUMNS": "column_name", "PARAMETERS": "key"}.get(kind, "name")
    conditions = []
    if words.take("LIKE"):
        conditions.append(f"\"{name}\" ILIKE {_literal(words)} ESCAPE '\\'")
    conditions += _place(session, words, kind)
    if words.take("STARTS", "WITH"):
        conditions.append(f'starts_with("{name}", {_literal(words)})')
    limit, after = "", ""
    if words.take("LIMIT"):
        limit = f" LIMIT {int(words.next().text)}"
        if words.take("FROM"):
            after = _literal(words)
            conditions.append(f'"{name}" > {after}')
    words.end()
    query, order = query_of(session, duck, kind)
    columns = "created_on, name, kind, database_name, schema_name" if terse and kind in ("TABLES", "OBJECTS") else "*"
    if terse and columns == "*":
        raise unsupported(f"SHOW TERSE {kind}")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {columns} FROM ({query}) AS _{where} ORDER BY {order}{limit}"


def _literal(words: Wording) -> str:
    word = words.next()
    if word.kind != "text":
        words.at -= 1
        raise words.error()
    return literal(text_of(word.text))


def _place(session: LocalConnection, words: Wording, kind: str) -> list[str]:
    """Conditions of IN ACCOUNT, DATABASE d, SCHEMA s, TABLE t; without IN the current schema."""
    if kind in _PLACELESS:
        if (words.take("IN") or words.take("FOR")) and not (kind == "PARAMETERS" and words.take("ACCOUNT")):
            words.expect("SESSION")
        return []
    if not words.take("IN"):
        parts: tuple[str, ...] = (session.database or "", session.schema or "")
        return _equal(parts[:1] if kind == "SCHEMAS" else parts, kind) if session.database else []
    if words.take("ACCOUNT"):
        return []
    if words.take("DATABASE"):
        return _equal(words.name() if _named(words) else (session.database or "",), kind)
    table = words.take("TABLE") or words.take("VIEW")
    named = not table and words.take("SCHEMA")
    if named and not _named(words):
        return _equal((session.database or "", session.schema or ""), kind)
    parts = words.name()
    if table or (kind in ("COLUMNS", "PRIMARY KEYS") and not named):
        whole = (session.database or "", session.schema or "", *parts)[-3:]
        return _equal(whole, kind)
    if kind == "SCHEMAS":
        return _equal(parts[:1], kind)
    return _equal((session.database or "", *parts)[-2:], kind)


def _named(words: Wording) -> bool:
    """Whether a name comes next, and not the clause after it."""
    return words.peek().kind == "name" and words.peek().text.upper() not in ("LIKE", "STARTS", "LIMIT")


def _equal(parts: tuple[str, ...], kind: str) -> list[str]:
    names = (
        ("catalog_name", "schema_name") if kind == "USER FUNCTIONS" else ("database_name", "schema_name", "table_name")
    )
    return [f'"{name}" = {literal(part)}' for name, part in zip(names, parts, strict=False) if part]
