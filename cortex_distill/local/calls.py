"""Cortex functions in a statement: each becomes one call of a Python function inside DuckDB, exactly one.

In:   the Snowflake AST, after binds and variables were filled in
Out:  the same with `_cortex_call(model, prompt, settings)`; settings is a JSON literal, checked here
"""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlglot import exp

from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.response_format import schema_of

CALL, TOKENS, FINETUNE = "_CORTEX_CALL", "_CORTEX_TOKENS", "_CORTEX_FINETUNE"
LANE = "_sf_lane"  # variable of a DuckDB connection: its name, see `connection`
_ID = re.compile(r"call-[0-9a-f]{32}")
_TWICE = "DuckDB would call the model more than once per row; select the call into a column of its own first"
_AI_ARGUMENTS = ("model", "prompt", "model_parameters", "response_format", "show_details")
_AI_NAMED = (*_AI_ARGUMENTS, "return_error_details")
_LEGACY = ("COMPLETE", "TRY_COMPLETE", "COUNT_TOKENS", "FINETUNE")
_AI = ("AI_COMPLETE", "AI_COUNT_TOKENS")
_OTHER = re.compile(r"AI_\w+|CLASSIFY_TEXT|SENTIMENT|SUMMARIZE|TRANSLATE|EXTRACT_ANSWER|EMBED_TEXT_\d+", re.IGNORECASE)


class Settings(NamedTuple):
    """What is constant about one call in a statement."""

    function: str
    parameters: dict[str, Any]
    schema: dict[str, Any] | None
    details: bool
    errors: bool
    schema_name: str
    id: str
    """Of this place in the statement, for `guard`."""


def new_id() -> str:
    """An id that `guard` recognises."""
    return f"call-{uuid.uuid4().hex}"


def translate(node: exp.Expr, schema_name: str) -> exp.Expr:
    """A Cortex call as a call of the engine's function; any other node as it is.

    `schema_name` is the session's DB.SCHEMA, where short names of models are looked up.
    """
    name = str(node.this).upper()
    in_cortex = isinstance(node.parent, exp.Dot)
    if in_cortex and not _is_cortex(node.parent):
        return node
    if name == "AI_COMPLETE":
        return _ai_complete(node, schema_name)
    if name == "AI_COUNT_TOKENS" or (in_cortex and name == "COUNT_TOKENS"):
        return _count_tokens(node, name)
    if name == "PROMPT" and node.expressions:
        return _prompt(node)
    if in_cortex and name in ("COMPLETE", "TRY_COMPLETE"):
        return _complete(node, name, schema_name)
    if in_cortex and name == "FINETUNE":
        return _finetune(node, schema_name)
    if in_cortex or (_OTHER.fullmatch(name) and name not in (*_LEGACY, *_AI)):
        raise unsupported(f"the Cortex function {name}")
    return node


def _is_cortex(dot: exp.Expr | None) -> bool:
    if not isinstance(dot, exp.Dot):
        return False
    return dot.this.sql("snowflake").upper().replace('"', "") in ("SNOWFLAKE.CORTEX", "CORTEX")


def _complete(node: exp.Expr, name: str, schema_name: str) -> exp.Expr:
    arguments = _positional(node, name)
    if len(arguments) not in (2, 3):
        raise _wrong_arguments(name, f"{len(arguments)} arguments")
    options = constant(arguments[2], "options") if len(arguments) == 3 else None
    if not isinstance(options, dict | None):
        raise _wrong_arguments(name, "options that are no object")
    parameters = dict(options or {})
    form = parameters.pop("response_format", None)
    schema = dict(schema_of(form)) if form is not None else None
    details = options is not None and schema is None
    settings = Settings(name, parameters, schema, details, False, schema_name, new_id())
    return _call(arguments[0], arguments[1], settings, json_result=False)


def _ai_complete(node: exp.Expr, schema_name: str) -> exp.Expr:
    given: dict[str, exp.Expr] = {}
    for place, argument in enumerate(node.expressions):
        named = isinstance(argument, exp.Kwarg)
        if not named and place >= len(_AI_ARGUMENTS):
            raise unsupported("AI_COMPLETE with more than 5 positional arguments; name them")
        key = argument.this.name.lower() if named else _AI_ARGUMENTS[place]
        if key not in _AI_NAMED or key in given:
            raise _wrong_arguments("AI_COMPLETE", f"argument {key!r}")
        given[key] = argument.expression if named else argument
    if "model" not in given or "prompt" not in given:
        raise _wrong_arguments("AI_COMPLETE", "no model or no prompt")
    values = {key: constant(given[key], key) for key in _AI_NAMED[2:] if key in given}
    parameters = dict(values.get("model_parameters") or {})
    parameters.pop("response_format", None)  # there it is ignored, says Snowflake's migration page
    form = values.get("response_format")
    schema = dict(schema_of(form)) if form is not None else None
    details, errors = bool(values.get("show_details")), bool(values.get("return_error_details"))
    settings = Settings("AI_COMPLETE", parameters, schema, details, errors, schema_name, new_id())
    return _call(given["model"], given["prompt"], settings, json_result=bool(details or errors or schema))


def _call(model: exp.Expr, prompt: exp.Expr, settings: Settings, *, json_result: bool) -> exp.Expr:
    literal = exp.Literal.string(json.dumps(settings._asdict(), ensure_ascii=False))
    call = exp.Anonymous(this=CALL, expressions=[as_json_text(model), as_json_text(prompt), literal, _lane()])
    return exp.cast(call, "json") if json_result else call


