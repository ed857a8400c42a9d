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
ARGUMENT = "argument"  # mark of a function's parameter, in whose place any expression may stand
_PATHS = (exp.JSONExtract, exp.Bracket, exp.GetExtract)
_TEXT_TYPES = (exp.DataType.Type.TEXT, exp.DataType.Type.VARCHAR, exp.DataType.Type.CHAR, exp.DataType.Type.NVARCHAR)


_TIMES = (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPNTZ)


def text(node: exp.Expr) -> exp.Expr:
    """The node where Snowflake wants VARCHAR: a VARIANT string loses its quotes, anything else is cast."""
    if is_text(node):
        return node.copy()
    if has_call(node):  # the macro would write the model call three times
        return exp.func("JSON_EXTRACT_STRING", exp.func("TO_JSON", node.copy()), exp.Literal.string("$"))
    if ARGUMENT in node.meta or any(isinstance(part, exp.Anonymous) for part in node.walk()):
        return _named_once(node)
    return macro("text", node.copy())


def _named_once(node: exp.Expr) -> exp.Expr:
    """The text of an expression in which macros or functions are."""
    done = once(node, lambda value: macro("text", value))
    done.meta["is_text"] = True
    return done


def once(operand: exp.Expr, use: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """What `use` makes of a value, with its expression standing once: nested macros, each of which names its argument
    several times, would multiply at every level."""
    return named(operand, use(exp.column("_sf_value", quoted=True)), "_sf_value")


def named(operand: exp.Expr, used_in: exp.Expr, name: str) -> exp.Expr:
    """`used_in` with `operand` as the value of its column of that name: a lambda over a list of one."""
    inside = exp.Lambda(this=used_in, expressions=[exp.to_identifier(name, quoted=True)], colon=True)
    listed = exp.Anonymous(this="LIST_VALUE", expressions=[operand.copy()])
    used = exp.Anonymous(this="LIST_TRANSFORM", expressions=[listed, inside])
    return exp.Anonymous(this="LIST_EXTRACT", expressions=[used, exp.Literal.number(1)])


def macro(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A call of one of macros.sql."""
    return exp.Anonymous(this=f"_fs_global.main._sf_{name}", expressions=list(arguments))


def is_path(node: exp.Expr) -> bool:
    """Whether a node reads a part of a VARIANT, FLATTEN's VALUE included."""
    node = node.unnest()
    return isinstance(node, _PATHS) or (isinstance(node, exp.Column) and node.name.upper() == "VALUE")


def cast_path(node: exp.Expr, kind: str) -> exp.Expr:
    """The node, cast if it is a path of a VARIANT."""
    path = isinstance(node.unnest(), _PATHS)
    return exp.cast(node.copy(), kind) if path else node.copy()


def is_text(node: exp.Expr) -> bool:
    """Whether a node is text whatever its columns are."""
    if isinstance(node, exp.Literal):
        return bool(node.is_string)
    if isinstance(node, exp.Paren):
        return is_text(node.this)
    if isinstance(node, exp.Cast):
        return node.to.this in _TEXT_TYPES
    if isinstance(node, exp.Anonymous):
        return str(node.this).upper() in _TEXT_CALLS or "is_text" in node.meta
    if isinstance(node, exp.If):
        return all(is_text(part) for part in (node.args["true"], node.args.get("false")) if part is not None)
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
    """::STRING of a VARIANT, without JSON quotes; longer than VARCHAR(n) is refused. TRY_CAST to TIMESTAMP."""
    if type(node) is exp.TryCast and node.to.this in _TIMES:
        return macro("try_timestamp", node.this.copy())
    if type(node) is exp.Cast and node.to.this in _TEXT_TYPES and node.to.expressions and not has_call(node.this):
        return macro("fitting", text(node.this), exp.Literal.number(node.to.expressions[0].name))
    if type(node) is exp.Cast and node.to.this in _TEXT_TYPES and not is_text(node.this):
        return text(node.this)
    return node


def _texts(*keys: str) -> Rule:
    """A rule that casts the named parts of a node to text."""

    def rule(node: exp.Expr) -> exp.Expr:
        for key in keys:
            part = node.args.get(key)
            if isinstance(part, exp.Expr) and not isinstance(part, exp.Any | exp.All | exp.Tuple):
                node.set(key, text(part))
        return node

    return rule


def _like(node: exp.Expr) -> exp.Expr:
    if isinstance(node.expression, exp.Any | exp.All):
        node.set("this", text(node.this))
        return node
    return _sides(node)


def _refuse(node: exp.Expr) -> exp.Expr:
    raise unsupported(node.sql("snowflake"))


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
    exp.Trim: _trim,
    exp.Collate: _refuse,
    exp.ILike: _like,
    exp.Initcap: _first,
    exp.Left: _first,
    exp.Like: _like,
    exp.Pad: _texts("this", "fill_pattern"),
    exp.Replace: _texts("this", "expression", "replacement"),
    exp.Reverse: _first,
    exp.Right: _first,
    exp.Split: _texts("this", "expression"),
    exp.SplitPart: _texts("this", "delimiter"),
    exp.StrPosition: _texts("this", "substr"),
    exp.Strtok: _texts("this", "delimiter"),
    exp.Substring: _first,
    exp.Levenshtein: _texts("this", "expression"),
    exp.JarowinklerSimilarity: _texts("this", "expression"),
    exp.SHA: _first,
}
