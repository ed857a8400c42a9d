"""What DuckDB does not keep of a table: notes of its kind, primary key, text lengths, comment and time of creation.

They are a JSON text in DuckDB's own comment on the table, so that they go where the table goes.
"""

import json
from contextlib import suppress
from typing import Any

import duckdb
from fakesnow import info_schema
from sqlglot import exp

from cortex_distill.local.duck import literal, quoted
from cortex_distill.local.faults import unsupported
from cortex_distill.local.names import Name
from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.session.temporary import PREFIX, place_of

Notes = dict[str, Any]
LONGEST = 16_777_216
FS = "_fs_global._fs_information_schema"


def keep(notes: Notes | None, tree: exp.Expr, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> None:
    """After a statement that defines a table succeeded: note what was declared, or said in a COMMENT."""
    if notes is not None or (isinstance(tree, exp.Comment) and tree.args.get("kind") == "TABLE"):
        note(notes or {}, place_of(target(tree), session.database, session.schema), duck)


def note(notes: Notes, place: Name, duck: duckdb.DuckDBPyConnection) -> None:
    """Add to the notes of a table, if there is one, and to them what fakesnow keeps of it now."""
    before = noted(duck, place)
    if before is None:
        return
    with suppress(duckdb.TransactionException, duckdb.CatalogException):  # redefined meanwhile: that one notes its own
        for name, text in notes.pop("comments", {}).items():
            comment(duck, f"COLUMN {sql_of(place)}.{quoted(name)}", text)
        comment(duck, f"TABLE {sql_of(place)}", json.dumps({**before, **notes, **_remembered(duck, place)}))


def _remembered(duck: duckdb.DuckDBPyConnection, place: Name) -> Notes:
    """What fakesnow keeps, which is forgotten when the process ends."""
    query = f"SELECT ext_column_name, ext_character_maximum_length FROM {FS}._fs_columns_ext WHERE {in_ext(place)}"
    lengths = {name: length for name, length in duck.execute(query).fetchall() if length < LONGEST}
    found = duck.execute(f"SELECT comment FROM {FS}._fs_tables_ext WHERE {in_ext(place)} AND comment <> 'None'")
    said = found.fetchall()  # 'None' is how fakesnow writes that there is no comment
    return {"lengths": lengths, "comment": said[0][0] if said else ""}


def noted(duck: duckdb.DuckDBPyConnection, place: Name) -> Notes | None:
    """What was noted of a table; None if there is no such table."""
    query = "SELECT comment FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? AND table_name = ?"
    found = duck.execute(query, list(place)).fetchall()
    return json.loads(found[0][0] or "{}") if found else None


def described(tree: exp.Describe, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> str | None:
    """What DESCRIBE TABLE's columns are to be replaced by; None if it describes something else."""
    if not isinstance(tree.this, exp.Table) or str(tree.args.get("kind")).upper() not in ("TABLE", "VIEW"):
        return None
    if tree.this.catalog == "temp":  # the view that `naming` put in its place
        raise unsupported("DESCRIBE of a view of INFORMATION_SCHEMA")
    place = place_of(tree.this, session.database, session.schema)
    key = "".join(f", {literal(name)}" for name in (noted(duck, place) or {}).get("primary_key", []))
    cases = "".join(f" WHEN {literal(name)} THEN {literal(text)}" for name, text in _comments(duck, place).items())
    is_key = f"CASE WHEN name IN (''{key}) THEN 'Y' ELSE 'N' END"
    return f"""{is_key} AS "primary key", CASE name WHEN '' THEN ''{cases} END AS "comment\""""


def copied(tree: exp.Expr, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> Notes:
    """What a LIKE or CLONE has from its source; the lengths are told to fakesnow."""
    source = tree.args["expression"].find(exp.Table)  # as statement_rules.template wrote it
    place = place_of(source, session.database, session.schema)
    known = noted(duck, place) or {}
    if lengths := list(known.get("lengths", {}).items()):
        made = place_of(target(tree), session.database, session.schema)
        duck.execute(info_schema.insert_text_lengths_sql(*made, lengths))
    return {"primary_key": known.get("primary_key", []), "comments": _comments(duck, place)}


def _comments(duck: duckdb.DuckDBPyConnection, place: Name) -> dict[str, str]:
    query = "SELECT column_name, comment FROM duckdb_columns() WHERE comment IS NOT NULL"
    where = "database_name = ? AND schema_name = ? AND table_name = ?"
    return dict(duck.execute(f"{query} AND {where}", list(place)).fetchall())


def restore(duck: duckdb.DuckDBPyConnection, database: str) -> None:
    """Tell fakesnow what it kept of a database's tables in an earlier process."""
    tables = "SELECT database_name, schema_name, table_name, comment FROM duckdb_tables() WHERE database_name = ?"
    for _, schema, name, notes in duck.execute(f"{tables} AND comment IS NOT NULL", [database]).fetchall():
        known = json.loads(notes)
        if known["lengths"]:
            duck.execute(info_schema.insert_text_lengths_sql(database, schema, name, list(known["lengths"].items())))
        if known["comment"]:
            duck.execute(
                f"INSERT INTO {FS}._fs_tables_ext VALUES (?, ?, ?, ?)", [database, schema, name, known["comment"]]
            )


def stated(duck: duckdb.DuckDBPyConnection, session: LocalConnection) -> str:
    """A DuckDB query of every table that the session sees: in_database, in_schema, called, notes, counted. DuckDB's own
    figure of rows includes deleted ones. Temporary tables of other sessions may be gone before they are counted."""
    own = f"{PREFIX}{session.number}_"
    tables = "SELECT database_name, schema_name, table_name, comment FROM duckdb_tables() WHERE NOT internal"
    lines = ["SELECT '' AS in_database, '' AS in_schema, '' AS called, '{}' AS notes, 0 AS counted"]
    for *place, notes in duck.execute(tables).fetchall():
        if place[1].startswith(PREFIX) and not place[1].startswith(own):
            continue
        cells = ", ".join(map(literal, [*place, notes or "{}"]))
        lines.append(f"SELECT {cells}, (SELECT count(*) FROM {sql_of(Name(*place))})")
    return " UNION ALL ".join(lines)


def names(duck: duckdb.DuckDBPyConnection, place: Name) -> list[str]:
    """The tables and views of that name, as they are stored, whatever the case of their letters."""
    query = """SELECT table_name FROM (SELECT database_name, schema_name, table_name FROM duckdb_tables()
               UNION ALL SELECT database_name, schema_name, view_name FROM duckdb_views()) AS _
               WHERE lower(database_name) = lower(?) AND lower(schema_name) = lower(?)
               AND lower(table_name) = lower(?)"""
    return [str(name) for (name,) in duck.execute(query, list(place)).fetchall()]


def comments_of(tree: exp.Expr) -> dict[str, str]:
    """The comments of the columns that a statement defines."""
    columns = tree.find_all(exp.ColumnDef)
    found = {stored(column.this): column.find(exp.CommentColumnConstraint) for column in columns}
    return {name: said.this.name for name, said in found.items() if said is not None}


def in_ext(place: Name) -> str:
    """The condition that picks a table's rows of what fakesnow keeps."""
    parts = zip(("catalog", "schema", "name"), place, strict=True)
    return " AND ".join(f"ext_table_{part} = {literal(text)}" for part, text in parts)


def comment(duck: duckdb.DuckDBPyConnection, what: str, text: str) -> None:
    """Let DuckDB keep a text about a table or column."""
    duck.execute(f"COMMENT ON {what} IS {literal(text)}")


def target(tree: exp.Expr) -> exp.Table:
    """The table that a statement defines."""
    found = tree.this.find(exp.Table) if isinstance(tree.this, exp.Expr) else tree.find(exp.Table)
    assert isinstance(found, exp.Table)  # every statement that defines one names it
    return found


def stored(name: exp.Expr) -> str:
    """A name as it is stored: in capitals unless quoted."""
    found = name if isinstance(name, exp.Identifier) else name.find(exp.Identifier)
    assert isinstance(found, exp.Identifier)  # a column's name
    return str(found.this) if found.quoted else str(found.this).upper()


def sql_of(place: Name) -> str:
    """A table's full name in DuckDB's SQL."""
    return ".".join(quoted(part) for part in place)
