"""What goes with a dropped database, schema or table beside its rows: stages, staged files, the history of loads."""

import duckdb
from sqlglot import exp

from cortex_distill.local.session.connection import LocalConnection


def forget(tree: exp.Expr, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> None:
    """After a DROP or TRUNCATE that succeeded. A truncated table may load the same files again."""
    if isinstance(tree, exp.TruncateTable):
        for table in tree.expressions:
            _forget_loads(_place(table, session), duck)
    elif isinstance(tree, exp.Drop) and (found := tree.find(exp.Table)) is not None:
        kind, place = str(tree.args["kind"]).upper(), _place(found, session)
        if kind == "DATABASE":
            session.stages.drop_all_of(place[2], None)
        elif kind == "SCHEMA":
            session.stages.drop_all_of(_stored(found.args.get("db")) or session.database or "", place[2])
        elif kind == "TABLE":
            session.stages.drop_table(place)
            _forget_loads(place, duck)


def _forget_loads(place: tuple[str, str, str], duck: duckdb.DuckDBPyConnection) -> None:
    history = f'"{place[0]}"._fs_information_schema._fs_load_history'
    duck.execute(f"DELETE FROM {history} WHERE SCHEMA_NAME = ? AND TABLE_NAME = ?", list(place[1:]))


def _place(table: exp.Table, session: LocalConnection) -> tuple[str, str, str]:
    parts = [_stored(table.args.get(key)) for key in ("catalog", "db", "this")]
    return parts[0] or session.database or "", parts[1] or session.schema or "", parts[2]


def _stored(node: exp.Expr | None) -> str:
    """A name as it is stored: in capitals unless quoted."""
    if not isinstance(node, exp.Identifier):
        return ""
    return str(node.this) if node.quoted else str(node.this).upper()
