"""Semi-structured values: parsing, object and array literals, paths, casts to VARIANT, FLATTEN."""

from collections.abc import Callable

from sqlglot import exp

from cortex_distill.local.faults import unsupported
from cortex_distill.local.repair_text import text

Rule = Callable[[exp.Expr], exp.Expr]
_VARIANTS = (exp.DataType.Type.VARIANT, exp.DataType.Type.OBJECT, exp.DataType.Type.ARRAY)
_PATHS = (exp.JSONExtract, exp.Bracket)


def _function(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def _variant(node: exp.Expr) -> exp.Expr:
    return _function("TO_JSON", node)


def _parse(node: exp.Expr) -> exp.Expr:
    """PARSE_JSON and TRY_PARSE_JSON by the lenient parser, which sees its argument once."""
    safe = isinstance(node, exp.Anonymous) or bool(node.args.get("safe"))
    source = node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
    if isinstance(node, exp.Anonymous) and len(node.expressions) > 1:
        raise unsupported("TRY_PARSE_JSON with a parameter")
    call = _function("_SF_TRY_PARSE_JSON" if safe else "_SF_PARSE_JSON", text(source))
    return exp.cast(call, "json")


def _object(node: exp.Expr) -> exp.Expr:
    """{…} and OBJECT_CONSTRUCT: keys keep their case, pairs with NULL are left out."""
    if not all(isinstance(pair, exp.PropertyEQ) for pair in node.expressions):
        return node
    return _built("_SF_OBJECT", [(_key(pair.this), pair.expression) for pair in node.expressions])


def _object_keep_null(node: exp.Expr) -> exp.Expr:
    if not all(isinstance(pair, exp.JSONKeyValue) for pair in node.expressions):
        return node
    return _built("_SF_OBJECT_KEEP_NULL", [(pair.this, pair.expression) for pair in node.expressions])


def _key(name: exp.Expr) -> exp.Expr:
    return exp.Literal.string(name.name) if isinstance(name, exp.Identifier) else text(name)


def _built(function: str, pairs: list[tuple[exp.Expr, exp.Expr]]) -> exp.Expr:
    keys = _list([key.copy() for key, _ in pairs])
    values = _list([exp.cast(_variant(value), "text") for _, value in pairs])
    return exp.cast(exp.Anonymous(this=function, expressions=[keys, values]), "json")


def _list(items: list[exp.Expr]) -> exp.Expr:
    """A DuckDB list of texts; exp.Array would be made JSON."""
    return exp.Anonymous(this="LIST_VALUE", expressions=items or [exp.cast(exp.Null(), "text")])


def _array(node: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="JSON_ARRAY", expressions=[_variant(item) for item in node.expressions])


def variant_cast(node: exp.Cast) -> exp.Expr:
    """::VARIANT wraps a value; in DuckDB a cast to JSON would parse it."""
    if node.to.this in _VARIANTS:
        return _variant(node.this)
    return node


def _compared(node: exp.Expr) -> exp.Expr:
    """A path compared with text is compared as text."""
    for one, other in (("this", "expression"), ("expression", "this")):
        if isinstance(node.args[one], _PATHS) and _is_text_literal(node.args[other]):
            node.set(one, text(node.args[one]))
    return node


def _is_text_literal(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


def _in(node: exp.Expr) -> exp.Expr:
    if isinstance(node.this, _PATHS) and node.expressions and all(map(_is_text_literal, node.expressions)):
        node.set("this", text(node.this))
    return node


def _flatten(node: exp.Expr) -> exp.Expr:
    """FLATTEN with input, path and outer, by position or by name."""
    if not isinstance(node.this, exp.Explode):
        return node
    given: dict[str, exp.Expr] = {}
    for place, argument in enumerate([node.this.this, *node.this.expressions]):
        if isinstance(argument, exp.Kwarg):
            given[argument.this.name.lower()] = argument.expression
        else:
            given[("input", "path", "outer", "recursive", "mode")[place]] = argument
    recursive, mode = given.pop("recursive", None), given.pop("mode", None)
    if (recursive is not None and recursive.this is not False) or (mode is not None and mode.name.upper() != "BOTH"):
        raise unsupported("FLATTEN with recursive or mode")
    arguments = [given["input"], given.get("path") or exp.Null(), given.get("outer") or exp.false()]
    call = _function("_fs_global.main._sf_flatten", *arguments)
    return exp.Table(this=call, alias=node.args.get("alias"))


def _size(node: exp.Expr) -> exp.Expr:
    """ARRAY_SIZE: NULL for what is no array."""
    return _function("_fs_global.main._sf_size", node.this)


RULES: dict[type[exp.Expr], Rule] = {
    exp.Array: _array,
    exp.ArraySize: _size,
    exp.EQ: _compared,
    exp.NEQ: _compared,
    exp.In: _in,
    exp.JSONObject: _object_keep_null,
    exp.Lateral: _flatten,
    exp.TableFromRows: _flatten,
    exp.ParseJSON: _parse,
    exp.Struct: _object,
}
FUNCTIONS: dict[str, Rule] = {"TRY_PARSE_JSON": _parse}
