"""Staged files in a query: FROM @stage (FILE_FORMAT => …), and INFER_SCHEMA.

Each becomes a view or table of the DuckDB connection that the statement runs on.
Source: docs: user-guide/querying-stage
"""

import itertools
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from sqlglot import exp

from cortex_distill.local.duck import literal
from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.stages import stages
from cortex_distill.local.stages.clauses import format_of, matching, rows_query
from cortex_distill.local.stages.file_formats import check_escapes, csv_query, file_literal, json_query, width
from cortex_distill.local.stages.wording import text_of

_numbers = itertools.count(1)
_TYPES = {
    "BOOLEAN": "BOOLEAN", "DOUBLE": "REAL", "FLOAT": "REAL", "BLOB": "BINARY", "DATE": "DATE", "VARCHAR": "TEXT",
}  # fmt: skip


def rewrite(tree: exp.Expr, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> None:
    """Replace what names staged files by names that DuckDB knows."""
    for table in list(tree.find_all(exp.Table)):
        if reference := _reference(table):
            replace(table, _stage_view(table, reference, session, duck))
    for rows in list(tree.find_all(exp.TableFromRows)):
        function = rows.this
        name = str(function.this).upper() if isinstance(function, exp.Anonymous) else ""
        if name == "INFER_SCHEMA":
            replace(rows, _inferred(function, session, duck))


class StagedFile(NamedTuple):
    """A file of a COPY: where it is, how it is shown, how it is read, and the temporary table of its rows."""

    path: Path
    name: str
    shown: str
    options: dict[str, Any]
    rows: str

    def line_of(self, row: int, rejected: list[int]) -> int:
        """The line of a row that was read, if no field of the file has line ends in it."""
        head = 1 if self.options.get("PARSE_HEADER") else int(self.options.get("SKIP_HEADER", 0))
        line = row + head
        for other in rejected:
            line += other <= line
        return line


def rewrite_one_file(tree: exp.Expr, file: StagedFile, duck: duckdb.DuckDBPyConnection) -> None:
    """Let the stage that the query names be this one file."""
    for table in list(tree.find_all(exp.Table)):
        if _reference(table):
            _positions(table, parquet=file.options["TYPE"] == "PARQUET")
            replace(table, view(of_file(file.path, file.name, file.options, duck), duck))


def of_file(file: Path, name: str, options: dict[str, Any], duck: duckdb.DuckDBPyConnection) -> str:
    """A DuckDB query of a staged file: COLUMN1 …, the two METADATA columns, and Parquet's own columns."""
    check_escapes(duck, file, options)
    number = '"row" AS "METADATA$FILE_ROW_NUMBER"'
    if options["TYPE"] == "CSV":
        count = width(duck, file, options)
        inner = csv_query(file, options, count, padded=True)
        fields = ", ".join(f"c{place} AS COLUMN{place}" for place in range(1, count + 1))
    elif options["TYPE"] == "JSON":
        inner, fields = json_query(file, options), "c1 AS COLUMN1"
    else:
        inner = f"SELECT * FROM read_parquet({file_literal(file)})"
        fields, number = "to_json(_) AS COLUMN1, _.*", 'row_number() OVER () AS "METADATA$FILE_ROW_NUMBER"'
    return f'SELECT {fields}, {literal(name)} AS "METADATA$FILENAME", {number} FROM ({inner}) AS _'


def _reference(table: exp.Table) -> str:
    node = table.this
    text = node.name if isinstance(node, exp.Var) or (isinstance(node, exp.Literal) and node.is_string) else ""
    if text.startswith("'"):
        text = text_of(text)
    return text if text.startswith("@") else ""


def _stage_view(
    table: exp.Table, reference: str, session: LocalConnection, duck: duckdb.DuckDBPyConnection
) -> exp.Table:
    form, pattern = table.args.get("format"), table.args.get("pattern")
    options = format_of(session, form.name if form is not None else None, reference[1:].split("/")[0])
    place = session.stages.place(reference, session.database, session.schema)
    names = matching(stages.files(place), pattern.name if pattern is not None else None)
    if not names:
        raise Refused(f"Remote file '{reference}' was not found.", 100145, "22000")
    _positions(table, parquet=options["TYPE"] == "PARQUET")
    return view(" UNION ALL BY NAME ".join(of_file(place.folder / name, name, options, duck) for name in names), duck)


def view(query: str, duck: duckdb.DuckDBPyConnection) -> exp.Table:
    """A name for the query, seen on this connection."""
    name = f"_STAGED_{next(_numbers) % 64}"
    duck.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {query}')
    return exp.table_(name, db="main", catalog="temp", quoted=True)


def _positions(table: exp.Table, *, parquet: bool) -> None:
    """t.$1 becomes a column of t; $1:x of a Parquet file its column x, with its own type."""
    scope = table.find_ancestor(exp.Select)
    for node in list(scope.find_all(exp.JSONExtract)) if scope is not None and parquet else []:
        path = node.expression
        keys = path.expressions if isinstance(path, exp.JSONPath) else []
        if _is_first(node.this) and len(keys) == 2 and isinstance(keys[1], exp.JSONPathKey):
            node.replace(exp.column(exp.to_identifier(str(keys[1].this), quoted=True)))
    for column in list(scope.find_all(exp.Column)) if scope is not None else []:
        if isinstance(column.this, exp.Parameter) and not column.this.this.is_string:
            column.set("this", exp.to_identifier(f"COLUMN{column.this.name}", quoted=True))


def _is_first(node: exp.Expr) -> bool:
    place = node.this if isinstance(node, exp.Column) else node
    return isinstance(place, exp.Parameter) and place.name == "1"


def replace(old: exp.Expr, new: exp.Table) -> None:
    """Let a name in a query be another; its alias stays."""
    if alias := old.args.get("alias"):
        new.set("alias", alias.copy())
    within = isinstance(old.parent, exp.Subquery)  # FROM (TABLE (…)), as Snowpark writes it
    (old.parent if isinstance(old.parent, exp.Table) else old).replace(exp.select("*").from_(new) if within else new)


def _inferred(call: exp.Anonymous, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> exp.Table:
    """INFER_SCHEMA(LOCATION => '@stage/path', FILE_FORMAT => 'name')."""
    given = {part.this.name.upper(): part.expression.name for part in call.expressions}
    if set(given) != {"LOCATION", "FILE_FORMAT"}:
        raise unsupported(call.sql("snowflake"))
    place = session.stages.place(given["LOCATION"], session.database, session.schema)
    options = format_of(session, given["FILE_FORMAT"])
    names = stages.files(place)
    if options["TYPE"] != "PARQUET":
        raise unsupported(f"INFER_SCHEMA of {options['TYPE']} files; only PARQUET")
    found: dict[str, list[Any]] = {}
    for name in names:
        for column, kind in _parquet_columns(place.folder / name, duck):
            row = found.setdefault(column, [column, kind, True, f'$1:"{column}"::{kind}', "", len(found)])
            row[4] = f"{row[4]}, {place.shown}{name}".removeprefix(", ")
    columns = {"COLUMN_NAME": "VARCHAR", "TYPE": "VARCHAR", "NULLABLE": "BOOLEAN", "EXPRESSION": "VARCHAR"}
    return view(rows_query({**columns, "FILENAMES": "VARCHAR", "ORDER_ID": "BIGINT"}, list(found.values())), duck)


def _parquet_columns(file: Path, duck: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    described = duck.execute(f"DESCRIBE SELECT * FROM read_parquet({file_literal(file)})").fetchall()
    return [(str(name), _snowflake_type(str(kind))) for name, kind, *_ in described]


def _snowflake_type(kind: str) -> str:
    if kind.startswith("DECIMAL"):
        return "NUMBER" + kind.removeprefix("DECIMAL").replace(",", ", ")
    if kind.endswith("INT") or kind == "INTEGER":
        return "NUMBER(38, 0)"
    if kind.startswith("TIMESTAMP"):
        return "TIMESTAMP_TZ" if "ZONE" in kind else "TIMESTAMP_NTZ"
    if kind.startswith("TIME"):
        return "TIME"
    return _TYPES.get(kind, "VARIANT")
