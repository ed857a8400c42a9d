"""A staged file's rows in a temporary table, and which of its columns goes into which of the table that is loaded."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from cortex_distill.local.cortex import calls
from cortex_distill.local.duck import literal, quoted
from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.sql.dialect import parse_one
from cortex_distill.local.stages import staged
from cortex_distill.local.stages.casting import Column, value
from cortex_distill.local.stages.file_formats import csv_query, file_literal, header, json_query, width
from cortex_distill.local.stages.staged import StagedFile

if TYPE_CHECKING:
    from cortex_distill.local.sql.cursor import LocalCursor

_ONE_COLUMN = (
    "SQL compilation error:\n{} file format can produce one and only one column of type variant, object, or array."
    " Load data into separate columns using the MATCH_BY_COLUMN_NAME copy option or copy with transformation."
)


class Target(NamedTuple):
    """The table, as DuckDB knows it, and the columns that are loaded, in order."""

    database: str
    schema: str
    name: str
    shown: str
    columns: list[Column]

    def sql(self) -> str:
        """Its full name."""
        return ".".join(quoted(part) for part in (self.database, self.schema, self.name))


class Fit(NamedTuple):
    """A column of the table with the column of the staged rows that goes into it."""

    column: Column
    source: str
    value: str


def read_csv(duck: duckdb.DuckDBPyConnection, target: Target, staged_file: StagedFile, by_name: str) -> list[Fit]:
    """CSV: fields by place, or by the names in its first line."""
    options, file = staged_file.options, staged_file.path
    if by_name == "NONE":
        pairs = {place: column for place, column in enumerate(target.columns, start=1)}
        count = len(pairs)
    else:
        if not options["PARSE_HEADER"]:
            raise unsupported("MATCH_BY_COLUMN_NAME of a CSV file without PARSE_HEADER = TRUE")
        names = header(duck, file, options)
        pairs = _by_name(target, names, by_name)
        count = len(names)
    padded = not options["ERROR_ON_COLUMN_COUNT_MISMATCH"]
    count = max(count, width(duck, file, options)) if padded else count
    duck.execute(f"CREATE OR REPLACE TEMP TABLE {staged_file.rows} AS {csv_query(file, options, count, padded=padded)}")
    return [Fit(column, f"c{place}", value(f"c{place}", column)) for place, column in pairs.items()]


def _by_name(target: Target, names: Sequence[str], how: str) -> dict[int, Column]:
    """Places of the file's columns, from 1, with the table's columns of the same name."""
    if how not in ("CASE_SENSITIVE", "CASE_INSENSITIVE"):
        raise unsupported(f"MATCH_BY_COLUMN_NAME = {how}")
    folded = (lambda name: name) if how == "CASE_SENSITIVE" else str.upper
    known = {folded(column.name): column for column in target.columns}
    found = {place: known[folded(name)] for place, name in enumerate(names, start=1) if folded(name) in known}
    if len({column.name for column in found.values()}) < len(found):
        raise unsupported("two columns of a file for one of the table")
    return found


def read_documents(duck: duckdb.DuckDBPyConnection, target: Target, staged_file: StagedFile, by_name: str) -> list[Fit]:
    """JSON and Parquet: whole documents into one VARIANT column, or by name."""
    kind, file = staged_file.options["TYPE"], staged_file.path
    if kind == "JSON":
        query = json_query(file, staged_file.options)
    else:
        query = f'SELECT *, row_number() OVER () AS "row" FROM read_parquet({file_literal(file)})'
    duck.execute(f"CREATE OR REPLACE TEMP TABLE {staged_file.rows} AS {query}")
    if by_name == "NONE":
        if len(target.columns) != 1 or target.columns[0].kind != "JSON":
            raise Refused(_ONE_COLUMN.format(kind), 2019, "0A000")
        names = _names(duck, staged_file)
        row = "to_json({" + ", ".join(f"{literal(name)}: {quoted(name)}" for name in names) + "})"
        whole = "c1" if kind == "JSON" else row
        return [Fit(target.columns[0], whole, whole)]
    if kind == "JSON":
        keys = duck.execute(f"SELECT DISTINCT unnest(json_keys(c1)) AS k FROM {staged_file.rows} ORDER BY 1").fetchall()
        found = _by_name(target, [key for (key,) in keys], by_name)
        return [_of_key(keys[place - 1][0], column) for place, column in found.items()]
    names = _names(duck, staged_file)
    found = _by_name(target, names, by_name)
    return [_native(quoted(names[place - 1]), "", column) for place, column in found.items()]


def _names(duck: duckdb.DuckDBPyConnection, staged_file: StagedFile) -> list[str]:
    described = duck.execute(f"DESCRIBE {staged_file.rows}").fetchall()
    return [str(name) for name, *_ in described if name != "row"]


def _of_key(key: str, column: Column) -> Fit:
    path = literal('$."' + key.replace('"', '\\"') + '"')
    if column.kind == "JSON":
        whole = f"json_extract(c1, {path})"
        return Fit(column, whole, whole)
    text = f"json_extract_string(c1, {path})"
    return Fit(column, text, value(text, column))


def _native(source: str, kind: str, column: Column) -> Fit:
    """A column that has a type of its own."""
    if column.kind == "JSON":
        return Fit(column, source, source if kind == "JSON" else f"to_json({source})")
    if kind == "VARCHAR":
        return Fit(column, source, value(source, column))
    if kind == "JSON":
        text = f"json_extract_string({source}, '$')"
        return Fit(column, source, value(text, column))
    return Fit(column, source, f"TRY_CAST({source} AS {column.kind})")


def transformed(
    cursor: "LocalCursor", duck: duckdb.DuckDBPyConnection, target: Target, staged_file: StagedFile, query: str
) -> list[Fit]:
    """The rows of the SELECT of a COPY; what it selects is cast to the table's columns."""
    tree = parse_one(query)
    staged.rewrite_one_file(tree, staged_file, duck)
    done = cursor.translated(tree)
    if calls.count(done):
        raise unsupported("a Cortex call in COPY INTO; load the rows first")
    translated = done.sql("duckdb")
    kinds = [str(kind) for _, kind, *_ in duck.execute(f"DESCRIBE {translated}").fetchall()]
    if len(kinds) != len(target.columns):
        counts = f"expecting {len(target.columns)} but got {len(kinds)}"
        message = f"SQL compilation error:\nInsert value list does not match column list {counts}"
        raise Refused(message, 2020, "21S01")
    names = ", ".join(f"c{place}" for place in range(1, len(kinds) + 1))
    rows = f'SELECT *, row_number() OVER () AS "row" FROM ({translated}) AS _({names})'
    duck.execute(f"CREATE OR REPLACE TEMP TABLE {staged_file.rows} AS {rows}")
    pairs = zip(kinds, target.columns, strict=True)
    return [_native(f"c{place}", kind, column) for place, (kind, column) in enumerate(pairs, start=1)]
