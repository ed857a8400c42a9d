"""ARRAY and OBJECT functions: each becomes one of macros_json.sql, on JSON values."""

from collections.abc import Callable

from sqlglot import exp

from cortex_distill.local.faults import unsupported
from cortex_distill.local.sql.repair_text import macro, text

Rule = Callable[[exp.Expr], exp.Expr]
# what IS_… and AS_… accept. Source: docs: sql-reference/functions/is_double-real, is_decimal, as_double-real.
_KINDS = {
    "OBJECT": ["OBJECT"],
    "ARRAY": ["ARRAY"],
    "VARCHAR": ["VARCHAR"],
    "CHAR": ["VARCHAR"],
    "BOOLEAN": ["BOOLEAN"],
    "INTEGER": ["INTEGER"],
    "DECIMAL": ["INTEGER", "DECIMAL"],
    "NUMBER": ["INTEGER", "DECIMAL"],
    "DOUBLE": ["INTEGER", "DECIMAL", "DOUBLE"],
    "REAL": ["INTEGER", "DECIMAL", "DOUBLE"],
}
_TYPES = {
    "VARCHAR": "text",
    "CHAR": "text",
    "BOOLEAN": "boolean",
    "INTEGER": "bigint",
    "DECIMAL": "bigint",
    "NUMBER": "bigint",
    "DOUBLE": "double",
    "REAL": "double",
}


def _called(name: str, *keys: str) -> Rule:
    """A rule that hands the named parts of a node to a macro, in that order."""

    def rule(node: exp.Expr) -> exp.Expr:
        known = {"this", "expression", *keys, *_IGNORED}
        if any(value is not None and key not in known for key, value in node.args.items()):
            raise unsupported(node.sql("snowflake"))
        return macro(name, *(node.args[key].copy() for key in keys))

    return rule


_IGNORED = ("null_propagation", "zero_based", "ensure_variant", "check_null", "null_is_empty", "null_delim_is_null",
            "null_safe", "is_multiset")  # fmt: skip


def _cat(node: exp.Expr) -> exp.Expr:
    return macro("array_cat", node.this.copy(), *(part.copy() for part in node.expressions))


def _intersection(node: exp.Expr) -> exp.Expr:
    return macro("array_intersection", *(part.copy() for part in node.expressions))


def _compact(node: exp.Expr) -> exp.Expr:
    whole = exp.Anonymous(this="JSON_ARRAY", expressions=[_json(item) for item in node.expressions])
    return macro("array_compact", whole)


def _json(value: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="TO_JSON", expressions=[value.copy()])


def _insert(node: exp.Expr) -> exp.Expr:
    update = node.args.get("update_flag") or exp.false()
    return macro("object_insert", node.this.copy(), text(node.args["key"]), node.args["value"].copy(), update.copy())


def _keys(name: str) -> Rule:
    def rule(node: exp.Expr) -> exp.Expr:
        whole, *keys = node.expressions
        if len(keys) == 1 and isinstance(keys[0], exp.Anonymous) and str(keys[0].this) == "JSON_ARRAY":
            raise unsupported(f"{name} with an array of keys; name them one by one")
        chosen = exp.Anonymous(this="LIST_VALUE", expressions=[text(key) for key in keys])
        return macro(name, _json(whole), chosen)

    return rule


def _is(name: str) -> Rule:
    return lambda node: macro("is", _only(node), _list(_KINDS[name]))


def _as(name: str) -> Rule:
    def rule(node: exp.Expr) -> exp.Expr:
        value = macro("if", _only(node), _list(_KINDS[name]))
        return exp.cast(text(value) if name in ("VARCHAR", "CHAR") else value, _TYPES.get(name, "json"))

    return rule


def _only(node: exp.Expr) -> exp.Expr:
    arguments = node.expressions if isinstance(node, exp.Anonymous) else [node.this]
    if len(arguments) != 1:
        raise unsupported(node.sql("snowflake"))
    only: exp.Expr = arguments[0].copy()
    return only


def _list(kinds: list[str]) -> exp.Expr:
    return exp.Anonymous(this="LIST_VALUE", expressions=[exp.Literal.string(kind) for kind in kinds])


