"""How a call of an engine function is written into a statement: its nodes of the syntax tree."""

import json

from sqlglot import exp

from cortex_distill.local.cortex.arguments import positional
from cortex_distill.local.cortex.calls import CALL, Settings, lane
from cortex_distill.local.cortex.prompts import check_template
from cortex_distill.local.faults import unsupported

_text = exp.Literal.string


def prompt_object(node: exp.Expr) -> exp.Expr:
    """PROMPT('… {0}', x): an object, which is filled in when the model is called."""
    template, *arguments = positional(node, "PROMPT", 1, len(node.expressions))
    if any(argument.find(exp.ToFile) for argument in arguments):
        raise unsupported("PROMPT with a file")
    if isinstance(template, exp.Literal):
        check_template(template.name, len(arguments))
    filled = exp.Anonymous(this="JSON_ARRAY", expressions=[as_json(argument) for argument in arguments])
    pairs = [_text("template"), as_json(template), _text("args"), filled]
    return exp.Anonymous(this="JSON_OBJECT", expressions=pairs)


def is_prompt(node: exp.Expr) -> bool:
    """Whether it is what `prompt_object` wrote."""
    return isinstance(node, exp.Anonymous) and node.this == "JSON_OBJECT" and node.expressions[0].name == "template"


def engine_call(
    model: exp.Expr, prompt: exp.Expr, settings: Settings, result: str = "", function: str = CALL
) -> exp.Expr:
    """The call, cast to `result` if that is said; `settings` becomes a JSON literal."""
    literal = _text(json.dumps(settings._asdict(), ensure_ascii=False))
    call = exp.Anonymous(this=function, expressions=[as_json(model), as_json(prompt), literal])
    if function == CALL:
        call.append("expressions", lane())
    return exp.cast(call, result) if result else call


def pair(*parts: exp.Expr) -> exp.Expr:
    """A text and its categories as one JSON list."""
    return exp.Anonymous(this="JSON_ARRAY", expressions=[as_json(part) for part in parts])


def as_json(value: exp.Expr) -> exp.Expr:
    """Any value as one JSON text: tells a string from an array, and evaluates its argument once."""
    return exp.Anonymous(this="TO_JSON", expressions=[value.copy()])
