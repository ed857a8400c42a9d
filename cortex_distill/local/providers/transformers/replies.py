"""Replies that have to follow a JSON schema: chosen among all that there are, or written and then checked.

Constrained decoding is not part of transformers. Where few replies are possible (labels, true or false, a rating from
1 to 5), the model chooses the most likely one, exactly; else it is told the schema, and what it wrote is checked.
"""

import json
from collections.abc import Mapping
from itertools import product
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from cortex_distill.local.providers import CallError

MOST = 128
"""Replies that are compared; AI_CLASSIFY takes 100 labels in its oldest form."""
INVALID = "422 json mode output validation error: Model returned invalid JSON that cannot be parsed due to: "
TOLD = "\n\nReply with one JSON document that follows this JSON schema, and with nothing else:\n"


def possible(schema: Mapping[str, Any]) -> list[str] | None:
    """Every reply that follows the schema, as JSON; None if they are more than MOST, or cannot be listed."""
    values = _values(schema)
    return None if values is None else [json.dumps(value, ensure_ascii=False) for value in values]


def _values(node: Mapping[str, Any]) -> list[Any] | None:
    if "enum" in node:
        found: list[Any] = list(node["enum"])
    elif "const" in node:
        found = [node["const"]]
    elif node.get("type") == "boolean":
        found = [True, False]
    elif node.get("type") == "integer" and {"minimum", "maximum"} <= node.keys():
        found = list(range(int(node["minimum"]), min(int(node["maximum"]), int(node["minimum"]) + MOST) + 1))
    elif node.get("type") == "object" and node.get("properties"):
        parts = {name: _values(part) for name, part in node["properties"].items()}
        lists = [values for values in parts.values() if values is not None]
        count = 1
        for values in lists:
            count *= len(values)
        if len(lists) < len(parts) or count > MOST:
            return None
        found = [dict(zip(parts, values, strict=True)) for values in product(*lists)]
    else:
        return None
    return found if 0 < len(found) <= MOST else None


def told(schema: Mapping[str, Any]) -> str:
    """What is added to the prompt, so that a model can follow a schema which it is not held to."""
    return TOLD + json.dumps(schema, ensure_ascii=False)


def checked(text: str, schema: Mapping[str, Any]) -> str:
    """The JSON document in a reply, without fences and prose around it. Raises CallError, worded as Cortex's."""
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    try:
        document, _ = json.JSONDecoder().raw_decode(text, min(starts, default=0))
        Draft202012Validator.check_schema(schema)
    except ValueError as error:
        raise CallError(f"{INVALID}{error}") from error
    except SchemaError as error:
        raise CallError(f"400 the JSON schema is not valid: {error.message}") from error
    wrong = next(iter(Draft202012Validator(schema).iter_errors(document)), None)
    if wrong is not None:
        raise CallError(f"422 json mode output validation error: {wrong.message}")
    return json.dumps(document, ensure_ascii=False)