def _aggregated(node: exp.Expr) -> exp.Expr:
    """ARRAY_AGG leaves NULLs out and gives [] where there is nothing."""
    if isinstance(node.parent, exp.WithinGroup | exp.Window):
        return node
    return macro("aggregated", exp.Anonymous(this="LIST", expressions=[node.this.copy()]))


def _ordered(node: exp.Expr) -> exp.Expr:
    if not isinstance(node.this, exp.ArrayAgg) or isinstance(node.parent, exp.Window):
        return node
    return macro("aggregated", _ordered_list(node))


def _ordered_list(node: exp.Expr) -> exp.Expr:
    value = exp.Order(this=node.this.this.copy(), expressions=[part.copy() for part in node.expression.expressions])
    return exp.Anonymous(this="LIST", expressions=[value])


def _joined(node: exp.Expr) -> exp.Expr:
    """LISTAGG has no separator by default, and gives an empty text where there is nothing."""
    if node.args.get("separator") is None:
        node.set("separator", exp.Literal.string(""))
    if isinstance(node.parent, exp.Window) or node.parent is None or node.meta.get("whole"):
        return node
    node.meta["whole"] = True
    return exp.Coalesce(this=node.copy(), expressions=[exp.Literal.string("")])


def over(node: exp.Expr) -> exp.Expr:
    """ARRAY_AGG and LISTAGG as window functions."""
    called = node.this
    if isinstance(called, exp.GroupConcat):
        return exp.Coalesce(this=node.copy(), expressions=[exp.Literal.string("")])
    within = isinstance(called, exp.WithinGroup) and isinstance(called.this, exp.ArrayAgg)
    if within or isinstance(called, exp.ArrayAgg):
        new = node.copy()
        new.set(
            "this", _ordered_list(called) if within else exp.Anonymous(this="LIST", expressions=[called.this.copy()])
        )
        return macro("aggregated", new)
    return node


def _negative_index(node: exp.Expr) -> exp.Expr:
    """An index before the first element is out of bounds: NULL. DuckDB would count from the end."""
    return exp.Null() if len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Neg) else node


RULES: dict[type[exp.Expr], Rule] = {
    exp.ArrayAgg: _aggregated,
    exp.ArrayAppend: _called("array_append", "this", "expression"),
    exp.ArrayCompact: _called("array_compact", "this"),
    exp.ArrayConcat: _cat,
    exp.ArrayConstructCompact: _compact,
    exp.ArrayContains: _called("array_contains", "this", "expression"),
    exp.ArrayDistinct: _called("array_distinct", "this"),
    exp.ArrayExcept: _called("array_except", "this", "expression"),
    exp.ArrayIntersect: _intersection,
    exp.ArrayOverlaps: _called("arrays_overlap", "this", "expression"),
    exp.ArrayPosition: _called("array_position", "this", "expression"),
    exp.ArrayPrepend: _called("array_prepend", "this", "expression"),
    exp.ArrayRemove: _called("array_remove", "this", "expression"),
    exp.ArrayRemoveAt: _called("array_remove_at", "this", "position"),
    exp.ArrayReverse: _called("array_reverse", "this"),
    exp.ArraySlice: _called("array_slice", "this", "start", "end"),
    exp.ArrayToString: _called("array_to_string", "this", "expression"),
    exp.Bracket: _negative_index,
    exp.Flatten: _called("array_flatten", "this"),
    exp.GroupConcat: _joined,
    exp.IsArray: _is("ARRAY"),
    exp.ObjectInsert: _insert,
    exp.ToArray: _called("to_array", "this"),
    exp.Typeof: _called("typeof", "this"),
    exp.WithinGroup: _ordered,
}
FUNCTIONS: dict[str, Rule] = {
    **{f"IS_{name}": _is(name) for name in _KINDS if name not in ("ARRAY", "NUMBER")},
    **{f"AS_{name}": _as(name) for name in _KINDS},
    "OBJECT_DELETE": _keys("object_delete"),
    "OBJECT_PICK": _keys("object_pick"),
}
