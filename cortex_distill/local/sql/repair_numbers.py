"""Arithmetic, aggregates and truth values whose Snowflake type or error differs from DuckDB's."""

import re
from collections.abc import Callable

from sqlglot import exp

from cortex_distill.local.cortex import calls
from cortex_distill.local.faults import unsupported
from cortex_distill.local.sql.repair_text import cast_path, is_path, macro, once

Rule = Callable[[exp.Expr], exp.Expr]
_WHOLE = (exp.DataType.Type.INT, exp.DataType.Type.BIGINT, exp.DataType.Type.SMALLINT, exp.DataType.Type.TINYINT)
DAYS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
_SUMS = {
    exp.Sum: "SUM",
    exp.Variance: "VAR_SAMP",
    exp.VariancePop: "VAR_POP",
    exp.Stddev: "STDDEV_SAMP",
    exp.StddevSamp: "STDDEV_SAMP",
    exp.StddevPop: "STDDEV_POP",
    exp.Median: "MEDIAN",
}


def _function(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def has_aggregate(node: exp.Expr) -> bool:
    """DuckDB cannot choose a macro by the type of an aggregate."""
    return node.find(exp.AggFunc, exp.Window) is not None or any(
        str(part.this).upper() in _AGGREGATES for part in node.find_all(exp.Anonymous)
    )


_AGGREGATES = (*_SUMS.values(), "_FS_GLOBAL.MAIN._SF_AVG", "_FS_GLOBAL.MAIN._SF_AVG_OVER")


def _divide(node: exp.Expr) -> exp.Expr:
    """Exact numbers give a NUMBER; division by zero is an error in Snowflake, and infinity in DuckDB."""
    if calls.count(node) or isinstance(node.this, exp.Null):
        return node
    operands = [cast_path(side, "double") for side in (node.this, node.expression)]
    if has_aggregate(node):
        return macro("divide_any", *operands)
    divisor = operands[1]
    if operands[0].find(exp.Anonymous) and not divisor.find(exp.Query, exp.Window):  # a / b / c
        return once(operands[0], lambda value: _quotient(value, divisor))
    return _quotient(*operands)


def _quotient(*operands: exp.Expr) -> exp.Expr:
    return macro("divide", *operands, *(operand.copy() for operand in operands))


def _modulo(node: exp.Expr) -> exp.Expr:
    divisor = node.expression.unnest()
    if (isinstance(divisor, exp.Literal) and divisor.name.strip("0.")) or calls.count(node):
        return node
    return macro("modulo", *(cast_path(side, "double") for side in (node.this, node.expression)))


def _arithmetic(node: exp.Expr) -> exp.Expr:
    """A VARIANT's path in a sum or a product is a number."""
    if isinstance(node.expression, exp.Interval):
        return _shifted(node)
    for key in ("this", "expression"):
        node.set(key, cast_path(node.args[key], "double"))
    return node


def _shifted(node: exp.Expr) -> exp.Expr:
    unit = str(node.expression.args.get("unit") or "").upper().rstrip("S")
    if unit not in DAYS or has_aggregate(node.this) or isinstance(node.this, exp.Literal):
        return node
    interval = exp.Neg(this=node.expression.copy()) if isinstance(node, exp.Sub) else node.expression.copy()
    return macro("add_days", node.this.copy(), interval)


def _total(node: exp.Expr) -> exp.Expr:
    """Aggregates of numbers, kept from fakesnow, which would sum doubles and turn text that is no number into NULL."""
    assert isinstance(node, exp.AggFunc)  # the rule's own types
    return _function(_SUMS[type(node)], cast_path(node.this, "double"))


def _average(node: exp.Expr) -> exp.Expr:
    """AVG of exact numbers is a NUMBER."""
    value = cast_path(node.this, "double")
    if isinstance(node.parent, exp.Window | exp.Filter):
        return _function("AVG", value)
    if isinstance(value, exp.Distinct) or has_aggregate(value):
        return _function("AVG", value)
    return macro("avg", value, value.copy())


def _count_if(node: exp.Expr) -> exp.Expr:
    """Of no rows it is 0, as COUNT is; DuckDB says NULL."""
    if isinstance(node.this, exp.Distinct):
        return node
    found = exp.Case(ifs=[exp.If(this=node.this.copy(), true=exp.Literal.number(1))])
    return exp.Count(this=found)


def over(node: exp.Expr) -> exp.Expr:
    """AVG(x) OVER (…): x is a column of the same row, whose type decides."""
    called = node.this
    if not isinstance(called, exp.Anonymous) or str(called.this) != "AVG" or has_aggregate(called.expressions[0]):
        return node
    if isinstance(called.expressions[0], exp.Distinct) or node.find_ancestor(exp.Window):
        return node
    select = node.find_ancestor(exp.Select)
    if select is None or select.args.get("group"):
        return node
    value = called.expressions[0]
    return macro("avg_over", value.copy(), node.copy(), value.copy())


def _boolean(node: exp.Expr) -> exp.Expr:
    return macro("try_boolean" if node.args.get("safe") else "boolean", node.this.copy())


def cast(node: exp.Cast) -> exp.Expr:
    """Casts to BOOLEAN know yes, no, on, off; casts to whole numbers round half away from zero."""
    plain = type(node) is exp.Cast
    if node.to.this == exp.DataType.Type.BOOLEAN and not isinstance(node.this, exp.Boolean):
        return macro("boolean" if plain else "try_boolean", node.this.copy())
    bare = node.to.this in _WHOLE or (node.to.this == exp.DataType.Type.DECIMAL and not node.to.expressions)
    known = isinstance(node.this, exp.Literal | exp.Null | exp.Neg) or calls.count(node.this) or is_path(node.this)
    if plain and bare and not known and not isinstance(node.this, exp.Anonymous):
        return macro("whole", node.this.copy())
    return node


def _to_double(node: exp.Expr) -> exp.Expr:
    if node.args.get("format") is not None:
        raise unsupported(node.sql("snowflake"))
    return node


_LOOSE = {"DIVIDE": "divide_loose", "AVG": "avg_loose", "SUM": "sum_loose", "TRUNC": "trunc_loose"}
_UNTYPED = re.compile(r"Macro _sf_(divide|avg|trunc|add_days)\(\)|'(sum)\(", re.IGNORECASE)


def loosened(tree: exp.Expr, error: str) -> exp.Expr | None:
    """The translated tree for operands that are text or VARIANT, which are read as FLOAT; None if `error` is another.

    DuckDB says only when it binds that no macro of an exact type fits.
    """
    if not _UNTYPED.search(error):
        return None

    def rule(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Anonymous):
            name = str(node.this).upper().removeprefix("_FS_GLOBAL.MAIN._SF_")
            if name in _LOOSE and not any(isinstance(part, exp.Distinct) for part in node.expressions):
                if name == "SUM" and isinstance(node.parent, exp.Window):
                    return node
                operands = node.expressions[:2] if name == "DIVIDE" else node.expressions
                return macro(_LOOSE[name], *operands, *(operands[:1] if name == "SUM" else []))
        return node

    return tree.copy().transform(rule)


RULES: dict[type[exp.Expr], Rule] = {
    **dict.fromkeys(_SUMS, _total),
    exp.Add: _arithmetic,
    exp.Avg: _average,
    exp.CountIf: _count_if,
    exp.Div: _divide,
    exp.Mod: _modulo,
    exp.Mul: _arithmetic,
    exp.Sub: _arithmetic,
    exp.ToBoolean: _boolean,
    exp.ToDouble: _to_double,
}
