"""Databases and schemas: CREATE DATABASE, DROP DATABASE, DROP SCHEMA. A database is a file of DuckDB's.

Sources: docs: sql-reference/sql/create-database, …/drop-database, …/drop-schema, …/create-schema.
"""

from collections.abc import Callable
from pathlib import Path

import duckdb
from sqlglot import exp

from cortex_distill.local.duck import quoted
from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.session.temporary import place_of
from cortex_distill.local.sql.forget import forget_all_of

_FILES = "SELECT database_name, path FROM duckdb_databases() WHERE path IS NOT NULL AND database_name <> 'SNOWFLAKE'"
_SCHEMAS = """SELECT 1 FROM duckdb_schemas() WHERE database_name = ? AND schema_name = ?
    AND schema_name NOT IN ('main', 'information_schema', 'pg_catalog', '_fs_information_schema')"""


def create(
    tree: exp.Create, session: LocalConnection, duck: duckdb.DuckDBPyConnection, run: Callable[[exp.Expr], None]
) -> None:
    """A new database has a schema PUBLIC, and both become the session's current ones."""
    if tree.args.get("replace"):
        raise unsupported("CREATE OR REPLACE DATABASE")
    before = _files(duck)
    run(tree)
    for name in _files(duck).keys() - before.keys():
        duck.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(name)}.PUBLIC")
        session.use(name, "PUBLIC")


def drop(tree: exp.Drop, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> str:
    """Drop a database or schema with all that is in it; what Snowflake says of it.

    Raises Refused if there is none, unless IF EXISTS.
    """
    database, schema, name = place_of(tree.args["tables"][0], session.database, None)
    if tree.kind == "DATABASE":
        return _drop_database(name, session, duck) or _absent("Database", name, name, tree)
    full = f"{database}.{schema}"
    return _drop_schema(database, schema, session, duck) or _absent("Schema", schema, full, tree)


def replace(tree: exp.Create, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> None:
    """Of CREATE OR REPLACE SCHEMA leave CREATE SCHEMA, with nothing in its way."""
    place = place_of(tree.this, session.database, None)
    _drop_schema(place.database, place.schema, session, duck)
    tree.set("replace", False)


def _drop_database(name: str, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> str | None:
    path = _files(duck).get(name)
    if path is None:
        return None
    duck.execute("USE memory")  # DuckDB detaches no database that is this connection's current one
    duck.execute(f"DETACH {quoted(name)}")
    for file in (path, f"{path}.wal"):
        Path(file).unlink(missing_ok=True)
    session.leave(name, None)
    forget_all_of(name, None, session, duck)
    return f"{name} successfully dropped."


def _drop_schema(database: str, name: str, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> str | None:
    if not duck.execute(_SCHEMAS, [database, name]).fetchall():
        return None
    duck.execute(f"DROP SCHEMA {quoted(database)}.{quoted(name)} CASCADE")
    session.leave(database, name)
    forget_all_of(database, name, session, duck)
    return f"{name} successfully dropped."


def _absent(kind: str, name: str, full: str, tree: exp.Drop) -> str:
    if tree.args.get("exists"):
        return f"Drop statement executed successfully ({name} already dropped)."
    raise Refused(f"SQL compilation error:\n{kind} '{full}' does not exist or not authorized.", 2003, "02000")


def _files(duck: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(duck.execute(_FILES).fetchall())
