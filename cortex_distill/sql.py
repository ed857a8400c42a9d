"""The only bridge from Python values to SQL text: binds where a bind can stand, checked text where none can.

Binds are written `?` (qmark, bound by the server), so a `?` inside a literal or a prompt is never mistaken for one.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cortex_distill.errors import ConfigError

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,254}(\.[A-Za-z_][A-Za-z0-9_$]{0,254}){0,2}")
_LARGEST = 10**38  # NUMBER holds 38 digits: https://docs.snowflake.com/en/sql-reference/data-types-numeric


class Sql(NamedTuple):
    """A piece of SQL with the values of its `?`, in their order."""

    text: str
    binds: tuple[object, ...] = ()


def bind(value: object) -> Sql:
    """The value as one `?`."""
    return Sql("?", (value,))


def join(parts: Iterable[Sql], sep: str) -> Sql:
    """The parts with `sep` (trusted text) between them, binds in order. No parts give empty text."""
    pieces = list(parts)
    return Sql(sep.join(piece.text for piece in pieces), tuple(value for piece in pieces for value in piece.binds))


def call(function: str, *arguments: Sql) -> Sql:
    """`function(argument, …)`; the function's name is checked like any identifier."""
    inside = join(arguments, ", ")
    return Sql(f"{identifier(function)}({inside.text})", inside.binds)


def identifier(name: str) -> str:
    """The name, unchanged, if it is one to three plain words with dots between; else ConfigError.

    Nothing is quoted, so Snowflake folds the name to upper case.
    """
    if not _IDENTIFIER.fullmatch(name):
        raise ConfigError(
            f"{name!r} is not a plain name; use letters, digits, _ and $, not a digit first, at most two dots"
        )
    return name


def qualified(*names: str) -> str:
    """`DB.SCHEMA.NAME` from its parts, checked like one identifier."""
    return identifier(".".join(names))


def literal(value: str | bool | int | float | None) -> str:
    """The value as a SQL constant, for the few places where a bind is not possible.

    Snowflake reads backslash escapes inside quotes, so `\\` is doubled as well as `'`.
    Raises TypeError for any other type, ValueError for what SQL cannot hold: nan, inf, half a surrogate pair.
    """
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case str():
            value.encode("utf-8")  # UnicodeEncodeError, a ValueError, on half a surrogate pair
            return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
        case int() | float():
            return _number(value)
    raise TypeError(f"no SQL constant for {type(value).__name__}")


def _number(value: int | float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no SQL number")
    if isinstance(value, int) and abs(value) >= _LARGEST:
        raise ValueError("a SQL number has at most 38 digits")
    return int.__repr__(value) if isinstance(value, int) else float.__repr__(value)


def object_literal(value: object) -> str:
    """A Snowflake constant `{'a': 1, 'b': [TRUE, NULL]}` from JSON-like data.

    `model_parameters` and `response_format` of AI_COMPLETE must be constants, so nothing here is a bind.
    Raises TypeError for keys that are not text and values that JSON has not.
    """
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("the keys of a SQL object are text")
        return "{" + ", ".join(f"{literal(key)}: {object_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(object_literal(item) for item in value) + "]"
    if value is None or isinstance(value, str | int | float):
        return literal(value)
    raise TypeError(f"no SQL constant for {type(value).__name__}")


def variant(value: object) -> Sql:
    """JSON-like data as a VARIANT expression. Snowflake allows it in a SELECT, not in VALUES."""
    return Sql("PARSE_JSON(?)", (json.dumps(value, ensure_ascii=False, allow_nan=False),))
