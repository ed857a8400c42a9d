"""Builds a value that follows a JSON schema, asking a `Filler` for each leaf."""

from collections.abc import Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]


class Filler:
    """What a task knows to say; every method has an answer that fits any schema."""

    def text(self, name: str) -> str:
        """A text property."""
        return name or "text"

    def number(self, name: str, low: float, high: float) -> float:
        """A number between `low` and `high`, both allowed."""
        return min(max(low, 1.0), high)

    def flag(self, name: str) -> bool:
        """A yes or no."""
        return True

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        """One of the options of an `enum`."""
        return options[0]

    def items(self, name: str, item: Schema) -> "Sequence[Filler]":
        """Who fills the items of a list."""
        return [self]


def fill(schema: Schema, filler: Filler, name: str = "", root: Schema | None = None, depth: int = 0) -> Any:
    """A value for `schema`: types, enum, const, $ref, anyOf and bounds are followed; null beyond 12 levels."""
    root = schema if root is None else root
    schema = _resolved(schema, root)
    if depth > 12:
        return None
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return filler.choice(name, list(schema["enum"]))
    kind = _kind(schema)
    if kind == "object":
        inside = schema.get("properties") or {}
        return {key: fill(sub, filler, key, root, depth + 1) for key, sub in inside.items()}
    if kind == "array":
        item = schema.get("items") or {"type": "string"}
        fillers = list(filler.items(name, _resolved(item, root)))
        low, high = int(schema.get("minItems", 0)), int(schema.get("maxItems", len(fillers) + 1000))
        fillers = [*fillers, *fillers * low][: max(low, min(len(fillers), high))]
        return [fill(item, each, name, root, depth + 1) for each in fillers]
    return _leaf(kind, schema, filler, name)


def _leaf(kind: str, schema: Schema, filler: Filler, name: str) -> Any:
    if kind in ("integer", "number"):
        low, high = float(schema.get("minimum", 1)), float(schema.get("maximum", max(5, schema.get("minimum", 1))))
        value = min(max(filler.number(name, low, high), low), high)
        return round(value) if kind == "integer" or value == int(value) else value
    if kind == "boolean":
        return filler.flag(name)
    return None if kind == "null" else filler.text(name)


def _resolved(schema: Schema, root: Schema) -> Schema:
    for _ in range(8):
        if isinstance(place := schema.get("$ref"), str):
            target: Any = root
            for part in place.removeprefix("#").strip("/").split("/"):
                target = target.get(part, {}) if isinstance(target, Mapping) else {}
            schema = target
        elif choices := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            schema = next((one for one in choices if one.get("type") != "null"), choices[0])
        else:
            break
    return schema


def _kind(schema: Schema) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "array" if "items" in schema else "string")
    kinds = [kind] if isinstance(kind, str) else list(kind)
    return str(next((one for one in kinds if one != "null"), "null"))


def leaves(schema: Schema) -> list[tuple[str, str, bool]]:
    """(name, type, inside a list of objects) of every leaf; an enum counts as type `enum`."""
    return list(_leaves(schema, schema, "", False, 0))


def _leaves(schema: Schema, root: Schema, name: str, listed: bool, depth: int) -> list[tuple[str, str, bool]]:
    schema = _resolved(schema, root)
    kind = "enum" if schema.get("enum") else _kind(schema)
    if depth > 12 or kind not in ("object", "array"):
        return [(name, kind, listed)]
    if kind == "array":
        item = _resolved(schema.get("items") or {}, root)
        return _leaves(item, root, name, listed or _kind(item) == "object", depth + 1)
    inside = schema.get("properties") or {}
    return [leaf for key, sub in inside.items() for leaf in _leaves(sub, root, key, listed, depth + 1)]
