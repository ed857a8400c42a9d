"""Tables as they are declared: what DuckDB is to check, what is to be noted, and names that it would mistake.

Sources: docs: sql-reference/sql/create-table, …/drop-table, …/truncate-table,
sql-reference/constraints-overview.
"""

from datetime import UTC, datetime

import duckdb
from sqlglot import exp

from cortex_distill.local.duck import quoted
from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.names import Name
from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.session.temporary import place_of
from cortex_distill.local.sql.noted import (
    FS,
    LONGEST,
    Notes,
    comment,
    comments_of,
    in_ext,
    names,
    sql_of,
    stored,
    target,
)

_DONE = "Statement executed successfully."
_KEYS = (exp.PrimaryKey, exp.PrimaryKeyColumnConstraint)
# DuckDB repeats the condition in its message: the mark of an error of Snowflake's is whole only in what error() says.
_CHECK = (
    "CASE WHEN length({name}) > {limit} THEN error('<<' || 'sf 100078 22000>>String ' || chr(39) || {name} || chr(39)"
    " || ' is too long and would be truncated<<' || '/sf>>') ELSE true END"
)
_OTHER_KEYS = (exp.UniqueColumnConstraint, exp.ForeignKey)


def of(tree: exp.Expr) -> Notes | None:
    """What a CREATE TABLE declares; None for another statement. Its columns get what DuckDB is to check: NOT NULL of a
    primary key, and the length of texts."""
    if not isinstance(tree, exp.Create) or tree.kind != "TABLE":
        return None
    columns = [part for part in tree.this.expressions if isinstance(part, exp.ColumnDef)]
    key = [stored(name) for part in tree.this.expressions for found in part.find_all(exp.PrimaryKey)
           for name in found.find_all(exp.Identifier)]  # fmt: skip
    key += [stored(column.this) for column in columns if column.find(exp.PrimaryKeyColumnConstraint)]
    if not tree.expression:
        for column in columns:
            _check(column, column_is_key=stored(column.this) in key)
    kind = "TRANSIENT" if tree.find(exp.TransientProperty) else "TABLE"
    created = datetime.now(UTC).isoformat()
    return {"kind": kind, "primary_key": key, "comments": comments_of(tree), "created": created}


def _check(column: exp.ColumnDef, *, column_is_key: bool) -> None:
    kinds = [part.args.get("kind") for part in column.args.get("constraints") or []]
    if column_is_key and not any(isinstance(kind, exp.NotNullColumnConstraint) for kind in kinds):
        column.append("constraints", exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))
    if limit := _length(column):
        text = _CHECK.format(name=quoted(stored(column.this)), limit=limit)  # DuckDB's SQL: nothing is to rewrite it
        column.append("constraints", exp.ColumnConstraint(kind=exp.CheckColumnConstraint(this=exp.var(text))))


def _length(column: exp.ColumnDef) -> int | None:
    kind = column.args.get("kind")
    if not isinstance(kind, exp.DataType) or kind.this not in exp.DataType.TEXT_TYPES or not kind.expressions:
        return None
    limit = int(kind.expressions[0].name)
    return limit if limit < LONGEST else None


def answer(tree: exp.Expr, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> str | None:
    """What a statement says that need not, or must not, reach DuckDB; None for the others.

    Raises Refused for a name that DuckDB would take for another one, as it does not mind case.
    """
    if isinstance(tree, exp.Alter) and tree.args.get("kind") == "TABLE":
        return _alter(tree, duck, place_of(tree.this, session.database, session.schema))
    if isinstance(tree, exp.TruncateTable) and tree.args.get("exists"):
        tree.set("exists", False)
        there = all(names(duck, place_of(table, session.database, session.schema)) for table in tree.expressions)
        return None if there else _DONE
    if not isinstance(tree, exp.Create | exp.Drop) or tree.kind not in ("TABLE", "VIEW"):
        return None
    place = place_of(target(tree), session.database, session.schema)
    known = names(duck, place)
    if isinstance(tree, exp.Drop):
        if place.name in known:
            return None
        if tree.args.get("exists"):
            return f"Drop statement executed successfully ({place.name} already dropped)."
        message = f"SQL compilation error:\n{tree.kind.title()} '{'.'.join(place)}' does not exist or not authorized."
        raise Refused(message, 2003, "42S02")
    if known and place.name not in known:
        raise unsupported(f"a name that differs from {known[0]} only by case: {place.name}")
    if known and tree.args.get("exists") and not tree.args.get("replace"):
        return f"{place.name} already exists, statement succeeded."
    for kept in ("_fs_columns_ext", "_fs_tables_ext"):
        duck.execute(f"DELETE FROM {FS}.{kept} WHERE {in_ext(place)}")
    return None


def _alter(tree: exp.Alter, duck: duckdb.DuckDBPyConnection, place: Name) -> str | None:
    """Comments of columns; keys, which Snowflake does not enforce and DuckDB would."""
    actions = tree.args.get("actions") or []
    if any(action.find(*_KEYS) for action in actions if isinstance(action, exp.AddConstraint)):
        raise unsupported("ALTER TABLE … ADD PRIMARY KEY; declare it in CREATE TABLE")
    if actions and all(isinstance(action, exp.AddConstraint) and action.find(*_OTHER_KEYS) for action in actions):
        return _DONE
    comments = [action for action in actions if isinstance(action, exp.AlterColumn) and action.args.get("comment")]
    if not comments:
        return None
    if len(comments) < len(actions):
        raise unsupported("ALTER TABLE of comments and something else; use a statement for each")
    for action in comments:
        comment(duck, f"COLUMN {sql_of(place)}.{quoted(stored(action.this))}", action.args["comment"].name)
    return _DONE
