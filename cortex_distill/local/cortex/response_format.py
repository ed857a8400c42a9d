"""The check that Cortex makes on `response_format` before it asks a model.

Source: docs: sql-reference/functions/ai_complete-structured-outputs.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sqlglot import exp

from cortex_distill.local.faults import Refused

_REFUSED: dict[str, frozenset[str]] = {
    "object": frozenset({"patternProperties", "minProperties", "maxProperties", "propertyNames"}),
    "array": frozenset({"uniqueItems", "contains", "minContains", "maxContains", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength", "format"}),
    "number": frozenset({"multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "integer": frozenset({"multipleOf"}),
    "boolean": frozenset(),
    "null": frozenset(),
}
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_DEFS = "#/$defs/"
_NESTED = ("items", "additionalProperties", "not")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAPS = ("properties", "$defs", "definitions")
_Nodes = Iterator[tuple[str, Mapping[str, Any]]]


def schema_of(response_format: Any) -> Mapping[str, Any]:
    """The JSON schema inside a response format. Raises Refused, in Cortex's words, if it is not acceptable."""
    if not isinstance(response_format, Mapping) or not response_format.get("type"):
        raise _rejected("please provide a type for the response format object")
    if response_format["type"] != "json":
        raise _invalid(f"response format type {response_format['type']!r}, not 'json'")
    schema = response_format.get("schema")
    if not isinstance(schema, Mapping) or not schema:
        raise _rejected("please provide a schema for the response format object")
    if schema.get("type") != "object":
        raise _invalid("the top level must be of type object")
    for path, node in _nodes(schema):
        _check(path, node, schema)
    return schema


def check_openai(schema: Mapping[str, Any]) -> None:
    """The extra rule for OpenAI's models. Raises Refused. Source: docs: ai_complete-structured-outputs."""
    for path, node in _nodes(schema):
        if node.get("type") != "object":
            continue
        if node.get("additionalProperties") is not False:
            raise _invalid(f"{path or '/'} additionalProperties must be false for OpenAI models")
        if missing := sorted(set(node.get("properties") or {}) - set(node.get("required") or [])):
            raise _invalid(f"{path or '/'} required must list every property for OpenAI models: {missing[0]}")


def of_type(kind: exp.DataType) -> dict[str, Any]:
    """TYPE OBJECT(…) as a response format. Raises Refused for a type without JSON twin."""
    if not kind.is_type("object"):
        raise _invalid(f"a type literal must be an OBJECT, not {kind.sql('snowflake')}")
    return {"type": "json", "schema": _schema(kind)}


def _schema(kind: exp.DataType) -> dict[str, Any]:
    parts = kind.expressions
    if kind.is_type("object") and parts:
        fields = {field.name: _schema(field.args["kind"]) for field in parts}
        return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    if kind.is_type("array") and parts:
        return {"type": "array", "items": _schema(parts[0])}
    if kind.is_type(*exp.DataType.TEXT_TYPES):
        return {"type": "string"}
    if kind.is_type("boolean"):
        return {"type": "boolean"}
    if kind.is_type("decimal"):  # NUMBER(precision, scale)
        return {"type": "number" if len(parts) > 1 and parts[1].name != "0" else "integer"}
    if kind.is_type(*exp.DataType.INTEGER_TYPES):
        return {"type": "integer"}
    if kind.is_type(*exp.DataType.NUMERIC_TYPES):
        return {"type": "number"}
    raise _invalid(f"type {kind.sql('snowflake')} is not supported in a type literal")


def _nodes(schema: Mapping[str, Any], path: str = "") -> _Nodes:
    yield path, schema
    parts = [(f"{path}/{key}", schema.get(key)) for key in _NESTED]
    parts += [(f"{path}/{key}/{place}", part) for key in _LISTS for place, part in enumerate(schema.get(key) or [])]
    for key in _MAPS:
        inside = schema.get(key) or {}
        if not isinstance(inside, Mapping):
            raise _invalid(f"{path}/{key} must be an object")
        parts += [(f"{path}/{key}/{name}", part) for name, part in inside.items()]
    for where, part in parts:
        if isinstance(part, Mapping):
            yield from _nodes(part, where)


def _check(path: str, node: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    kinds = node.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind not in _REFUSED:
            raise _invalid(f"{path}/type {kind} should be one of {json.dumps(list(_REFUSED))}")
        if refused := sorted(_REFUSED[kind] & node.keys()):
            raise _invalid(f"{path} keyword {refused[0]!r} is not supported for type {kind}")
    for name in node.get("properties") or {}:
        if not _NAME.fullmatch(name):
            raise _invalid(f"{path}/properties/{name} regexp pattern ^{_NAME.pattern}$ mismatch on string")
    ref = str(node.get("$ref", ""))
    if "$ref" in node and (not ref.startswith(_DEFS) or ref.removeprefix(_DEFS) not in schema.get("$defs", {})):
        raise _invalid(f"Invalid ref {ref}. Please define a valid object in {_DEFS} section")


def _invalid(reason: str) -> Refused:
    return _rejected(f"input schema validation error: {reason}")


def _rejected(text: str) -> Refused:
    """The whole statement is cancelled, in AI_COMPLETE too. Source: docs: ai_complete-structured-outputs."""
    return Refused(f'Request failed for external function COMPLETE with remote service error: 400 "{text}"')
