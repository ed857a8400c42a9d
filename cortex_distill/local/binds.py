"""Bind values: from the connector's wire form to Python, from Python to typed SQL literals."""

import datetime
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from fakesnow.converter import from_binding
from sqlglot import exp

from cortex_distill.local.faults import Refused

Columns = list[list[Any]]


def from_wire(bindings: Mapping[str, Mapping[str, Any]]) -> tuple[list[Any], Columns | None]:
    """(values, None) of a plain statement; ([], columns) of an array insert, as `executemany` sends it."""
    ordered = [bindings[str(place)] for place in range(1, len(bindings) + 1)]
    if any(isinstance(bind["value"], list) for bind in ordered):
        return [], [[_value(bind["type"], item) for item in bind["value"]] for bind in ordered]
    return [_value(bind["type"], bind["value"]) for bind in ordered], None


def _value(kind: str, value: str | None) -> Any:
    if value is None:
        return None
    if kind == "TEXT":
        return value
    if kind == "REAL":
        return float(value)
    if kind == "FIXED" and not value.lstrip("-").isdigit():
        return Decimal(value)
    if kind == "TIMESTAMP_NTZ":  # fakesnow reads it as UTC; Snowflake's NTZ has no zone
        return from_binding({"type": kind, "value": value}).replace(tzinfo=None)  # type: ignore[union-attr,call-arg]
    return from_binding({"type": kind, "value": value})


def fill(tree: exp.Expr, values: Sequence[Any]) -> exp.Expr:
    """Put the values where the question marks are: as literals, so that no later rewriting can renumber them."""
    places = [node for node in tree.walk(bfs=False) if isinstance(node, exp.Placeholder)]
    if len(places) != len(values):
        message = f"SQL compilation error: {len(places)} bind variables in the text, {len(values)} values given"
        raise Refused(message, 2049, "42601")
    if len(places) == 1 and places[0] is tree:
        return literal(values[0])
    for place, value in zip(places, values, strict=True):
        place.replace(literal(value))
    return tree


def literal(value: Any) -> exp.Expr:
    """A SQL literal of the value's own type."""
    if value is None:
        return exp.Null()
    if isinstance(value, bool):
        return exp.true() if value else exp.false()
    if isinstance(value, int):
        number = exp.Literal.number(abs(value))
        return number if value >= 0 else exp.Neg(this=number)
    if isinstance(value, bytes):
        return exp.HexString(this=value.hex())
    if isinstance(value, str):
        return exp.Literal.string(value)
    return _typed(value)


def _typed(value: Any) -> exp.Expr:
    if isinstance(value, float):
        return _cast(repr(value), "double")
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        scale = max(0, -exponent) if isinstance(exponent, int) else 0
        return _cast(f"{value:f}", f"decimal(38, {scale})")
    if isinstance(value, datetime.datetime):
        return _cast(value.isoformat(sep=" "), "timestamptz" if value.tzinfo else "timestamp")
    if isinstance(value, datetime.date):
        return _cast(value.isoformat(), "date")
    if isinstance(value, datetime.time):
        return _cast(value.isoformat(), "time")
    raise Refused(f"a bind of type {type(value).__name__} is not supported", 2, "0A000")


def _cast(text: str, kind: str) -> exp.Expr:
    return exp.cast(exp.Literal.string(text), kind)
