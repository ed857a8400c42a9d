"""How a refusal is put: pydantic's errors in the words of the experiment file, each with its remedy."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel

from cortex_distill.config import ExperimentConfig
from cortex_distill.problem_list import At, Problems
from cortex_distill.raw_data import is_secret
from cortex_distill.spelling import suggestion

_SAID = {
    "string_type": "should be text",
    "int_type": "should be a whole number",
    "float_type": "should be a number",
    "finite_number": "should be a finite number",
    "bool_type": "should be true or false",
    "dict_type": "should be a mapping of keys",
    "model_type": "should be a mapping of keys",
    "list_type": "should be a list",
    "greater_than_equal": "should be {ge:g} or more",
    "greater_than": "should be above {gt:g}",
    "less_than_equal": "should be {le:g} or less",
    "too_short": "should have at least {min_length} entry",
    "string_too_long": "should have at most {max_length} characters",
    "literal_error": "should be {expected}",
}


def shown_value(value: object) -> str:
    """A value as a message shows it, at most 80 characters, without the content of mappings and lists."""
    kinds: dict[type, str] = {dict: "a mapping", list: "a list", type(None): "nothing"}
    text = kinds.get(type(value)) or (repr(value) if isinstance(value, str) else str(value))
    return text if len(text) <= 80 else text[:79] + "…"


def quote_hint(value: object) -> str:
    """What to do with a value that YAML does not read as text."""
    if isinstance(value, bool):
        return f"YAML reads a bare {'Yes, on or true' if value else 'No, off or false'} as a boolean, so quote it"
    return "quote it"


def _number(value: object) -> str:
    """What to write instead of a text that looks like a number, or nothing."""
    parts = re.fullmatch(r"([-+]?\d{1,15})(?:\.(\d{0,15}))?(?:e([-+]?)(\d{1,2}))?", str(value).strip(), re.IGNORECASE)
    if not isinstance(value, str) or not parts:
        return ""
    whole, fraction, sign, power = parts.groups()
    plain = f"{float(value):.20f}".rstrip("0").rstrip(".")
    return (
        f"write {plain} or {whole}.{fraction or 0}e{sign or '+'}{power}" if power else f"write {plain} without quotes"
    )


class _Field(NamedTuple):
    known: list[str]  # the keys that may stand below a place
    description: str  # of the nearest field on the way to it


def _field(at: At) -> _Field:
    model: type[BaseModel] | None = ExperimentConfig
    description = ""
    for part in at:
        if isinstance(part, int):  # a place in a list of such models
            continue
        field = model.model_fields.get(str(part)) if model else None
        if field is None:
            return _Field([], description)
        description = field.description or ""
        model = next((k for k in _kinds(field.annotation) if isinstance(k, type) and issubclass(k, BaseModel)), None)
    return _Field(list(model.model_fields) if model else [], description)


def _kinds(annotation: object) -> Iterator[object]:
    """A type and all that it is made of, however deep."""
    yield annotation
    for inside in get_args(annotation):
        yield from _kinds(inside)


def explain(error: Mapping[str, Any], found: Problems) -> None:
    """Adds one of pydantic's errors (an item of `errors()`), in the words of the file and at its place there."""
    loc: At = error["loc"]
    tagged = loc[:1] in {("categories",), ("source",)}  # the second part is a union's tag
    at = (*loc[:1], *loc[2:]) if tagged else tuple(loc)
    of_key = at[-1:] == ("[key]",) and len(at) > 2 and error["type"] != "extra_forbidden"  # else a key of that name
    at = at[:-1] if of_key else at
    kind, value, context = error["type"], at[-1] if of_key else error["input"], error.get("ctx", {})
    known, description = _field(at[:-1] if kind == "extra_forbidden" else at)
    if kind == "faults":
        for below, what in context["faults"]:
            found.at((*at, *below), what)
    elif kind == "extra_forbidden":
        if not is_secret(at[-1]):
            found.at(at, f"no such key; {suggestion(str(at[-1]), known)}")
    elif kind == "missing":
        found.at(at, f"is missing; write it: {description}")
    elif kind == "string_pattern_mismatch":
        form = "DB.SCHEMA.NAME in plain words" if at[-1] == "table" else "small letters, digits and _, a letter first"
        found.at(at, f"should be {form}, got {shown_value(value)}")
    elif kind != "string_unicode":  # half a character: said by raw_data.look_through, for keys too
        said = _SAID.get("int_type" if kind == "int_from_float" else kind, error["msg"]).format(**context)
        hint = quote_hint(value) if kind == "string_type" and not isinstance(value, dict | list | None) else description
        hint = (_number(value) if kind in {"int_type", "float_type"} else "") or hint
        found.at(at, f"{said}, got {shown_value(value)}; {hint}")
