"""REGEXP_… functions with position, occurrence, parameters and group. Patterns are RE2's, as in DuckDB.

Source: docs: sql-reference/functions/regexp_replace, regexp_substr, regexp_count, regexp_instr,
sql-reference/functions-regexp.
"""

from collections.abc import Callable

from sqlglot import exp

from cortex_distill.local.faults import unsupported
from cortex_distill.local.sql.repair_text import text

Rule = Callable[[exp.Expr], exp.Expr]


def _function(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _number(node: exp.Expr, key: str, default: int) -> int:
    """A parameter that must be written as a whole number."""
    value = node.args.get(key)
    if value is None:
        return default
    if not isinstance(value, exp.Literal) or not str(value.this).isdigit():
        raise unsupported(node.sql("snowflake"))
    return int(value.this)


def _flags(node: exp.Expr, key: str) -> tuple[str, bool]:
    """DuckDB's flags, and whether a group is asked for (e). In Snowflake . does not match a line end without s."""
    value = node.args.get(key)
    if value is None:
        return "", False
    if not isinstance(value, exp.Literal) or not value.is_string or set(value.name) - set("cimse"):
        raise unsupported(node.sql("snowflake"))
    letters = value.name
    case = letters.replace("e", "")
    insensitive = "i" if case.rfind("i") > case.rfind("c") else ""
    return insensitive + "".join(flag for flag in "ms" if flag in letters), "e" in letters


def _pattern(node: exp.Expr, flags: str) -> exp.Expr:
    """The pattern with its flags in it, so that a DuckDB function without a place for them obeys too."""
    pattern = text(node.expression)
    return exp.DPipe(this=exp.Literal.string(f"(?{flags})"), expression=pattern, safe=True) if flags else pattern


def _subject(node: exp.Expr, position: int) -> exp.Expr:
    subject = text(node.this)
    return subject if position <= 1 else _function("SUBSTRING", subject, exp.Literal.number(position))


def _matches(node: exp.Expr, flags: str, position: int, group: int = 0) -> exp.Expr:
    arguments = [_subject(node, position), _pattern(node, flags)]
    return _function("REGEXP_EXTRACT_ALL", *arguments, *([exp.Literal.number(group)] if group else []))


def _replace(node: exp.Expr) -> exp.Expr:
    """All matches, unless an occurrence is asked for."""
    flags, _ = _flags(node, "modifiers")
    if _number(node, "position", 1) != 1 or _number(node, "occurrence", 0) != 0:
        raise unsupported("REGEXP_REPLACE from a position or of one occurrence")
    replacement = node.args.get("replacement") or exp.Literal.string("")
    return _function(
        "REGEXP_REPLACE", text(node.this), _pattern(node, flags), text(replacement), exp.Literal.string("g")
    )


def _substr(node: exp.Expr) -> exp.Expr:
    """One match, or one group of it; NULL if there is none."""
    return _function("LIST_EXTRACT", _groups(node), exp.Literal.number(_number(node, "occurrence", 1)))


def _substr_all(node: exp.Expr) -> exp.Expr:
    first = exp.Literal.number(_number(node, "occurrence", 1))
    return _function("TO_JSON", _function("LIST_SLICE", _groups(node), first, exp.Literal.number(-1)))


def _groups(node: exp.Expr) -> exp.Expr:
    flags, extract = _flags(node, "parameters")
    group = _number(node, "group", 0)  # the parser writes 0 where there is none
    return _matches(node, flags, _number(node, "position", 1), max(group, 1) if extract else group)


def _count(node: exp.Expr) -> exp.Expr:
    flags, _ = _flags(node, "parameters")
    return _function("LEN", _matches(node, flags, _number(node, "position", 1)))


def _like(node: exp.Expr) -> exp.Expr:
    """The whole text must match."""
    flags, _ = _flags(node, "flag")
    return _function("REGEXP_FULL_MATCH", text(node.this), _pattern(node, flags))


RULES: dict[type[exp.Expr], Rule] = {
    exp.RegexpCount: _count,
    exp.RegexpExtract: _substr,
    exp.RegexpExtractAll: _substr_all,
    exp.RegexpLike: _like,
    exp.RegexpReplace: _replace,
}
