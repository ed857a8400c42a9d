"""One staged file into a table: rows that do not fit are found, counted and reported before any is loaded."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from cortex_distill.local.duck import quoted
from cortex_distill.local.faults import Refused
from cortex_distill.local.stages.casting import failure
from cortex_distill.local.stages.file_formats import check_escapes
from cortex_distill.local.stages.fitting import Fit, Target, read_csv, read_documents, transformed
from cortex_distill.local.stages.staged import StagedFile

if TYPE_CHECKING:
    from cortex_distill.local.sql.cursor import LocalCursor
    from cortex_distill.local.stages.copy_into import Copy

_MORE = (
    "  If you would like to continue loading when an error is encountered, use other values such as 'SKIP_FILE' or"
    " 'CONTINUE' for the ON_ERROR option."
)


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
        fits = transformed(cursor, duck, target, staged_file, copy.query)
    else:
        check_escapes(duck, staged_file.path, staged_file.options)
        read = read_csv if staged_file.options["TYPE"] == "CSV" else read_documents
        fits = read(duck, target, staged_file, copy.options["MATCH_BY_COLUMN_NAME"])
    if copy.options["TRUNCATECOLUMNS"]:
        fits = [_cut(fit) for fit in fits]
    return _checked(duck, target, staged_file, fits, copy.options["ON_ERROR"])


def _cut(fit: Fit) -> Fit:
    """TRUNCATECOLUMNS: a text that is too long loses its end."""
    return fit._replace(value=f"left({fit.value}, {fit.column.length})") if fit.column.length else fit


def _checked(
    duck: duckdb.DuckDBPyConnection, target: Target, staged_file: StagedFile, fits: Sequence[Fit], on_error: str
) -> Prepared:
    rows = staged_file.rows
    bad = " OR ".join(filter(None, map(_misfit, fits))) or "false"
    total, misfits = duck.execute(f"SELECT count(*), count(*) FILTER (WHERE {bad}) FROM {rows}").fetchall()[0]
    rejected = _rejected(duck)
    parsed, seen = total + len(rejected), misfits + len(rejected)
    names = ", ".join(quoted(fit.column.name) for fit in fits)
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


def _misfit(fit: Fit) -> str:
    """A condition that is true of rows whose value the column does not take; never NULL."""
    if fit.column.kind in ("VARCHAR", "JSON"):
        missing = "" if fit.column.nullable else f"{fit.source} IS NULL"
        long = f"coalesce(length({fit.value}) > {fit.column.length}, false)" if fit.column.length else ""
        return " OR ".join(filter(None, (missing, long)))
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
    fits: Sequence[Fit],
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
