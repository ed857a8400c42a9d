"""Text functions whose Snowflake meaning differs from DuckDB's: implicit casts, TRIM, regular expressions, digests."""

from collections.abc import Callable

from sqlglot import exp

from cortex_distill.local.faults import unsupported

Rule = Callable[[exp.Expr], exp.Expr]
_TEXT_NODES = (
    exp.Concat,
    exp.DPipe,
    exp.RawString,
    exp.Lower,
    exp.Upper,
    exp.MD5,
    exp.SHA2,
    exp.Substring,
    exp.JSONExtractScalar,
)
_TEXT_CALLS = frozenset({"TRIM", "LTRIM", "RTRIM", "REGEXP_REPLACE", "JSON_EXTRACT_STRING", "_FS_GLOBAL.MAIN._SF_TEXT"})
_TEXT_TYPES = (exp.DataType.Type.TEXT, exp.DataType.Type.VARCHAR, exp.DataType.Type.CHAR, exp.DataType.Type.NVARCHAR)


def text(node: exp.Expr) -> exp.Expr:
    """The node where Snowflake wants VARCHAR: a VARIANT string loses its quotes, anything else is cast."""
    if is_text(node):
        return node.copy()
    if has_call(node):  # the macro would write the model call three times
        return exp.func("JSON_EXTRACT_STRING", exp.func("TO_JSON", node.copy()), exp.Literal.string("$"))
    return exp.Anonymous(this="_fs_global.main._sf_text", expressions=[node.copy()])


def is_text(node: exp.Expr) -> bool:
    """Whether a node is text whatever its columns are."""
    if isinstance(node, exp.Literal):
        return bool(node.is_string)
    if isinstance(node, exp.Paren):
        return is_text(node.this)
    if isinstance(node, exp.Cast):
        return node.to.this in _TEXT_TYPES
    if isinstance(node, exp.Anonymous):
        return str(node.this).upper() in _TEXT_CALLS
    return isinstance(node, _TEXT_NODES)


def has_call(node: exp.Expr) -> bool:
    """Whether a model call (already translated) is inside."""
    return any(
        isinstance(part, exp.Anonymous) and str(part.this).upper().startswith("_CORTEX_") for part in node.walk()
    )


def _sides(node: exp.Expr) -> exp.Expr:
    node.set("this", text(node.this))
    node.set("expression", text(node.expression))
    return node


def _concat(node: exp.Expr) -> exp.Expr:
    """CONCAT is NULL if any part is: || in DuckDB, whose CONCAT skips NULLs."""
    parts = [text(part) for part in node.expressions]
    whole = parts[0]
    for part in parts[1:]:
        whole = exp.DPipe(this=whole, expression=part, safe=True)
    return exp.Paren(this=whole)


def _trim(node: exp.Expr) -> exp.Expr:
    names = {"LEADING": "LTRIM", "TRAILING": "RTRIM"}
    name = names.get(str(node.args.get("position") or "").upper(), "TRIM")
    characters = [text(node.expression)] if node.expression is not None else []
    return exp.Anonymous(this=name, expressions=[text(node.this), *characters])


def _first(node: exp.Expr) -> exp.Expr:
    """Functions of one text: the argument is cast."""
    node.set("this", text(node.this))
    return node


def cast(node: exp.Expr) -> exp.Expr:
    """::STRING of a VARIANT, without JSON quotes."""
    if type(node) is exp.Cast and node.to.this in _TEXT_TYPES and not is_text(node.this):
        return text(node.this)
    return node


def _to_char(node: exp.Expr) -> exp.Expr:
    return node if node.args.get("format") else text(node.this)


def _regexp_replace(node: exp.Expr) -> exp.Expr:
    """All matches, as Snowflake does by default."""
    extra = [key for key in ("position", "occurrence", "modifiers") if node.args.get(key) is not None]
    if extra:
        raise unsupported(f"REGEXP_REPLACE with {', '.join(extra)}")
    replacement = node.args.get("replacement") or exp.Literal.string("")
    arguments = [text(node.this), text(node.expression), text(replacement), exp.Literal.string("g")]
    return exp.Anonymous(this="REGEXP_REPLACE", expressions=arguments)


def _matches(node: exp.Expr, name: str) -> exp.Expr:
    group = node.args.get("group")
    extra = [key for key in ("position", "occurrence", "parameters") if node.args.get(key) is not None]
    if extra or (group is not None and group.name != "0"):
        raise unsupported(f"{name} with more than a text and a pattern")
    return exp.Anonymous(this="REGEXP_EXTRACT_ALL", expressions=[text(node.this), text(node.expression)])


def _regexp_substr(node: exp.Expr) -> exp.Expr:
    """The first whole match, NULL if there is none."""
    return exp.Anonymous(this="LIST_EXTRACT", expressions=[_matches(node, "REGEXP_SUBSTR"), exp.Literal.number(1)])


def _regexp_substr_all(node: exp.Expr) -> exp.Expr:
    """Every whole match, as an ARRAY."""
    return exp.Anonymous(this="TO_JSON", expressions=[_matches(node, "REGEXP_SUBSTR_ALL")])


def _regexp_count(node: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="LEN", expressions=[_matches(node, "REGEXP_COUNT")])


def _sha2(node: exp.Expr) -> exp.Expr:
    bits = node.args.get("length")
    if bits is not None and bits.name != "256":
        raise unsupported(f"SHA2 with {bits.name} bits")
    return exp.Anonymous(this="SHA256", expressions=[text(node.this)])


RULES: dict[type[exp.Expr], Rule] = {
    exp.Concat: _concat,
    exp.DPipe: _sides,
    exp.Contains: _sides,
    exp.StartsWith: _sides,
    exp.EndsWith: _sides,
    exp.Length: _first,
    exp.Lower: _first,
    exp.Upper: _first,
    exp.MD5: _first,
    exp.SHA2: _sha2,
    exp.ToChar: _to_char,
    exp.Trim: _trim,
    exp.RegexpReplace: _regexp_replace,
    exp.RegexpExtract: _regexp_substr,
    exp.RegexpExtractAll: _regexp_substr_all,
    exp.RegexpCount: _regexp_count,
}
FUNCTIONS: dict[str, Rule] = {}
