"""MERGE as one atomic DuckDB statement (fakesnow's own is three), with Snowflake's counts."""

from collections.abc import Callable

import duckdb
from sqlglot import exp

_ACTIONS = {"INSERT": "inserted", "UPDATE": "updated", "DELETE": "deleted"}


def run_merge(tree: exp.Merge, duck: duckdb.DuckDBPyConnection, translated: Callable[[exp.Expr], exp.Expr]) -> str:
    """Run it; the text of a query that returns the counts of the kinds of action that it may take."""
    possible = {_prepare(when.args["then"]) for when in tree.args["whens"].expressions}
    rows = duck.execute(translated(tree).sql("duckdb") + " RETURNING merge_action").fetchall()
    done = [_ACTIONS[action] for (action,) in rows]
    counts = [f'{done.count(kind)} AS "number of rows {kind}"' for kind in _ACTIONS.values() if kind in possible]
    return f"SELECT {', '.join(counts)}"


def _prepare(then: exp.Expr) -> str:
    """DuckDB wants the target's columns without a table name. Returns what the branch does."""
    if isinstance(then, exp.Update):
        for equation in then.expressions:
            if isinstance(equation.this, exp.Column):
                equation.set("this", exp.column(equation.this.this.copy()))
        return "updated"
    if isinstance(then, exp.Insert):
        if isinstance(then.this, exp.Tuple):
            bare = [
                exp.column(part.this.copy()) if isinstance(part, exp.Column) else part for part in then.this.expressions
            ]
            then.this.set("expressions", bare)
        return "inserted"
    return "deleted"
