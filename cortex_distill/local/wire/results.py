"""Results: their column types, which are those that Snowflake has, and how the wire describes them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
from fakesnow.arrow import to_sf

from cortex_distill.local.duck import quoted

Described = tuple[Any, ...]
"""A row of DuckDB's DESCRIBE: name, type, and four more."""


class Result(NamedTuple):
    """What a statement returned."""

    table: pa.Table
    columns: Sequence[Described]
    kind: int
    """Snowflake's statement type id."""


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


class Plain:
    """A DuckDB connection for fakesnow's cursor: its small Arrow results without DuckDB's warning about a copy."""

    def __init__(self, duck: duckdb.DuckDBPyConnection) -> None:
        self._duck = duck

    def __getattr__(self, name: str) -> Any:
        return getattr(self._duck, name)

    def to_arrow_table(self) -> pa.Table:
        """The rows of the last `execute`, typed by their values."""
        names = [column[0] for column in self._duck.description or []]
        rows = self._duck.fetchall()
        return pa.table([pa.array([row[place] for row in rows]) for place in range(len(names))], names=names)


def query(duck: duckdb.DuckDBPyConnection, sql: str) -> tuple[pa.Table, list[Described]]:
    """Run a query; rows and columns in types that Snowflake has."""
    relation = _relation(duck, sql)
    return relation.to_arrow_table(), columns_of(relation)


def describe(duck: duckdb.DuckDBPyConnection, sql: str) -> list[Described]:
    """The columns that `query` would return, without running it."""
    return columns_of(_relation(duck, sql))


def _relation(duck: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyRelation:
    duck.complete()  # of an earlier execute, such as SET schema
    relation = duck.sql(sql)
    kinds = [str(kind) for kind in relation.types]
    if not any(_cast("", kind) for kind in kinds):
        return relation
    names = [f"c{place}" for place in range(len(kinds))]
    picked = [
        f"{_cast(short, kind) or short} AS {quoted(name)}"
        for short, kind, name in zip(names, kinds, relation.columns, strict=True)
    ]
    return duck.sql(f"SELECT {', '.join(picked)} FROM ({sql}) AS _({', '.join(names)})")


def columns_of(relation: duckdb.DuckDBPyRelation) -> list[Described]:
    """In the form of DuckDB's DESCRIBE, as fakesnow reads it."""
    named = zip(relation.columns, relation.types, strict=True)
    return [(name, str(kind), "YES", None, None, None) for name, kind in named]


def _cast(name: str, kind: str) -> str | None:
    if kind in _CASTS:
        return f"CAST({name} AS {_CASTS[kind]})"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        return f"TO_JSON({name})"
    return f"CAST({name} AS VARCHAR)" if kind.startswith("ENUM") else None


def wire_table(table: pa.Table, rowtype: list[Any]) -> pa.Table:
    """The table as the connector decodes it. fakesnow's own turns a NULL timestamp into 1970."""
    sent = to_sf(table, rowtype)
    for place, column in enumerate(table.columns):
        if pa.types.is_timestamp(column.type) and column.null_count:
            struct = sent.column(place).combine_chunks()
            masked = pa.StructArray.from_arrays(
                [struct.field(part) for part in range(struct.type.num_fields)],
                fields=list(struct.type),
                mask=column.combine_chunks().is_null(),
            )
            sent = sent.set_column(place, sent.schema.field(place), masked)
    return sent
