"""From a JSON schema to a llama.cpp grammar (GBNF) that a model cannot leave.

Cortex forbids every length keyword in a schema, so for a 135M model the lengths are decided here: a text is at most two
sentences. A list has at most 25 items. Every property of an object is written, in the schema's order.
Source: llama.cpp, grammars/README.md; keywords as in Cortex's page on structured outputs.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from cortex_distill.local.providers import CallError
from cortex_distill.local.providers.gguf.integers import integer_rule

MAX_ITEMS = 25
MAX_DEPTH = 8

SHORT_TEXT = r"""
char ::= [a-zA-Z0-9À-ÖØ-öø-ɏ ,$€£%'()/:-] | [0-9] "." [0-9]
text ::= [A-Z0-9À-ÖØ-Þ] char{2,150} ([.?!] (" " [A-Z0-9À-ÖØ-Þ] char{2,120} [.?!])?)?
"""
"""For a model that does not know when to stop."""

ANY_TEXT = r"""
text ::= ([^"\\\x00-\x1F\x7F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))*
"""

NUMBER = r"""
number ::= "-"? ("0" | [1-9] [0-9]{0,5}) ("." [0-9]{1,3})?
"""


class Part(NamedTuple):
    """A piece of the reply: text that is certain (`rule` is None), or a rule that the model fills; `among` has all
    that fits the rule, where those are a few texts."""

    text: str
    rule: str | None = None
    among: tuple[str, ...] = ()


class Grammar(NamedTuple):
    """`opening` is how every valid reply begins; `rules` is the grammar of what comes after it; `endings` has all that
    can come after it, where those are a few texts, and is empty otherwise."""

    opening: str
    rules: str
    endings: tuple[str, ...]


def compile_schema(schema: Mapping[str, Any], text: str = SHORT_TEXT) -> Grammar:
    """Grammar of all replies that follow `schema`; `text` is the rule for texts.

    Raises CallError, worded as Cortex's, if the schema cannot be read.
    """
    parts = _parts(schema, schema, 0)
    opening = ""
    while parts and parts[0].rule is None:
        opening += parts.pop(0).text
    bare = opening.rstrip(" ")  # a token of this model owns the space before it, so the model writes the space
    parts.insert(0, Part(opening[len(bare) :]))
    root = _join(parts) or '""'
    return Grammar(bare, f"root ::= {root}\n{text}{NUMBER}", _endings(parts))


def _endings(parts: list[Part]) -> tuple[str, ...]:
    """All texts that the parts can make, if one choice decides it."""
    if len([part for part in parts if part.rule]) != 1:
        return ()
    at, choice = next((at, part) for at, part in enumerate(parts) if part.rule)
    before, after = ("".join(part.text for part in some) for some in (parts[:at], parts[at + 1 :]))
    return tuple(f"{before}{text}{after}" for text in choice.among)


def _parts(node: Mapping[str, Any], top: Mapping[str, Any], depth: int) -> list[Part]:
    if depth > MAX_DEPTH:
        raise _invalid(f"nested more than {MAX_DEPTH} levels deep")
    if "$ref" in node:
        return _parts(_definition(node["$ref"], top), top, depth + 1)
    if "enum" in node or "const" in node:
        return _choice(node["enum"] if "enum" in node else [node["const"]])
    kind = node.get("type")
    options = node.get("anyOf") or ([{**node, "type": one} for one in kind] if isinstance(kind, list) else None)
    if options:
        return [Part("", _either([_join(_parts(option, top, depth + 1)) for option in options]))]
    if kind == "object":
        return _object(node, top, depth)
    if kind == "array":
        return _array(node, top, depth)
    return _scalar(kind, node)


def _object(node: Mapping[str, Any], top: Mapping[str, Any], depth: int) -> list[Part]:
    properties = node.get("properties")
    if not properties:
        raise _invalid("an object needs properties")
    parts: list[Part] = []
    for name, child in properties.items():
        parts += [Part(f"{', ' if parts else '{'}{json.dumps(name)}: "), *_parts(child, top, depth + 1)]
    return [*parts, Part("}")]


def _array(node: Mapping[str, Any], top: Mapping[str, Any], depth: int) -> list[Part]:
    if "items" not in node:
        raise _invalid("an array needs items")
    item = _parts(node["items"], top, depth + 1)
    more = f'(", " {_join(item)}){{0,{MAX_ITEMS - 1}}}'
    return [Part("["), *item, Part("", more), Part("]")]


def _scalar(kind: object, node: Mapping[str, Any]) -> list[Part]:
    if kind == "string":
        return [Part('"'), Part("", "text"), Part('"')]
    if kind == "integer":
        return [Part("", integer_rule(node.get("minimum"), node.get("maximum")))]
    if kind == "number":
        return [Part("", "number")]
    if kind == "boolean":
        return _choice([True, False])
    if kind == "null":
        return [Part("null")]
    raise _invalid(f"unknown type {kind!r}")


def _choice(values: list[Any]) -> list[Part]:
    texts = [json.dumps(value, ensure_ascii=False) for value in values]
    if texts and all(isinstance(value, str) for value in values):  # the quote is certain, so it joins the opening
        among = tuple(text[1:-1] for text in texts)
        return [Part('"'), Part("", _either([_literal(text) for text in among]), among), Part('"')]
    if not texts:
        raise _invalid("an enum needs values")
    return [Part("", _either([_literal(text) for text in texts]), tuple(texts))]


def _definition(ref: str, top: Mapping[str, Any]) -> Mapping[str, Any]:
    name = ref.removeprefix("#/$defs/")
    found = top.get("$defs", {}).get(name)
    if found is None or name == ref:
        raise _invalid(f"$ref {ref!r} is not in $defs")
    return dict(found)


def _either(rules: list[str]) -> str:
    return rules[0] if len(rules) == 1 else f"({' | '.join(rules)})"


def _join(parts: list[Part]) -> str:
    return " ".join(part.rule or _literal(part.text) for part in parts if part.rule or part.text)


def _literal(text: str) -> str:
    # JSON has already escaped control characters, so a backslash and a quote are all that GBNF could trip over.
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _invalid(reason: str) -> CallError:
    return CallError(f"400 input schema validation error: {reason}")
