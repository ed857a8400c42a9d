"""Reading the statements that the SQL parser does not know or would mangle: PUT, COPY INTO, CREATE STAGE, …"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from sqlglot import exp, parse_one
from sqlglot.dialects import Snowflake
from sqlglot.tokenizer_core import TokenType

from cortex_distill.local.faults import Refused

_PART = r'(?:"(?:[^"]|"")*"|[\w$%]+)'
_TOKEN = re.compile(
    rf"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)|(?P<text>'(?:[^'\\]|\\.|'')*')|(?P<dollars>\$\$.*?\$\$)
    |(?P<stage>@(?:"(?:[^"]|"")*"|[^\s(),;'"])+)|(?P<file>file://[^\s;']+)
    |(?P<name>{_PART}(?:\.{_PART})*)|(?P<sign>=>|.)""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
Value = str | bool | list[str]


class Word(NamedTuple):
    """One token: what kind, its text as typed, and where it begins and ends."""

    kind: str
    text: str
    start: int
    end: int


class Wording:
    """A statement read from left to right. `take` reads expected words, `expect` insists on them."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        found = (Word(str(match.lastgroup), match[0], *match.span()) for match in _TOKEN.finditer(sql))
        self._words = [word for word in found if word.kind != "space"]
        self.at = 0

    def peek(self) -> Word:
        """The next token; an empty one at the end."""
        return self._words[self.at] if self.at < len(self._words) else Word("end", "", len(self.sql), len(self.sql))

    def before(self) -> Word:
        """The token that is just behind us."""
        return self._words[self.at - 1]

    def next(self) -> Word:
        """The next token, which is then behind us."""
        word = self.peek()
        self.at += 1
        return word

    def take(self, *words: str) -> bool:
        """Step over these words if all of them are next."""
        ahead = self._words[self.at : self.at + len(words)]
        if [word.text.upper() for word in ahead] != list(words):
            return False
        self.at += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Step over these words; a syntax error if they are not next."""
        if not self.take(*words):
            raise self.error()

    def end(self) -> None:
        """A syntax error unless the statement ends here."""
        self.take(";")
        if self.peek().kind != "end":
            raise self.error()

    def error(self) -> Refused:
        """Snowflake's words for a token that has no business here."""
        word = self.peek()
        message = f"SQL compilation error:\nsyntax error at position {word.start} unexpected '{word.text or '<EOF>'}'."
        return Refused(message, 1003, "42000")

    def name(self) -> tuple[str, ...]:
        """A dotted name, also as IDENTIFIER('…') or in a literal: its parts as Snowflake stores them."""
        if self.take("IDENTIFIER", "("):
            parts = self.name()
            self.expect(")")
            return parts
        word = self.next()
        if word.kind not in ("name", "text"):
            self.at -= 1
            raise self.error()
        return parts_of(word.text if word.kind == "name" else text_of(word.text))

    def group(self) -> str:
        """What stands between the parentheses that begin here."""
        self.expect("(")
        start, depth = self.peek().start, 1
        while depth:
            word = self.next()
            if word.kind == "end":
                raise self.error()
            depth += {"(": 1, ")": -1}.get(word.text, 0)
        return self.sql[start : word.start]

    def options(self, sign: str = "=") -> dict[str, "Value | dict[str, Value]"]:
        """KEY = value pairs up to the end or to a closing parenthesis. Keys are in capitals."""
        found: dict[str, Value | dict[str, Value]] = {}
        while self.peek().kind == "name":
            key = self.next().text.upper()
            self.expect(sign)
            found[key] = self._value()
            self.take(",")
        return found

    def _value(self) -> "Value | dict[str, Value]":
        if self.take("("):
            keyed = self._words[self.at + 1 : self.at + 2]
            inner: list[str] | dict[str, Value]
            if keyed and keyed[0].text == "=":
                inner = self.options()  # type: ignore[assignment]  # options do not nest twice
            else:
                inner = []
                while self.peek().text != ")":
                    inner.append(str(self._value()))
                    self.take(",")
            self.expect(")")
            return inner
        word = self.next()
        if word.kind in ("text", "dollars"):
            return text_of(word.text)
        if word.kind not in ("name", "stage"):
            self.at -= 1
            raise self.error()
        return {"TRUE": True, "FALSE": False}.get(word.text.upper(), word.text)


def parts_of(name: str) -> tuple[str, ...]:
    """The parts of a dotted name: in capitals unless quoted."""
    return tuple(
        part[1:-1].replace('""', '"') if part.startswith('"') else part.upper() for part in re.findall(_PART, name)
    )


def text_of(literal: str) -> str:
    """The value of a text literal as typed."""
    return literal[2:-2] if literal.startswith("$$") else str(parse_one(literal, read="snowflake").name)


def bound(sql: str, values: Sequence[object]) -> str:
    """The statement with its question marks replaced by literals; a statement without binds as it is."""
    if not values:
        return sql
    marks = [token.start for token in Snowflake().tokenize(sql) if token.token_type is TokenType.PLACEHOLDER]
    if len(marks) != len(values):
        message = f"SQL compilation error: {len(marks)} bind variables in the text, {len(values)} values given"
        raise Refused(message, 2049, "42601")
    for at, value in reversed(list(zip(marks, values, strict=True))):
        sql = sql[:at] + exp.convert(value).sql("snowflake") + sql[at + 1 :]
    return sql
