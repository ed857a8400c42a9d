"""Dates: those that stay dates, and the formats of TO_CHAR."""

import re
from collections.abc import Callable

from sqlglot import exp

from cortex_distill.local.faults import unsupported
from cortex_distill.local.sql.repair_numbers import DAYS, has_aggregate
from cortex_distill.local.sql.repair_text import macro, text

Rule = Callable[[exp.Expr], exp.Expr]
# Source: docs: sql-reference/functions-conversion, "Date and time formats in conversion functions".
_ELEMENTS = {
    "YYYY": "%Y", "YY": "%y", "MMMM": "%B", "MON": "%b", "MM": "%m", "DD": "%d", "DY": "%a", "HH24": "%H", "HH12": "%I",
    "AM": "%p", "PM": "%p", "MI": "%M", "SS": "%S", "FF3": "%g", "FF6": "%f",
}  # fmt: skip
_UNKNOWN = "FF[0-9]?|TZ[A-Z]*|UUUU|AD|BC"  # elements of Snowflake's without a twin; other letters stand for themselves
_ELEMENT = re.compile('"([^"]*)"|(' + "|".join(_ELEMENTS) + ")|(" + _UNKNOWN + "|.)", re.IGNORECASE | re.DOTALL)


def _to_char(node: exp.Expr) -> exp.Expr:
    """With a format for dates. Those for numbers are refused: they would be ignored."""
    form = node.args.get("format")
    if form is None:
        return text(node.this)
    if not form.is_string:
        raise unsupported(node.sql("snowflake"))
    written = []
    for quoted, element, other in _ELEMENT.findall(form.name):
        if other == "%" or len(other) > 1:
            raise unsupported(f"TO_CHAR with the format {form.name!r}")
        written.append(_ELEMENTS[element.upper()] if element else quoted + other)
    return macro("format", node.this.copy(), exp.Literal.string("".join(written)))


def _truncated(node: exp.Expr) -> exp.Expr:
    """DATE_TRUNC of a DATE is a DATE."""
    unit = str(node.args["unit"].name).upper()
    if unit not in (*DAYS, "HOUR", "MINUTE", "SECOND") or has_aggregate(node.this):
        return node
    return macro("trunc", exp.Literal.string(unit.lower()), node.this.copy())


def _added(node: exp.Expr) -> exp.Expr:
    """DATEADD of days or more to a DATE is a DATE."""
    unit = str(node.args["unit"].name).upper() if node.args.get("unit") else ""
    if unit not in DAYS or isinstance(node.this, exp.Literal) or has_aggregate(node):
        return node
    count = exp.Paren(this=exp.cast(node.expression.copy(), "bigint"))
    return macro("add_days", node.this.copy(), exp.Interval(this=count, unit=exp.var(unit)))


def _try_timestamp(node: exp.Expr) -> exp.Expr:
    if len(node.expressions) != 1:
        raise unsupported(node.sql("snowflake"))
    return macro("try_timestamp", node.expressions[0].copy())


def _to_date(node: exp.Expr) -> exp.Expr:
    """TO_DATE without a format."""
    return macro("date", node.expressions[0].copy()) if len(node.expressions) == 1 else node


RULES: dict[type[exp.Expr], Rule] = {
    exp.DateAdd: _added,
    exp.DateTrunc: _truncated,
    exp.TimestampTrunc: _truncated,
    exp.ToChar: _to_char,
}
FUNCTIONS: dict[str, Rule] = {
    **dict.fromkeys(("TRY_TO_TIMESTAMP", "TRY_TO_TIMESTAMP_NTZ"), _try_timestamp),
    **dict.fromkeys(("TO_DATE", "DATE"), _to_date),
}
