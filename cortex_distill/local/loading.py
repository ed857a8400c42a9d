"""One staged file into a table: rows that do not fit are found, counted and reported before any is loaded."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import duckdb
from fakesnow.dialect import parse_one

from cortex_distill.local import calls, staged
from cortex_distill.local.casting import Column, failure, value
from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.file_formats import (
    check_escapes,
    csv_query,
    file_literal,
    header,
    json_query,
    literal,
    width,
)
from cortex_distill.local.staged import StagedFile

if TYPE_CHECKING:
    from cortex_distill.local.copy_into import Copy
    from cortex_distill.local.cursor import LocalCursor

_ONE_COLUMN = (
    "SQL compilation error:\n{} file format can produce one and only one column of type variant, object, or array."
    " Load data into separate columns using the MATCH_BY_COLUMN_NAME copy option or copy with transformation."
)
_MORE = (
    "  If you would like to continue loading when an error is encountered, use other values such as 'SKIP_FILE' or"
    " 'CONTINUE' for the ON_ERROR option."
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
        return ".".join(_quoted(part) for part in (self.database, self.schema, self.name))


class Loaded(NamedTuple):
    """A row of COPY's report."""

    file: str
    status: str
    rows_parsed: int
    rows_loaded: int
    error_limit: int
    errors_seen: int
    first_error: str | None = None
    first_error_line: int | None = None
    first_error_character: int | None = None
    first_error_column_name: str | None = None


class Prepared(NamedTuple):
    """A checked file: its report, and the DuckDB statement that loads its good rows, if there is one to load."""

    report: Loaded
    insert: str


class _Fit(NamedTuple):
    """A column of the table with the column of the staged rows that goes into it."""

    column: Column
    source: str
    value: str


class _Fault(NamedTuple):
    error: Refused
    line: int
    character: int | None
    column: str


def prepare(
    cursor: "LocalCursor", duck: duckdb.DuckDBPyConnection, target: Target, staged_file: StagedFile, copy: "Copy"
) -> Prepared:
    """Read and check a file. Raises its first error if ON_ERROR is ABORT_STATEMENT."""
    duck.execute("DROP TABLE IF EXISTS temp.main.reject_errors")
    duck.execute("DROP TABLE IF EXISTS temp.main.reject_scans")
    if copy.query:
        fits = _transformed(cursor, duck, target, staged_file, copy.query)
    else:
        check_escapes(duck, staged_file.path, staged_file.options)
        read = _read_csv if staged_file.options["TYPE"] == "CSV" else _read_documents
        fits = read(duck, target, staged_file, copy.options["MATCH_BY_COLUMN_NAME"])
    return _checked(duck, target, staged_file, fits, copy.options["ON_ERROR"])


def _checked(
    duck: duckdb.DuckDBPyConnection, target: Target, staged_file: StagedFile, fits: Sequence[_Fit], on_error: str
) -> Prepared:
    rows = staged_file.rows
    bad = " OR ".join(filter(None, map(_misfit, fits))) or "false"
    total, misfits = duck.execute(f"SELECT count(*), count(*) FILTER (WHERE {bad}) FROM {rows}").fetchall()[0]
    rejected = _rejected(duck)
    parsed, seen = total + len(rejected), misfits + len(rejected)
    names = ", ".join(_quoted(fit.column.name) for fit in fits)
    insert = f"INSERT INTO {target.sql()} ({names}) SELECT {', '.join(fit.value for fit in fits)} FROM {rows}"
    if not seen:
        return Prepared(Loaded(staged_file.shown, "LOADED", parsed, parsed, _limit(on_error, parsed), 0), insert)
    first = _first(duck, target, staged_file, fits, rejected)
    if on_error == "ABORT_STATEMENT":
        where = f"  File '{staged_file.shown}', line {first.line}, character {first.character or 1}"
        raise Refused(
            f"{first.error.message}\n{where}\n  Column {first.column}\n{_MORE}", first.error.code, first.error.state
        )
    kept = parsed - seen if on_error == "CONTINUE" else 0
    report = Loaded(
        staged_file.shown,
        "PARTIALLY_LOADED" if kept else "LOAD_FAILED",
        parsed,
        kept,
        _limit(on_error, parsed),
        seen,
        first.error.message,
        first.line,
        first.character,
        first.column,
    )
    return Prepared(report, f"{insert} WHERE NOT ({bad})" if kept else "")


def _limit(on_error: str, parsed: int) -> int:
    return parsed if on_error == "CONTINUE" else 1


def _misfit(fit: _Fit) -> str:
    """A condition that is true of rows whose value the column does not take; never NULL."""
    if fit.column.kind in ("VARCHAR", "JSON"):
        return "" if fit.column.nullable else f"{fit.source} IS NULL"
    wrong = f"({fit.source} IS NOT NULL AND {fit.value} IS NULL)"
    return wrong if fit.column.nullable else f"({fit.value} IS NULL)"


