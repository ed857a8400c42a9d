"""ALTER TABLE … RENAME and DROP COLUMN: what is noted of a table follows its new names at once.

Sources: docs: sql-reference/sql/alter-table, sql-reference/constraints-drop.
"""

import duckdb
from sqlglot import exp

from cortex_distill.local.duck import literal
from cortex_distill.local.faults import unsupported
from cortex_distill.local.names import Name
from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.session.temporary import place_of
from cortex_distill.local.sql.noted import FS, comments_of, in_ext, names, note, noted, stored

_EXTENSIONS = ("_fs_columns_ext", "_fs_tables_ext")


def check(tree: exp.Expr, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> None:
    """Leave of a table's new name only the name, as DuckDB reads it.

    Raises Refused for a move to another schema, which DuckDB would make a mere renaming, and for a name that DuckDB
    would take for another one.
    """
    if not isinstance(tree, exp.Alter) or not isinstance(tree.this, exp.Table):
        return
    old = place_of(tree.this, session.database, session.schema)
    for rename in tree.find_all(exp.AlterRename):
        new = place_of(rename.this, session.database, session.schema)
        if new[:2] != old[:2]:
            raise unsupported(f"a move to another schema: {tree.sql('snowflake')[:150]}")
        known = names(duck, new)
        if known and new.name not in known and new.name.lower() != old.name.lower():
            raise unsupported(f"a name that differs from {known[0]} only by case: {new.name}")
        rename.this.set("db", None)
        rename.this.set("catalog", None)


def single(tree: exp.Expr) -> list[exp.Expr]:
    """DROP COLUMN a, b as a statement for each column, as DuckDB wants it; another statement as it is."""
    actions = tree.args.get("actions") or [] if isinstance(tree, exp.Alter) else []
    if len(actions) != 1 or not isinstance(actions[0], exp.Drop) or len(actions[0].args.get("tables") or []) < 2:
        return [tree]
    parts = []
    for column in actions[0].args["tables"]:
        part = tree.copy()
        part.args["actions"][0].set("tables", [column.copy()])
        parts.append(part)
    return parts


def follow(tree: exp.Alter, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> None:
    """After it succeeded: notes, lengths, history of loads and staged files go where the table and its columns went."""
    place = place_of(tree.this, session.database, session.schema)
    for rename in tree.find_all(exp.AlterRename):
        new = place._replace(name=stored(rename.this.this))
        _move(place, new, duck)
        session.stages.rename_table(place, new)
        session.temporary.renamed(place, new.name)
        place = new
    columns = _columns(place, duck)
    if not columns:
        return  # ALTER TABLE IF EXISTS of none
    for change in tree.find_all(exp.RenameColumn):
        found = f"{in_ext(place)} AND ext_column_name = {literal(stored(change.this))}"
        new_name = literal(stored(change.args["to"]))
        duck.execute(f"UPDATE {FS}._fs_columns_ext SET ext_column_name = {new_name} WHERE {found}")
    there = ", ".join(map(literal, columns))
    duck.execute(f"DELETE FROM {FS}._fs_columns_ext WHERE {in_ext(place)} AND ext_column_name NOT IN ({there})")
    key = _renamed(tree, (noted(duck, place) or {}).get("primary_key", []))
    note({"primary_key": key if set(key) <= set(columns) else [], "comments": comments_of(tree)}, place, duck)


def _renamed(tree: exp.Alter, key: list[str]) -> list[str]:
    for change in tree.find_all(exp.RenameColumn):
        old, new = stored(change.this), stored(change.args["to"])
        key = [new if name == old else name for name in key]
    return key


def _move(old: Name, new: Name, duck: duckdb.DuckDBPyConnection) -> None:
    for kept in _EXTENSIONS:
        duck.execute(f"DELETE FROM {FS}.{kept} WHERE {in_ext(new)}")  # of a table that had the name before
        duck.execute(f"UPDATE {FS}.{kept} SET ext_table_name = {literal(new.name)} WHERE {in_ext(old)}")
    loads = f'"{new.database}"._fs_information_schema._fs_load_history'
    duck.execute(f"DELETE FROM {loads} WHERE schema_name = ? AND table_name = ?", list(new[1:]))
    moved = f"UPDATE {loads} SET table_name = ? WHERE schema_name = ? AND table_name = ?"
    duck.execute(moved, [new.name, *old[1:]])


def _columns(place: Name, duck: duckdb.DuckDBPyConnection) -> list[str]:
    query = "SELECT column_name FROM duckdb_columns() WHERE database_name = ? AND schema_name = ? AND table_name = ?"
    return [str(name) for (name,) in duck.execute(query, list(place)).fetchall()]