def _count_tokens(node: exp.Expr, name: str) -> exp.Expr:
    arguments = _positional(node, name)
    if name == "AI_COUNT_TOKENS":
        if len(arguments) != 3 or arguments[0].name.lower() != "ai_complete":
            raise unsupported("AI_COUNT_TOKENS other than ('ai_complete', model, text)")
        arguments = arguments[1:]
    if len(arguments) != 2:
        raise _wrong_arguments(name, f"{len(arguments)} arguments")
    null_on_error = exp.true() if name == "AI_COUNT_TOKENS" else exp.false()
    return exp.Anonymous(this=TOKENS, expressions=[*map(as_json_text, arguments), null_on_error])


def _finetune(node: exp.Expr, schema_name: str) -> exp.Expr:
    arguments = _positional(node, "FINETUNE")
    if not 1 <= len(arguments) <= 6:
        raise _wrong_arguments("FINETUNE", f"{len(arguments)} arguments")
    padding = [exp.Null() for _ in range(6 - len(arguments))]
    cells = exp.Anonymous(this="LIST_VALUE", expressions=[*map(as_json_text, arguments), *padding])
    call = exp.Anonymous(this=FINETUNE, expressions=[cells, exp.Literal.string(schema_name), _lane()])
    is_object = arguments[0].is_string and arguments[0].name.upper() in ("SHOW", "DESCRIBE")
    return exp.cast(call, "json") if is_object else call


def _lane() -> exp.Expr:
    """The name of the connection that runs the call, by which functions find their statement; in a view or function,
    of the one that runs it then."""
    return exp.Anonymous(this="GETVARIABLE", expressions=[exp.Literal.string(LANE)])


def _prompt(node: exp.Expr) -> exp.Expr:
    """PROMPT('… {0}', x): an object, which is filled in when the model is called."""
    template, *arguments = _positional(node, "PROMPT")
    filled = exp.Anonymous(this="JSON_ARRAY", expressions=[as_json_text(argument) for argument in arguments])
    pairs = [exp.Literal.string("template"), as_json_text(template), exp.Literal.string("args"), filled]
    return exp.Anonymous(this="JSON_OBJECT", expressions=pairs)


def _positional(node: exp.Expr, name: str) -> list[exp.Expr]:
    if any(isinstance(argument, exp.Kwarg) for argument in node.expressions):
        raise _wrong_arguments(name, "named arguments")
    return list(node.expressions)


def as_json_text(value: exp.Expr) -> exp.Expr:
    """Any value as one JSON text: tells a string from an array, and evaluates its argument once."""
    return exp.Anonymous(this="TO_JSON", expressions=[value.copy()])


def constant(node: exp.Expr, name: str) -> Any:
    """The Python value of a constant argument. Raises Refused, as Snowflake does, if it is not constant."""
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
    if isinstance(node, exp.Neg):
        return -constant(node.this, name)
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal):
        return float(node.this.name) if node.to.is_type("double", "decimal") else node.this.name
    raise Refused(f"SQL compilation error: argument {name} is not a constant: {node.sql('snowflake')}", 1015, "22023")


def _key(pair: exp.Expr) -> str:
    if not isinstance(pair, exp.PropertyEQ):
        raise unsupported(f"object literal with {pair.sql('snowflake')}")
    return str(pair.this.name)


def _number(text: str) -> str:
    return f"0{text}" if text.startswith(".") else f"{text}0" if text.endswith(".") else text


def _wrong_arguments(name: str, what: str) -> Refused:
    return Refused(f"SQL compilation error: invalid arguments for function {name}: {what}", 1044, "42P13")


def mentioned(tree: exp.Expr) -> bool:
    """Whether a statement, not translated yet, calls a Cortex function."""
    return any(str(node.this).upper() in (*_LEGACY, *_AI) for node in tree.find_all(exp.Anonymous))


def count(tree: exp.Expr) -> int:
    """Number of Cortex calls that the translated statement should make per row."""
    return sum(map(_is_call, tree.walk()))


def guard(translated: exp.Expr, plan_of: Callable[[str], str]) -> None:
    """Refuse a statement in which DuckDB would make one call of the text more than once per row.

    `plan_of` gives DuckDB's serialized plan of a query: macros and functions like NULLIF copy their argument there.
    """
    if not count(translated):
        return
    texts = [translated.sql("duckdb")]
    texts += [plan_of(query.sql("duckdb")) for query in _outermost_queries(translated) if count(query)]
    for text in texts:
        ids = _ID.findall(text)
        if len(set(ids)) < len(ids):
            raise unsupported(f"a Cortex function here, because {_TWICE}")
    for node in translated.find_all(exp.Anonymous):
        if _is_call(node) and not node.find_ancestor(exp.Query) and not _is_bare(node):
            raise unsupported("a Cortex function inside an expression of UPDATE or MERGE; call it in a subquery")


def _outermost_queries(tree: exp.Expr) -> list[exp.Expr]:
    return [node for node in tree.find_all(exp.Query) if not node.find_ancestor(exp.Query)]


def _is_bare(node: exp.Expr) -> bool:
    while isinstance(node.parent, exp.Cast | exp.Paren):
        node = node.parent
    return isinstance(node.parent, exp.EQ | exp.Tuple)


def _is_call(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and str(node.this).upper() in (CALL, TOKENS, FINETUNE)


def materialize(tree: exp.Expr) -> None:
    """A common table expression with a call in it is evaluated once, however often it is read."""
    for cte in tree.find_all(exp.CTE):
        if count(cte):
            cte.set("materialized", True)
