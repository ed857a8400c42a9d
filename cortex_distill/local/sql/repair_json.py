"""Semi-structured values: parsing, object and array literals, paths, casts to VARIANT, FLATTEN."""

from collections.abc import Callable

from sqlglot import exp

from cortex_distill.local.faults import unsupported
from cortex_distill.local.sql.repair_text import is_path, is_text, macro, text

Rule = Callable[[exp.Expr], exp.Expr]
_VARIANTS = (exp.DataType.Type.VARIANT, exp.DataType.Type.OBJECT, exp.DataType.Type.ARRAY)


def _function(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def _variant(node: exp.Expr) -> exp.Expr:
    return _function("TO_JSON", node)


def _parse(node: exp.Expr) -> exp.Expr:
    """PARSE_JSON and TRY_PARSE_JSON by the lenient parser, which sees its argument once."""
    if isinstance(node, exp.Anonymous):
        safe, arguments = True, node.expressions
    else:
        safe, arguments = bool(node.args.get("safe")), [node.this, *filter(None, [node.args.get("expression")])]
    last = _duplicates(arguments[1]) if len(arguments) > 1 else False
    call = _function(
        ("_SF_TRY_PARSE_JSON" if safe else "_SF_PARSE_JSON") + ("_LAST" if last else ""), text(arguments[0])
    )
    return _function("JSON", call)


def _duplicates(parameter: exp.Expr) -> bool:
    """PARSE_JSON(x, 'd'): of duplicate keys the last counts; 's', the default, refuses them."""
    if not _is_text_literal(parameter) or parameter.name.lower() not in ("d", "s"):
        raise unsupported(f"PARSE_JSON with the parameter {parameter.sql('snowflake')}")
    return parameter.name.lower() == "d"


def _check(node: exp.Expr) -> exp.Expr:
    """NULL for what PARSE_JSON can read, else a text."""
    parsed = _function("_SF_TRY_PARSE_JSON", text(node.this))
    blank = exp.EQ(this=_function("TRIM", text(node.this)), expression=exp.Literal.string(""))
    wrong = exp.And(this=exp.Is(this=parsed, expression=exp.Null()), expression=exp.Not(this=exp.Paren(this=blank)))
    return exp.Case(ifs=[exp.If(this=wrong, true=exp.Literal.string("Error parsing JSON"))])


def _object(node: exp.Expr) -> exp.Expr:
    """{…} and OBJECT_CONSTRUCT: keys keep their case, pairs with NULL are left out."""
    if any(isinstance(part, exp.Star) and any(part.args.values()) for part in node.expressions):
        raise unsupported(node.sql("snowflake"))
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
    """A path beside text is compared as text, beside a value of unknown type by macro _sf_equal."""
    for one, other in (("this", "expression"), ("expression", "this")):
        path, value = node.args[one], node.args[other]
        if not is_path(path) or is_path(value):
            continue
        if is_text(value):
            node.set(one, text(path))
        elif isinstance(value, exp.Column) and isinstance(node, exp.EQ | exp.NEQ):
            same = macro("equal", path.copy(), value.copy())
            return same if isinstance(node, exp.EQ) else exp.Not(this=same)
        break
    return node


def _beside_text(node: exp.Expr) -> exp.Expr:
    """NULLIF, EQUAL_NULL, CASE x WHEN and DECODE compare as = does."""
    if isinstance(node, exp.DecodeCase):
        subject, values = node.expressions[0], node.expressions[1:-1:2] or node.expressions[1:2]
    elif isinstance(node, exp.Case):
        subject, values = node.this, [part.this for part in node.args["ifs"]]
    else:
        subject, values = node.this, [node.expression]
    if subject is not None and is_path(subject) and any(map(is_text, values)):
        subject.replace(text(subject))
    return node


def _is_text_literal(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


def _in(node: exp.Expr) -> exp.Expr:
    if is_path(node.this) and node.expressions and all(map(_is_text_literal, node.expressions)):
        node.set("this", text(node.this))
    return node


_FLATTEN = ("input", "path", "outer", "recursive", "mode")
_MODES = ("BOTH", "OBJECT", "ARRAY")


def _table_function(node: exp.Expr) -> exp.Expr:
    """LATERAL and TABLE() of FLATTEN and SPLIT_TO_TABLE; TABLE('name')."""
    called = node.this
    alias = node.args.get("alias")
    if isinstance(called, exp.SplitToTable):
        table = macro("split_to_table", text(called.this), text(called.expression))
        return exp.Table(this=table, alias=alias)
    if isinstance(called, exp.Literal) and called.is_string and isinstance(node, exp.TableFromRows):
        return exp.to_table(called.name, dialect="snowflake", alias=alias)
    if isinstance(called, exp.Explode):
        return exp.Table(this=_flatten(called), alias=alias)
    return node


def _flatten(called: exp.Expr) -> exp.Expr:
    given: dict[str, exp.Expr] = {}
    for place, argument in enumerate([called.this, *called.expressions]):
        named = isinstance(argument, exp.Kwarg)
        given[argument.this.name.lower() if named else _FLATTEN[place]] = argument.expression if named else argument
    mode = given.get("mode") or exp.Literal.string("BOTH")
    flags = [given.get(name) or exp.false() for name in ("outer", "recursive")]
    constant = mode.is_string and all(isinstance(flag, exp.Boolean) for flag in flags)
    if not constant or mode.name.upper() not in _MODES or given.keys() - set(_FLATTEN):
        raise unsupported(f"FLATTEN with {called.sql('snowflake')}")
    path = given.get("path") or exp.Null()
    return macro("flatten", given["input"].copy(), path.copy(), *flags, exp.Literal.string(mode.name.upper()))


def _size(node: exp.Expr) -> exp.Expr:
    """ARRAY_SIZE: NULL for what is no array."""
    return _function("_fs_global.main._sf_size", node.this)


RULES: dict[type[exp.Expr], Rule] = {
    exp.Array: _array,
    exp.ArraySize: _size,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE), _compared),
    **dict.fromkeys((exp.Case, exp.DecodeCase, exp.EqualNull, exp.Nullif), _beside_text),
    exp.CheckJson: _check,
    exp.In: _in,
    exp.JSONObject: _object_keep_null,
    exp.Lateral: _table_function,
    exp.TableFromRows: _table_function,
    exp.ParseJSON: _parse,
    exp.Struct: _object,
}
FUNCTIONS: dict[str, Rule] = {"TRY_PARSE_JSON": _parse}
