"""What goes with a dropped database, schema or table beside its rows: stages, loads, notes, procedures, models."""

import duckdb
from sqlglot import exp

from cortex_distill.local.cortex.show_models import drop_all_of
from cortex_distill.local.duck import literal
from cortex_distill.local.names import Name
from cortex_distill.local.scripting import procedures
from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.session.temporary import place_of
from cortex_distill.local.sql.noted import FS


def forget(tree: exp.Expr, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> None:
    """After a DROP or TRUNCATE of tables that succeeded. A truncated table may load the same files again."""
    if isinstance(tree, exp.TruncateTable):
        for table in tree.expressions:
            _forget_loads(place_of(table, session.database, session.schema), duck)
    elif isinstance(tree, exp.Drop) and tree.kind == "TABLE" and (found := tree.find(exp.Table)) is not None:
        place = place_of(found, session.database, session.schema)
        session.stages.drop_table(place)
        _forget_loads(place, duck)


def forget_all_of(database: str, schema: str | None, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> None:
    """After a schema, or a whole database, was dropped: one of the same name is to begin empty."""
    session.stages.drop_all_of(database, schema)
    session.temporary.forget(database, schema, duck)
    procedures.forget(duck, database, schema)
    drop_all_of(duck, database, schema)
    within = f"ext_table_catalog = {literal(database)}"
    if schema is not None:  # a database's history of loads went with its file
        within += f" AND ext_table_schema = {literal(schema)}"
        duck.execute(f"DELETE FROM {_loads(database)} WHERE schema_name = ?", [schema])
    for kept in ("_fs_columns_ext", "_fs_tables_ext"):
        duck.execute(f"DELETE FROM {FS}.{kept} WHERE {within}")


def _forget_loads(place: Name, duck: duckdb.DuckDBPyConnection) -> None:
    duck.execute(f"DELETE FROM {_loads(place.database)} WHERE schema_name = ? AND table_name = ?", list(place[1:]))


def _loads(database: str) -> str:
    return f'"{database}"._fs_information_schema._fs_load_history'
