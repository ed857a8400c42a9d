"""MERGE as one atomic DuckDB statement (fakesnow's own is three), with Snowflake's counts."""

from collections.abc import Callable, Container

import duckdb
from sqlglot import exp

from cortex_distill.local.faults import Refused
from cortex_distill.local.stages.wording import Wording

_ACTIONS = {"INSERT": "inserted", "UPDATE": "updated", "DELETE": "deleted"}


_EVERY = "_ALL BY NAME"  # stands for every column until they are known
_BY_NAME = {"UPDATE": f'UPDATE SET "{_EVERY}" = 1', "INSERT": f'INSERT ("{_EVERY}") VALUES (1)'}


def parsable(sql: str) -> str:
    """UPDATE and INSERT ALL BY NAME in words that the parser knows."""
    words, found = Wording(sql), []
    if not words.take("MERGE"):
        return sql
    while (word := words.peek()).kind != "end":
        verb = word.text.upper()
        if verb in _BY_NAME and words.take(verb, "ALL", "BY", "NAME"):
            found.append((word.start, words.before().end, _BY_NAME[verb]))
        else:
            words.next()
    for start, end, text in reversed(found):
        sql = sql[:start] + text + sql[end:]
    return sql


def _name_all(tree: exp.Merge, described: Callable[[exp.Expr], list[str]]) -> None:
    """Write out ALL BY NAME. Source: docs: sql-reference/sql/merge: both sides must have the same columns."""
    actions = [when.args["then"] for when in tree.args["whens"].expressions]
    meant = [action for action in actions if action.find(exp.Identifier) and _EVERY in action.sql("snowflake")]
    if not meant:
        return
    using = tree.args["using"]
    target, source = described(tree.this), described(using)
    if other := sorted({*target} ^ {*source}):
        raise Refused(f"SQL compilation error: error line 1\ninvalid identifier '{other[0]}'", 904, "42000")
    names = [exp.to_identifier(name, quoted=True) for name in target]
    values = [exp.column(name.copy(), table=using.alias_or_name) for name in names]
    columns = [exp.column(name.copy()) for name in names]
    for action in meant:
        if isinstance(action, exp.Update):
            pairs = zip(columns, values, strict=True)
            action.set("expressions", [exp.EQ(this=one.copy(), expression=two.copy()) for one, two in pairs])
        else:
            action.set("this", exp.Tuple(expressions=[one.copy() for one in columns]))
            action.set("expression", exp.Tuple(expressions=[two.copy() for two in values]))


def prepared(tree: exp.Merge, duck: duckdb.DuckDBPyConnection, translated: Callable[[exp.Expr], exp.Expr]) -> str:
    """In DuckDB's words, as a statement that returns the action for each row that it changes."""

    def described(side: exp.Expr) -> list[str]:
        query = translated(exp.select("*").from_(side.copy())).sql("duckdb")
        return [str(name) for name, *_ in duck.execute(f"DESCRIBE {query}").fetchall()]

    _name_all(tree, described)
    for when in tree.args["whens"].expressions:
        _prepare(when.args["then"])
    return translated(tree).sql("duckdb") + " RETURNING merge_action"


def kinds(tree: exp.Expr) -> frozenset[str]:
    """The actions that a MERGE may take: inserted, updated, deleted."""
    whens = tree.args["whens"].expressions if isinstance(tree, exp.Merge) else []
    return frozenset(_kind(when.args["then"]) for when in whens)


def _kind(then: exp.Expr) -> str:
    return "updated" if isinstance(then, exp.Update) else "inserted" if isinstance(then, exp.Insert) else "deleted"


def run(text: str, kinds: Container[str], duck: duckdb.DuckDBPyConnection) -> str:
    """Run what was prepared; the text of a query that returns the counts of the actions that it may take."""
    done = [_ACTIONS[action] for (action,) in duck.execute(text).fetchall()]
    counts = [f'{done.count(kind)} AS "number of rows {kind}"' for kind in _ACTIONS.values() if kind in kinds]
    return f"SELECT {', '.join(counts)}"


def _prepare(then: exp.Expr) -> None:
    """DuckDB wants the target's columns without a table name."""
    if isinstance(then, exp.Update):
        for equation in then.expressions:
            if isinstance(equation.this, exp.Column):
                equation.set("this", exp.column(equation.this.this.copy()))
    if isinstance(then, exp.Insert) and isinstance(then.this, exp.Tuple):
        columns = then.this.expressions
        bare = [exp.column(part.this.copy()) if isinstance(part, exp.Column) else part for part in columns]
        then.this.set("expressions", bare)
