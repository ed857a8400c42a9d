"""Whole statements, before their expressions are repaired: what is refused, clauses that DuckDB spells otherwise."""

import re

import duckdb
from sqlglot import exp

from cortex_distill.local.duck import quoted
from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.sql import binds, merge

DDL = (exp.Create, exp.Drop, exp.Alter)
_REFUSED = (
    exp.Undrop,
    exp.SwapTable,
    exp.HistoricalData,
    exp.Changes,
    exp.MultitableInserts,
    exp.Collate,
    exp.MatchRecognize,
)
_PROPERTIES = (exp.DynamicProperty, exp.StreamingTableProperty, exp.ExternalProperty)


_START = re.compile(r"^\s*start\s+transaction\b", re.IGNORECASE)
_SCOPED = re.compile(r"^(\s*create\s+(?:or\s+replace\s+)?)scoped\s+", re.IGNORECASE)
_LATE_CONDITION = re.compile(  # CREATE TABLE x IF NOT EXISTS, as Snowpark writes it
    r'^(\s*create\s+(?:\w+\s+)?table)\s+((?:"[^"]*"|[\w$.])+)\s+(if\s+not\s+exists)\b', re.IGNORECASE
)
_PIVOT = re.compile(r"\bpivot\s*\(.*(\(\s*any\b|\bdefault\s+on\s+null\b)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.IGNORECASE)


def parsable(sql: str) -> str:
    """The text as the parser understands it. Raises for what the parser would leave out without a word."""
    if _PIVOT.search(sql):
        raise unsupported("PIVOT with ANY or DEFAULT ON NULL")
    return merge.parsable(_START.sub("BEGIN TRANSACTION", _LATE_CONDITION.sub(r"\1 \3 \2", _SCOPED.sub(r"\1", sql))))


def check(tree: exp.Expr) -> None:
    """Raise for what would be answered wrongly: time travel, UNDROP, INSERT ALL, names that differ only by case."""
    for node in tree.find_all(*_REFUSED, *_PROPERTIES):
        raise unsupported(f"{type(node).__name__} in {tree.sql('snowflake')[:150]}")
    for values in tree.find_all(exp.Values):
        _check_values(values)
    for select in tree.find_all(exp.Select):
        if select is tree:
            continue
        names = {column.alias_or_name: column for column in select.selects if column.alias_or_name}
        stored = {_stored(column) for column in names.values()}
        if len({name.upper() for name in stored}) < len(stored):
            raise unsupported(f"columns whose names differ only by case: {', '.join(sorted(stored))}")


def _check_values(values: exp.Values) -> None:
    """VALUES takes no semi-structured constructor; the first row of INSERT's decides whether a column is a number.

    Source: docs: sql-reference/sql/insert.
    """
    rows = [row.expressions for row in values.expressions if isinstance(row, exp.Tuple)]
    for cell in (cell for row in rows for cell in row):
        if found := cell.find(exp.ParseJSON):
            text = found.sql("snowflake")
            raise Refused(f"SQL compilation error:\nInvalid expression [{text}] in VALUES clause", 2014, "22000")
    if not isinstance(values.parent, exp.Insert) or not rows:
        return
    for first, *others in zip(*rows, strict=False):
        if isinstance(first, exp.Literal) and not first.is_string:
            for other in others:
                if isinstance(other, exp.Literal) and other.is_string and not _NUMBER.fullmatch(other.name):
                    raise Refused(f"Numeric value '{other.name}' is not recognized", 100038, "22018")


def _stored(column: exp.Expr) -> str:
    name = column.args.get("alias") if isinstance(column, exp.Alias) else column.this
    if isinstance(name, exp.Identifier):
        return str(name.this) if name.quoted else str(name.this).upper()
    return column.alias_or_name.upper()


def rewrite(tree: exp.Expr) -> None:
    """In place: SET t.x = … loses its table, VALUES v has columns COLUMN1, …."""
    if isinstance(tree, exp.Update):
        for equation in tree.expressions:
            if isinstance(equation, exp.EQ) and isinstance(equation.this, exp.Column):
                equation.set("this", exp.column(equation.this.this.copy()))
    for values in tree.find_all(exp.Values):
        alias = values.args.get("alias")
        if isinstance(alias, exp.TableAlias) and not alias.columns and values.expressions:
            width = len(values.expressions[0].expressions)
            alias.set("columns", [exp.to_identifier(f"COLUMN{place + 1}", quoted=True) for place in range(width)])


def name_columns(tree: exp.Expr) -> None:
    """A column without a name is called by its text, in capitals."""
    if isinstance(tree, exp.Query):
        for column in list(tree.selects):
            if not isinstance(column, exp.Alias | exp.Column | exp.Star) and isinstance(column.parent, exp.Select):
                name = binds.unmark(column.sql("snowflake")).upper()[:255]
                column.replace(exp.alias_(column.copy(), name, quoted=True))


def template(tree: exp.Expr) -> bool:
    """Whether it is CREATE TABLE … LIKE or CLONE; then it becomes CREATE TABLE … AS SELECT."""
    if not isinstance(tree, exp.Create) or tree.kind != "TABLE":
        return False
    properties = tree.args.get("properties")
    likes = [part for part in properties.expressions if isinstance(part, exp.LikeProperty)] if properties else []
    clone = tree.args.get("clone")
    if clone is None and not likes:
        return False
    source = clone.this if clone is not None else likes[0].this
    query = exp.select("*").from_(source.copy())
    tree.set("expression", query if clone is not None else query.limit(0))
    tree.set("clone", None)
    for like in likes:
        like.pop()
    return True


def copy_constraints(duck: duckdb.DuckDBPyConnection, source: str, target: str) -> None:
    """NOT NULL and defaults of a LIKE or CLONE, which a copy by query loses. Both are names in DuckDB's SQL."""
    described = duck.execute(f"DESCRIBE {source}").fetchall()
    for name, _, nullable, _, default, _ in described:
        column = quoted(name)
        if default is not None:
            duck.execute(f"ALTER TABLE {target} ALTER COLUMN {column} SET DEFAULT {default}")
        if nullable == "NO":
            duck.execute(f"ALTER TABLE {target} ALTER COLUMN {column} SET NOT NULL")
