"""Bind values: from the connector's wire form to Python, from Python to typed SQL literals."""

import datetime
import re
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from fakesnow.converter import from_binding
from sqlglot import exp
from sqlglot.dialects import Snowflake
from sqlglot.tokenizer_core import TokenType

from cortex_distill.local.faults import Refused, unsupported

Columns = list[list[Any]]
_MARK = f"bind-{uuid.uuid4().hex}-"  # no text of a statement can hold it by chance
_QUESTION_MARKS = (TokenType.PLACEHOLDER, TokenType.QDCOLON)  # the latter is ?::, which sqlglot reads as one


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


def mark(sql: str) -> tuple[str, int]:
    """The text with every question mark as a text literal of its own, and how many there are.

    The parser puts arguments in an order of its own and writes some twice; a named place survives both.
    """
    if "?" not in sql:
        return sql, 0
    done, at, count = [], 0, 0
    for token in Snowflake().tokenize(sql):
        if token.token_type in _QUESTION_MARKS:
            done += [sql[at : token.start], f"'{_MARK}{count}' "]
            at, count = token.start + 1, count + 1
    return "".join(done) + sql[at:], count


def marked(tree: exp.Expr) -> list[tuple[exp.Literal, int]]:
    """The places of binds in a parsed statement, with their numbers from 0."""
    literals = [node for node in tree.find_all(exp.Literal) if str(node.this).startswith(_MARK)]
    return [(node, int(str(node.this)[len(_MARK) :])) for node in literals]


def unmark(text: str) -> str:
    """Question marks again, for people."""
    return re.sub(f"'{_MARK}\\d+'", "?", text, flags=re.IGNORECASE)


def fill(tree: exp.Expr, values: Sequence[Any], count: int) -> exp.Expr:
    """Put the values where the marks are: as typed literals, so that no later rewriting can move them."""
    return put(tree, [literal(value) for value in values], count)


def put(tree: exp.Expr, parts: Sequence[exp.Expr], count: int) -> exp.Expr:
    """Put a part of a tree where each mark is."""
    if count != len(parts):
        message = f"SQL compilation error: {count} bind variables in the text, {len(parts)} values given"
        raise Refused(message, 2049, "42601")
    places = marked(tree)
    if {number for _, number in places} != set(range(count)):
        raise unsupported("a bind variable at this place of the statement")
    for place, number in places:
        place.replace(parts[number].copy())
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
    return exp.cast(exp.Literal.string(text_of(value)), kind_of(value))


def text_of(value: Any) -> str:
    """A typed value as the text that a cast reads."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat(sep=" ") if isinstance(value, datetime.datetime) else str(value.isoformat())


def kind_of(value: Any) -> str:
    """The type that a typed value's text is cast to."""
    if isinstance(value, float):
        return "double"
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        return f"decimal(38, {max(0, -exponent) if isinstance(exponent, int) else 0})"
    if isinstance(value, datetime.datetime):
        return "timestamptz" if value.tzinfo else "timestamp"
    if isinstance(value, datetime.date):
        return "date"
    if isinstance(value, datetime.time):
        return "time"
    raise Refused(f"a bind of type {type(value).__name__} is not supported", 2, "0A000")
