"""Arguments of a Cortex function: by position or by name, constant where Snowflake wants a constant."""

import json
from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from cortex_distill.local.cortex.response_format import of_type
from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.sql.dialect import TYPE_LITERAL

Given = dict[str, exp.Expr]


def bind(node: exp.Expr, function: str, names: Sequence[str], needed: int) -> Given:
    """Argument by name. `names` is the order of the positions, the first `needed` must be there.

    Raises Refused for an unknown, doubled or missing argument, and for a file: the local engine has none.
    """
    given: Given = {}
    for place, argument in enumerate(node.expressions):
        named = isinstance(argument, exp.Kwarg)
        if not named and place >= len(names):
            raise wrong_arguments(function, f"{len(node.expressions)} arguments, at most {len(names)} expected")
        key = argument.this.name.lower() if named else names[place]
        value = argument.expression if named else argument
        if key in ("file", "predicate") or value.find(exp.ToFile):
            raise unsupported(f"{function} with a file")
        if key not in names or key in given:
            raise wrong_arguments(function, f"argument {key!r}")
        given[key] = value
    if missing := [name for name in names[:needed] if name not in given]:
        raise wrong_arguments(function, f"no {missing[0]}")
    return given


def positional(node: exp.Expr, function: str, least: int, most: int) -> list[exp.Expr]:
    """The arguments of a function that takes no names."""
    if any(isinstance(argument, exp.Kwarg) for argument in node.expressions):
        raise wrong_arguments(function, "named arguments")
    if not least <= len(node.expressions) <= most:
        raise wrong_arguments(function, f"{len(node.expressions)} arguments")
    return list(node.expressions)


def flag(given: Given, name: str) -> bool:
    """A constant TRUE or FALSE; NULL and absent are FALSE."""
    value = constant(given[name], name) if name in given else None
    if not isinstance(value, bool | None):
        raise not_valid(name, f"{value!r} is no BOOLEAN")
    return bool(value)


def mapping(given: Given, name: str) -> dict[str, Any]:
    """A constant object; NULL and absent are the empty one."""
    value = constant(given[name], name) if name in given else None
    if not isinstance(value, dict | None):
        raise not_valid(name, "it is no OBJECT")
    return dict(value or {})


def constant(node: exp.Expr, name: str) -> Any:
    """The Python value of a constant argument; a type literal is a response format.

    Raises Refused, as Snowflake does, if it is not constant. PARSE_JSON('…') is not.
    Source: snowflake-ml-python 2.6.0, snowflake/cortex/_classify_text.py, a comment.
    """
    if isinstance(node, exp.Struct):
        return {_key(pair): constant(pair.expression, name) for pair in node.expressions}
    if isinstance(node, exp.Array):
        return [constant(item, name) for item in node.expressions]
    if isinstance(node, exp.Literal | exp.RawString):
        return node.name if node.is_string or isinstance(node, exp.RawString) else json.loads(_number(node.name))
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Null):
        return None
    if isinstance(node, exp.Paren):
        return constant(node.this, name)
    if isinstance(node, exp.Neg):
        return -constant(node.this, name)
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal):
        if node.this.name == TYPE_LITERAL:
            return of_type(node.to)
        return float(node.this.name) if node.to.is_type("double", "decimal") else node.this.name
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Null):
        return None
    raise Refused(f"SQL compilation error: argument {name} is not a constant: {node.sql('snowflake')}", 1015, "22023")


def _key(pair: exp.Expr) -> str:
    if not isinstance(pair, exp.PropertyEQ):
        raise unsupported(f"object literal with {pair.sql('snowflake')}")
    return str(pair.this.name)


def _number(text: str) -> str:
    return f"0{text}" if text.startswith(".") else f"{text}0" if text.endswith(".") else text


def wrong_arguments(function: str, what: str) -> Refused:
    """Arguments that the function does not have."""
    return Refused(f"SQL compilation error: invalid arguments for function {function}: {what}", 1044, "42P13")


def not_valid(name: str, what: str) -> Refused:
    """A constant argument of the wrong kind."""
    return Refused(f"SQL compilation error: invalid value for argument {name}: {what}", 1044, "42P13")
