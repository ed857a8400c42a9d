"""Which Cortex functions there are and what their arguments mean: each becomes one call of an engine function.

In:   a function's node of the Snowflake AST, after binds and variables were filled in
Out:  `_cortex_call(model, prompt, settings)` or its kind; settings is a JSON literal, checked here
"""

import re
from collections.abc import Callable

from sqlglot import exp

from cortex_distill.local.cortex.arguments import bind, constant, flag, mapping, positional, wrong_arguments
from cortex_distill.local.cortex.call_nodes import as_json, engine_call, is_prompt, pair, prompt_object
from cortex_distill.local.cortex.calls import FINETUNE, TOKENS, Settings, lane, new_id
from cortex_distill.local.cortex.managed import classification
from cortex_distill.local.cortex.model_parameters import without_guard
from cortex_distill.local.cortex.response_format import schema_of
from cortex_distill.local.faults import UNSUPPORTED, Refused, unsupported

Translate = Callable[[exp.Expr, str, str], exp.Expr]

_text = exp.Literal.string
_AI_COMPLETE = ("model", "prompt", "model_parameters", "response_format", "show_details")
_AI_COMPLETE_ORDER = (
    *_AI_COMPLETE,
    "provisioned_throughput_id",
    "return_error_details",
)  # as Snowflake's helper has it
_EMBEDDING = re.compile(r"AI_EMBED|AI_SIMILARITY|EMBED_TEXT_\d+|VECTOR_\w+_SIMILARITY")
_OTHER = re.compile(
    r"AI_\w+|CLASSIFY_TEXT|SENTIMENT|ENTITY_SENTIMENT|SUMMARIZE|TRANSLATE|EXTRACT_ANSWER|PARSE_DOCUMENT|TRY_COMPLETE"
)


def translate(node: exp.Expr, schema_name: str) -> exp.Expr:
    """A Cortex call as a call of the engine's function; any other node as it is.

    `schema_name` is the session's DB.SCHEMA, where short names of models are looked up. Raises Refused for
    arguments that the function does not take and for the functions that the local engine lacks.
    """
    name = str(node.this).upper()
    in_cortex = isinstance(node.parent, exp.Dot)
    if in_cortex and not _is_cortex(node.parent):
        return node
    if not in_cortex and name in _AI:
        return _AI[name](node, name, schema_name)
    if in_cortex and name in _LEGACY:
        return _LEGACY[name](node, name, schema_name)
    if name == "PROMPT" and node.expressions:
        return prompt_object(node)
    if _EMBEDDING.fullmatch(name):
        raise unsupported(f"the Cortex function {name}: the local engine has no embedding model")
    if in_cortex or _OTHER.fullmatch(name):
        raise unsupported(f"the Cortex function {name}")
    return node


def _is_cortex(dot: exp.Expr | None) -> bool:
    prefix = dot.this.sql("snowflake").upper().replace('"', "") if isinstance(dot, exp.Dot) else ""
    return prefix in ("SNOWFLAKE.CORTEX", "CORTEX")


def _complete(node: exp.Expr, name: str, schema_name: str) -> exp.Expr:
    """COMPLETE and TRY_COMPLETE. Options, even empty ones, ask for the details.

    Source: docs: sql-reference/functions/complete-snowflake-cortex.
    """
    model, prompt, *rest = positional(node, name, 2, 3)
    options = without_guard(mapping({"options": rest[0]}, "options")) if rest else None
    parameters = dict(options or {})
    form = parameters.pop("response_format", None)
    try:
        schema = dict(schema_of(form)) if form is not None else None
    except Refused as error:
        if name != "TRY_COMPLETE" or error.code == UNSUPPORTED:
            raise
        return exp.Null()  # Source: docs: sql-reference/functions/try_complete-snowflake-cortex
    details = options is not None and schema is None
    return engine_call(model, prompt, Settings(name, parameters, schema, details, False, schema_name, new_id()))


def _ai_complete(node: exp.Expr, name: str, schema_name: str) -> exp.Expr:
    given = bind(node, name, _AI_COMPLETE_ORDER, 2)
    throughput = "provisioned_throughput_id"
    if throughput in given and constant(given[throughput], throughput) is not None:
        raise unsupported("AI_COMPLETE with provisioned throughput")
    if is_prompt(given["prompt"]) and (wrong := {"response_format", "show_details"} & given.keys()):
        raise wrong_arguments(name, f"a PROMPT object together with {min(wrong)}")
    parameters = without_guard(mapping(given, "model_parameters"))
    parameters.pop("response_format", None)  # there it is ignored, says Snowflake's migration page
    form = constant(given["response_format"], "response_format") if "response_format" in given else None
    schema = dict(schema_of(form)) if form is not None else None
    details, errors = flag(given, "show_details"), flag(given, "return_error_details")
    settings = Settings(name, parameters, schema, details, errors, schema_name, new_id())
    return engine_call(given["model"], given["prompt"], settings, "json" if details or errors or schema else "")


