"""COPY INTO a table from staged files: the statement read, files chosen, each loaded, and the documented report.

Source: docs: sql-reference/sql/copy-into-table, user-guide/tutorials/data-load-internal-tutorial
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import duckdb
from fakesnow import statement_type
from sqlglot import exp

from cortex_distill.local.duck import quoted
from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.names import Name
from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.sql import noted
from cortex_distill.local.sql.cursor import LocalCursor
from cortex_distill.local.stages import stages
from cortex_distill.local.stages.casting import Column
from cortex_distill.local.stages.clauses import format_of, matching, reference, rows_query
from cortex_distill.local.stages.fitting import Target
from cortex_distill.local.stages.load_history import LoadHistory
from cortex_distill.local.stages.loading import prepare
from cortex_distill.local.stages.staged import StagedFile
from cortex_distill.local.stages.wording import Wording
from cortex_distill.local.wire.results import Result

_OPTIONS = ("FILE_FORMAT", "FILES", "PATTERN", "ON_ERROR", "PURGE", "FORCE", "MATCH_BY_COLUMN_NAME", "SIZE_LIMIT",
            "TRUNCATECOLUMNS", "ENFORCE_LENGTH")  # fmt: skip
_ON_ERROR = ("ABORT_STATEMENT", "CONTINUE", "SKIP_FILE")
_REPORT = {
    **dict.fromkeys(("file", "status"), "VARCHAR"),
    **dict.fromkeys(("rows_parsed", "rows_loaded", "error_limit", "errors_seen"), "BIGINT"),
    "first_error": "VARCHAR",
    **dict.fromkeys(("first_error_line", "first_error_character"), "BIGINT"),
    "first_error_column_name": "VARCHAR",
}


class Copy(NamedTuple):
    """A COPY statement."""

    table: tuple[str, str, str]
    columns: list[str]
    reference: str
    query: str
    """The SELECT of a transformation, or empty."""
    options: dict[str, Any]


def run(cursor: LocalCursor, session: LocalConnection, duck: duckdb.DuckDBPyConnection, sql: str) -> Result:
    """Run a COPY statement. Nothing is loaded if it raises."""
    copy = _read(session, sql)
    place = session.stages.place(copy.reference, session.database, session.schema)
    if place.owner not in (None, copy.table):
        raise Refused(
            "SQL compilation error:\nAccess to the stage area of another table is not allowed.", 1023, "42601"
        )
    stage = copy.reference[1:].split("/")[0]
    options = format_of(session, copy.options.get("FILE_FORMAT"), stage)
    target = _target(session, duck, copy)
    with _together(session, duck):
        history = LoadHistory(session, duck, target)
        every = copy.options.get("FORCE") is True
        chosen = [name for name in _names(place, copy) if every or not history.has(place.folder / name)]
        files = [
            StagedFile(place.folder / name, name, place.shown + name, options, f'temp.main."_COPY_{number}"')
            for number, name in enumerate(chosen)
        ]
        prepared = [prepare(cursor, duck, target, file, copy) for file in files]
        for file, (report, insert) in zip(files, prepared, strict=True):
            if insert:
                duck.execute(insert)
                history.note(file.path, report)
            duck.execute(f"DROP TABLE IF EXISTS {file.rows}")
    done = [report for report, _ in prepared]
    if copy.options.get("PURGE") is True:
        for file, loaded in zip(files, done, strict=True):
            if loaded.status == "LOADED":
                file.path.unlink(missing_ok=True)
    answer = rows_query(_REPORT, done) if done else "SELECT 'Copy executed with 0 files processed.' AS \"status\""
    return cursor.answer(answer)._replace(kind=statement_type.COPY)


def _read(session: LocalConnection, sql: str) -> Copy:
    words = Wording(sql)
    words.expect("COPY", "INTO")
    if words.peek().text.startswith(("@", "'@")):
        raise unsupported("COPY INTO a stage (unloading); select the rows and write them on the client")
    table = stages.full_name(words.name(), session.database, session.schema)
    columns = [_column(part) for part in words.group().split(",")] if words.peek().text == "(" else []
    query = ""
    if not words.take("FROM"):  # the table's own stage
        staged = "@" + ".".join(quoted(part) for part in (*table[:2], f"%{table[2]}"))
    elif words.peek().text == "(":
        query = words.group()
        staged = _staged_in(query)
    else:
        staged = reference(words)
    options: dict[str, Any] = words.options()
    words.end()
    if wrong := [name for name in options if name not in _OPTIONS]:
        raise unsupported(f"{wrong[0]} of COPY INTO")
    if "SIZE_LIMIT" in options:
        raise unsupported("SIZE_LIMIT of COPY INTO")
    options["ON_ERROR"] = str(options.get("ON_ERROR", "ABORT_STATEMENT")).upper()
    options["MATCH_BY_COLUMN_NAME"] = str(options.get("MATCH_BY_COLUMN_NAME", "NONE")).upper()
    options["TRUNCATECOLUMNS"] = options.get("TRUNCATECOLUMNS") is True or options.get("ENFORCE_LENGTH") is False
    if options["ON_ERROR"] not in _ON_ERROR:
        raise unsupported(f"ON_ERROR = {options['ON_ERROR']}; only {', '.join(_ON_ERROR)}")
    if query and options["ON_ERROR"] != "ABORT_STATEMENT":
        raise unsupported(f"ON_ERROR = {options['ON_ERROR']} of a COPY with a SELECT; only ABORT_STATEMENT")
    if query and options["MATCH_BY_COLUMN_NAME"] != "NONE":
        raise unsupported("MATCH_BY_COLUMN_NAME with a SELECT")
    return Copy(table, columns, staged, query, options)


def _column(text: str) -> str:
    text = text.strip()
    return text[1:-1].replace('""', '"') if text.startswith('"') else text.upper()


def _staged_in(query: str) -> str:
    """The one stage that a transformation reads."""
    words, found = Wording(query), []
    while (word := words.peek()).kind != "end":
        if word.kind == "stage" or word.text.startswith("'@"):
            found.append(reference(words))
        else:
            words.next()
    if len(found) != 1:
        raise unsupported("COPY INTO from anything but one stage")
    return found[0]


def _names(place: stages.Place, copy: Copy) -> list[str]:
    known = stages.files(place)
    listed = copy.options.get("FILES")
    if listed is None:
        return matching(known, copy.options.get("PATTERN"))
    prefix = place.path.rstrip("/") + "/" if place.path else ""
    wanted = [prefix + name for name in ([listed] if isinstance(listed, str) else listed)]
    if (gone := [name for name in wanted if name not in known]) and copy.options["ON_ERROR"] == "ABORT_STATEMENT":
        raise Refused(f"Remote file '{place.shown}{gone[0]}' was not found.", 100145, "22000")
    return [name for name in wanted if name in known]


def _target(session: LocalConnection, duck: duckdb.DuckDBPyConnection, copy: Copy) -> Target:
    """The table as DuckDB knows it; a temporary one under its hidden name."""
    table = exp.table_(copy.table[2], db=copy.table[1], catalog=copy.table[0], quoted=True)
    tree = exp.select("*").from_(table)
    session.temporary.rewrite(tree, duck, session.database, session.schema)
    place = tree.find(exp.Table)
    assert place is not None  # it was just put there
    query = """SELECT column_name, data_type, is_nullable FROM duckdb_columns()
               WHERE database_name = ? AND schema_name = ? AND table_name = ? AND NOT internal ORDER BY column_index"""
    rows = duck.execute(query, [place.catalog, place.db, place.name]).fetchall()
    if not rows:
        message = f"SQL compilation error:\nTable '{'.'.join(copy.table)}' does not exist or not authorized."
        raise Refused(message, 2003, "42S02")
    notes = noted.noted(duck, Name(place.catalog, place.db, place.name)) or {}
    lengths = notes.get("lengths", {})
    known = {name: Column(name, str(kind), bool(nullable), lengths.get(name)) for name, kind, nullable in rows}
    if unknown := [name for name in copy.columns if name not in known]:
        raise Refused(f"SQL compilation error: error line 1\ninvalid identifier '{unknown[0]}'", 904, "42000")
    columns = [known[name] for name in copy.columns] if copy.columns else list(known.values())
    return Target(place.catalog, place.db, place.name, copy.table[2], columns)


@contextmanager
def _together(session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All files or none; inside a transaction of the session's own, that one decides."""
    if session.open_transaction or not session._autocommit:
        yield
        return
    duck.execute("BEGIN")
    try:
        yield
    except BaseException:
        duck.execute("ROLLBACK")
        raise
    duck.execute("COMMIT")
