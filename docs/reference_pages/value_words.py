"""What may be written for a key, in words: the JSON Schema of a pydantic field, read aloud."""

from typing import Any

from pydantic import BaseModel

from cortex_distill.config_fields import TABLE

NAME = "^[a-z][a-z0-9_]*$"
_PATTERNS = {NAME: "name", TABLE: "`DB.SCHEMA.NAME`"}
BELOW = "keys below"
_PLAIN = {"string": "text", "boolean": "true or false", "null": "null"}


def value_words(schema: dict[str, Any], within: dict[str, Any] | None = None) -> str:
    """Type and bounds of a property. `within`: the `$defs` of its model."""
    defs = within or {}
    if "$ref" in schema:
        return value_words(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return one_of([f"`{each}`" for each in schema["enum"]])
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            words = [value_words(each, defs) for each in schema[choice] if each.get("type") != "null"]
            return one_of(list(dict.fromkeys(words)))
    return _of_type(schema, defs)


def _of_type(schema: dict[str, Any], defs: dict[str, Any]) -> str:
    match schema.get("type"):
        case "object" if "properties" in schema:
            return BELOW
        case "object":
            return _mapping(schema, defs)
        case "array":
            return f"list{counted(schema, 'Items')} of {value_words(schema['items'], defs)}"
        case "integer":
            return f"whole number{bounds(schema)}"
        case "number":
            return f"number{bounds(schema)}"
        case kind:
            return _PATTERNS.get(schema.get("pattern", ""), _PLAIN[str(kind)])


def _mapping(schema: dict[str, Any], defs: dict[str, Any]) -> str:
    patterns = list(schema.get("patternProperties", {}).items())
    key = _PATTERNS.get(patterns[0][0], "text") if patterns else "text"
    values = patterns[0][1] if patterns else schema["additionalProperties"]
    return f"{key} → {value_words(values, defs)}{counted(schema, 'Properties')}"


def counted(schema: dict[str, Any], what: str) -> str:
    """How many entries there may be, in brackets, or nothing."""
    low, high = schema.get(f"min{what}"), schema.get(f"max{what}")
    said = f"{low} to {high}" if high else f"{low} or more"
    return f" ({said})" if low or high else ""


def bounds(schema: dict[str, Any]) -> str:
    """`, 1 to 100`, `, above 0, at most 1`, or nothing."""
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f", {low:,g} to {high:,g}"
    said = [("above", above), ("at least", low), ("at most", high), ("below", below)]
    return "".join(f", {word} {number:,g}" for word, number in said if number is not None)


def one_of(words: list[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def default_words(value: Any) -> str:
    """A default as it would be written; `see below` where it is longer than a cell."""
    match value:
        case bool():
            return f"`{str(value).lower()}`"
        case None | [] | {}:
            return "none"
        case "":
            return "empty"
        case BaseModel():
            return "its defaults" if _is_whole(type(value)) else "–"
        case int() | float():
            return f"`{value:.12g}`"
        case _:
            return f"`{value}`" if len(str(value)) < 40 and "\n" not in str(value) else "below"


def _is_whole(model: type[BaseModel]) -> bool:
    """Whether a model can do without any key."""
    return not any(field.is_required() for field in model.model_fields.values())