def _ai_classify(node: exp.Expr, name: str, schema_name: str) -> exp.Expr:
    third = node.expressions[2] if len(node.expressions) == 3 else None
    if isinstance(third, exp.Boolean):  # the config may be left out
        third.replace(exp.Kwarg(this=exp.var("return_error_details"), expression=third.copy()))
    given = bind(node, name, ("input", "list_of_categories", "config_object", "return_error_details"), 2)
    config = classification(mapping(given, "config_object"), examples=True)
    settings = Settings(name, config, None, False, flag(given, "return_error_details"), schema_name, new_id())
    return engine_call(
        _text(f"{name.lower()}-managed"), pair(given["input"], given["list_of_categories"]), settings, "json"
    )


def _classify_text(node: exp.Expr, name: str, schema_name: str) -> exp.Expr:
    text, categories, *rest = positional(node, name, 2, 3)
    config = classification(mapping({"options": rest[0]}, "options") if rest else {}, examples=False)
    settings = Settings(name, config, None, False, False, schema_name, new_id())
    return engine_call(_text("ai_classify-managed"), pair(text, categories), settings, "json")


def _ai_filter(node: exp.Expr, name: str, schema_name: str) -> exp.Expr:
    second = node.expressions[1] if len(node.expressions) > 1 else None
    if second is not None and not isinstance(second, exp.Kwarg | exp.Boolean | exp.Null):
        raise unsupported("AI_FILTER with a file")
    given = bind(node, name, ("input", "return_error_details"), 1)
    settings = Settings(name, {}, None, False, flag(given, "return_error_details"), schema_name, new_id())
    return engine_call(_text("ai_filter-managed"), given["input"], settings, "json" if settings.errors else "boolean")


def _ai_count_tokens(node: exp.Expr, name: str, schema_name: str) -> exp.Expr:
    """('ai_complete', model, text [, options]), ('ai_classify', text, categories [, options]), ('ai_filter', text)."""
    of = constant(node.expressions[0], "function_name") if node.expressions else None
    forms = {
        "ai_complete": ("model_name", "input_text", "options"),
        "ai_classify": ("input_text", "categories", "options"),
        "ai_filter": ("input_text",),
    }
    if of not in forms:
        raise unsupported(f"AI_COUNT_TOKENS for {of!r}")
    names = ("function_name", *forms[of])
    last = node.expressions[-1]
    if isinstance(last, exp.Boolean):  # the options before it may be left out
        last.replace(exp.Kwarg(this=exp.var("return_error_details"), expression=last.copy()))
    given = bind(node, name, (*names, "return_error_details"), min(len(names), 3))
    model = given.get("model_name", _text("ai_classify-managed"))
    text = given["input_text"] if "categories" not in given else pair(given["input_text"], given["categories"])
    errors, options = flag(given, "return_error_details"), mapping(given, "options")
    options = classification(options, examples=True) if of == "ai_classify" else options
    settings = Settings(name, {"of": of, "options": options}, None, False, errors, schema_name, "")
    return engine_call(model, text, settings, "json" if errors else "bigint", TOKENS)


def _count_tokens(node: exp.Expr, name: str, schema_name: str) -> exp.Expr:
    model, text = positional(node, name, 2, 2)
    settings = Settings(name, {"of": "ai_complete", "options": {}}, None, False, False, schema_name, "")
    return engine_call(model, text, settings, "bigint", TOKENS)


def _finetune(node: exp.Expr, name: str, schema_name: str) -> exp.Expr:
    arguments = positional(node, name, 1, 6)
    padding = [exp.Null() for _ in range(6 - len(arguments))]
    cells = exp.Anonymous(this="LIST_VALUE", expressions=[*map(as_json, arguments), *padding])
    call = exp.Anonymous(this=FINETUNE, expressions=[cells, _text(schema_name), lane()])
    is_object = arguments[0].is_string and arguments[0].name.upper() in ("SHOW", "DESCRIBE")
    return exp.cast(call, "json") if is_object else call


def _if_error(node: exp.Expr, name: str, _: str) -> exp.Expr:
    """AI_NULL_IF_ERROR and AI_THROW_IF_ERROR of what return_error_details gave. Source: docs: bcr-2184."""
    (cell,) = positional(node, name, 1, 1)
    return exp.Anonymous(this=f"_fs_global.main._sf_{name.lower()}", expressions=[as_json(cell)])


_AI: dict[str, Translate] = {
    "AI_COMPLETE": _ai_complete,
    "AI_CLASSIFY": _ai_classify,
    "AI_FILTER": _ai_filter,
    "AI_COUNT_TOKENS": _ai_count_tokens,
    "AI_NULL_IF_ERROR": _if_error,
    "AI_THROW_IF_ERROR": _if_error,
}
_LEGACY: dict[str, Translate] = {
    "COMPLETE": _complete,
    "TRY_COMPLETE": _complete,
    "CLASSIFY_TEXT": _classify_text,
    "COUNT_TOKENS": _count_tokens,
    "FINETUNE": _finetune,
}