def _rejected(duck: duckdb.DuckDBPyConnection) -> dict[int, tuple[str, str]]:
    """By line: what DuckDB's reader did not take, and its words."""
    known = "SELECT 1 FROM duckdb_tables() WHERE table_name = 'reject_errors' AND temporary"
    if not duck.execute(known).fetchall():
        return {}
    query = (
        "SELECT line, max(error_type::VARCHAR), max(error_message) FROM temp.main.reject_errors GROUP BY 1 ORDER BY 1"
    )
    return {int(line): (str(kind), str(message)) for line, kind, message in duck.execute(query).fetchall()}


def _first(
    duck: duckdb.DuckDBPyConnection,
    target: Target,
    staged_file: StagedFile,
    fits: Sequence[_Fit],
    rejected: dict[int, tuple[str, str]],
) -> _Fault:
    faults = [_reader_fault(target, line, *rejected[line]) for line in list(rejected)[:1]]
    checks = {fit: _misfit(fit) for fit in fits}
    listed = [(place, fit) for place, fit in enumerate(fits) if checks[fit]]
    if listed:
        which = " ".join(f"WHEN {checks[fit]} THEN {place}" for place, fit in listed)
        query = f'SELECT "row", CASE {which} END AS place, * FROM {staged_file.rows} WHERE place IS NOT NULL'
        found = duck.execute(f"{query} ORDER BY 1 LIMIT 1").fetchall()
        if found:
            row, place = found[0][:2]
            fit = fits[place]
            text = duck.execute(
                f'SELECT {fit.source}::VARCHAR FROM {staged_file.rows} WHERE "row" = ?', [row]
            ).fetchall()
            shown = f'"{target.shown}"["{fit.column.name}":{place + 1}]'
            line = staged_file.line_of(row, sorted(rejected))
            faults.append(_Fault(failure(text[0][0], fit.column), line, None, shown))
    return min(faults, key=lambda fault: fault.line)


def _reader_fault(target: Target, line: int, kind: str, message: str) -> _Fault:
    if kind in ("MISSING COLUMNS", "TOO MANY COLUMNS"):
        found = re.findall(r"\d+", message)[-1]
        text = (
            f"Number of columns in file ({found}) does not match that of the corresponding table"
            f" ({len(target.columns)}), use file format option error_on_column_count_mismatch=false"
            " to ignore this error"
        )
        return _Fault(Refused(text, 100080, "22000"), line, 1, f'"{target.shown}"[{found}]')
    return _Fault(Refused(message, 100144 if "ENCODING" in kind else 100016, "22000"), line, 1, f'"{target.shown}"[1]')


def _read_csv(duck: duckdb.DuckDBPyConnection, target: Target, staged_file: StagedFile, by_name: str) -> list[_Fit]:
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
    return [_Fit(column, f"c{place}", value(f"c{place}", column)) for place, column in pairs.items()]


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


def _read_documents(
    duck: duckdb.DuckDBPyConnection, target: Target, staged_file: StagedFile, by_name: str
) -> list[_Fit]:
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
        row = "to_json({" + ", ".join(f"{literal(name)}: {_quoted(name)}" for name in names) + "})"
        whole = "c1" if kind == "JSON" else row
        return [_Fit(target.columns[0], whole, whole)]
    if kind == "JSON":
        keys = duck.execute(f"SELECT DISTINCT unnest(json_keys(c1)) AS k FROM {staged_file.rows} ORDER BY 1").fetchall()
        found = _by_name(target, [key for (key,) in keys], by_name)
        return [_of_key(keys[place - 1][0], column) for place, column in found.items()]
    names = _names(duck, staged_file)
    found = _by_name(target, names, by_name)
    return [_native(_quoted(names[place - 1]), "", column) for place, column in found.items()]


def _names(duck: duckdb.DuckDBPyConnection, staged_file: StagedFile) -> list[str]:
    described = duck.execute(f"DESCRIBE {staged_file.rows}").fetchall()
    return [str(name) for name, *_ in described if name != "row"]


def _of_key(key: str, column: Column) -> _Fit:
    path = literal('$."' + key.replace('"', '\\"') + '"')
    if column.kind == "JSON":
        whole = f"json_extract(c1, {path})"
        return _Fit(column, whole, whole)
    text = f"json_extract_string(c1, {path})"
    return _Fit(column, text, value(text, column))


def _native(source: str, kind: str, column: Column) -> _Fit:
    """A column that has a type of its own."""
    if column.kind == "JSON":
        return _Fit(column, source, source if kind == "JSON" else f"to_json({source})")
    if kind == "VARCHAR":
        return _Fit(column, source, value(source, column))
    if kind == "JSON":
        text = f"json_extract_string({source}, '$')"
        return _Fit(column, source, value(text, column))
    return _Fit(column, source, f"TRY_CAST({source} AS {column.kind})")


def _transformed(
    cursor: "LocalCursor", duck: duckdb.DuckDBPyConnection, target: Target, staged_file: StagedFile, query: str
) -> list[_Fit]:
    tree = parse_one(query)
    if calls.mentioned(tree):
        raise unsupported("a Cortex call in COPY INTO; load the rows first")
    staged.rewrite_one_file(tree, staged_file, duck)
    translated = cursor.translated(tree).sql("duckdb")
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


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
