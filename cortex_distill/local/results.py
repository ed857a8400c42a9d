"""Column types of a result: those that Snowflake has, and how the wire describes them."""

from collections.abc import Sequence
from typing import Any

import duckdb

Described = tuple[Any, ...]
"""A row of DuckDB's DESCRIBE: name, type, and four more."""

# DuckDB types without a Snowflake twin, and what they become.
_CASTS = {
    "HUGEINT": "DECIMAL(38,0)",
    "UHUGEINT": "DECIMAL(38,0)",
    "UBIGINT": "DECIMAL(38,0)",
    "UINTEGER": "BIGINT",
    "USMALLINT": "BIGINT",
    "UTINYINT": "BIGINT",
    "SMALLINT": "BIGINT",
    "TINYINT": "BIGINT",
    "FLOAT": "DOUBLE",
    "TIMESTAMP_S": "TIMESTAMP",
    "TIMESTAMP_MS": "TIMESTAMP",
    "UUID": "VARCHAR",
    "BIT": "VARCHAR",
    "INTERVAL": "VARCHAR",
}


def described(duck: duckdb.DuckDBPyConnection, sql: str) -> Sequence[Described]:
    """DuckDB's description of a query's columns, without running it."""
    return duck.execute(f"DESCRIBE SELECT * FROM ({sql})" if sql.startswith("(") else f"DESCRIBE {sql}").fetchall()


def answer_types(duck: duckdb.DuckDBPyConnection, sql: str) -> tuple[str, Sequence[Described]]:
    """The query with every column of a type that Snowflake knows, and its description."""
    columns = described(duck, sql)
    if not any(_cast(name, kind) for name, kind, *_ in columns):
        return sql, columns
    names = [f"c{place}" for place in range(len(columns))]
    picked = [
        f"{_cast(short, kind) or short} AS {_quoted(name)}"
        for short, (name, kind, *_) in zip(names, columns, strict=True)
    ]
    wrapped = f"SELECT {', '.join(picked)} FROM ({sql}) AS _({', '.join(names)})"
    return wrapped, described(duck, wrapped)


def _cast(name: str, kind: str) -> str | None:
    if kind in _CASTS:
        return f"CAST({name} AS {_CASTS[kind]})"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        return f"TO_JSON({name})"
    return f"CAST({name} AS VARCHAR)" if kind.startswith("ENUM") else None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
