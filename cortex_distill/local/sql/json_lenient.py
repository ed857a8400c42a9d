"""Snowflake's JSON parser: more forgiving than the standard, and stricter about duplicate keys.

A trailing or doubled comma, unquoted keys and capital TRUE, FALSE and NULL are accepted; a duplicate key is an
error; blank text is NULL. Sources: docs: sql-reference/functions/parse_json, try_parse_json, flatten (unquoted keys).
"""

import json
import re
from collections.abc import Callable
from typing import Any

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|[A-Za-z_$][\w$]*|[{}\[\]:,])', re.DOTALL)
# Every escape, so that a backslash that is escaped itself begins none; whole emoji first, then halves of one.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_WORDS = {"true": True, "false": False, "null": None, "undefined": None}


class NotJson(ValueError):
    """The text is no JSON even for Snowflake."""


def parse(text: str, *, last: bool = False) -> str | None:
    """The text as standard JSON, keys in order; None if it is blank. Raises NotJson.

    last: of duplicate keys the last one counts (PARSE_JSON's parameter 'd') instead of raising.
    """
    if not text.strip():
        return None
    pairs = dict if last else _unique
    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=_no_constant)
        if last:
            return json.dumps(value, ensure_ascii=False)
    except json.JSONDecodeError:
        return json.dumps(_Lenient(text, pairs).document(), ensure_ascii=False)
    except RecursionError as error:
        raise NotJson("Error parsing JSON: nested too deeply") from error
    return _ESCAPE.sub(_whole, text) if "\\ud" in text or "\\uD" in text else text


def _whole(escape: re.Match[str]) -> str:
    """The escape; of half an emoji, as a truncated reply ends, the mark for what is lost: no UTF-8 text can hold it."""
    return r"\ufffd" if escape[1] else escape[0]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotJson(f'Error parsing JSON: duplicate object attribute "{twice}"')
    return seen


def _no_constant(name: str) -> Any:
    raise NotJson(f"Error parsing JSON: unknown keyword {name}")


class _Lenient:
    """A recursive reader for what the standard library refuses."""

    def __init__(self, text: str, pairs: Callable[[list[tuple[str, Any]]], dict[str, Any]]) -> None:
        self.tokens: list[str] = []
        self.pairs = pairs
        at, end = 0, len(text.rstrip())
        while at < end:
            found = _TOKEN.match(text, at)
            if not found:
                raise NotJson(f"Error parsing JSON: unexpected character, pos {at + 1}")
            self.tokens.append(found[1])
            at = found.end()
        self.tokens.reverse()

    def document(self) -> Any:
        try:
            value = self.value()
        except (IndexError, RecursionError) as error:
            raise NotJson("Error parsing JSON: incomplete or nested too deeply") from error
        if self.tokens:
            raise NotJson(f"Error parsing JSON: unexpected {self.tokens[-1]!r} after the value")
        return value

    def value(self) -> Any:
        token = self.tokens.pop()
        if token == "{":
            return self.object()
        if token == "[":
            return self.array()
        if token.lower() in _WORDS:
            return _WORDS[token.lower()]
        if token[0] == '"' or token[0] == "-" or token[0].isdigit():
            return self.scalar(token)
        raise NotJson(f"Error parsing JSON: unexpected {token!r}")

    def scalar(self, token: str) -> Any:
        try:
            return json.loads(token, strict=False)
        except json.JSONDecodeError as error:
            raise NotJson(f"Error parsing JSON: {token[:40]!r}") from error

    def array(self) -> list[Any]:
        """A comma in front of the end counts as an element. Source: docs: sql-reference/functions/parse_json."""
        items: list[Any] = []
        if self.tokens[-1] == "]":
            self.tokens.pop()
            return items
        while True:
            items.append(None if self.tokens[-1] in ",]" else self.value())
            if (token := self.tokens.pop()) == "]":
                return items
            if token != ",":
                raise NotJson("Error parsing JSON: missing comma")

    def object(self) -> dict[str, Any]:
        pairs: list[tuple[str, Any]] = []
        while (key := self.tokens.pop()) != "}":
            if not (key[0] == '"' or key[0].isalpha() or key[0] in "_$") or self.tokens.pop() != ":":
                raise NotJson("Error parsing JSON: missing key or colon")
            pairs.append((self.scalar(key) if key[0] == '"' else key, self.value()))
            if self.tokens[-1] != "}" and self.tokens.pop() != ",":
                raise NotJson("Error parsing JSON: missing comma")
        return self.pairs(pairs)
