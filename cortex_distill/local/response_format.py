"""The check that Cortex makes on `response_format` before it asks a model. Source: cortex-facts.md 1.5."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cortex_distill.local.faults import Refused

_REFUSED: dict[str, frozenset[str]] = {
    "integer": frozenset({"multipleOf"}),
    "number": frozenset({"multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "string": frozenset({"minLength", "maxLength", "format"}),
    "array": frozenset({"uniqueItems", "contains", "minContains", "maxContains", "minItems", "maxItems"}),
    "object": frozenset({"patternProperties", "minProperties", "maxProperties", "propertyNames"}),
    "boolean": frozenset(),
    "null": frozenset(),
}
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NESTED = ("items", "additionalProperties", "not")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAPS = ("properties", "$defs", "definitions")


def schema_of(response_format: Any) -> Mapping[str, Any]:
    """The JSON schema inside a response format. Raises Refused, in Cortex's words, if it is not acceptable."""
    if not isinstance(response_format, Mapping) or not response_format.get("type"):
        raise _invalid("please provide a type for the response format object")
    if response_format["type"] != "json":
        raise _invalid(f"input schema validation error: response format type {response_format['type']!r}, not 'json'")
    schema = response_format.get("schema")
    if not isinstance(schema, Mapping) or not schema:
        raise _invalid("please provide a schema for the response format object")
    if schema.get("type") != "object":
        raise _invalid("input schema validation error: the top level must be of type object")
    for node in _nodes(schema):
        _check(node)
    return schema


def _nodes(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield schema
    parts = [schema.get(key) for key in _NESTED]
    parts += [part for key in _LISTS for part in schema.get(key) or []]
    parts += [part for key in _MAPS for part in (schema.get(key) or {}).values()]
    for part in parts:
        if isinstance(part, Mapping):
            yield from _nodes(part)


def _check(node: Mapping[str, Any]) -> None:
    kinds = node.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind not in _REFUSED:
            raise _invalid(f"input schema validation error: unknown type {kind!r}")
        if refused := sorted(_REFUSED[kind] & node.keys()):
            raise _invalid(f"input schema validation error: keyword {refused[0]!r} is not supported for type {kind}")
    for name in node.get("properties") or {}:
        if not _NAME.fullmatch(name):
            raise _invalid(f"input schema validation error: property name {name!r} does not match {_NAME.pattern}")
    if not str(node.get("$ref", "#/$defs/")).startswith("#/$defs/"):
        raise _invalid(f"input schema validation error: $ref {node['$ref']!r} must point into #/$defs/")


def _invalid(text: str) -> Refused:
    return Refused(f'Request failed for external function COMPLETE with remote service error: 400 "{text}"')
