"""Snowflake Scripting read: the text of a block becomes a small tree, before anything of it runs.

Source: docs: developer-guide/snowflake-scripting and sql-reference/snowflake-scripting.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.wording import text_of

_WORD = re.compile(
    r"""(?P<space>\s+|--[^\n]*|//[^\n]*|/\*.*?\*/)|(?P<text>'(?:[^'\\]|\\.|'')*'|\$\$.*?\$\$)
    |(?P<name>"(?:[^"]|"")*"|[^\W\d][\w$]*|\$\w+)|(?P<number>\d[\w.]*)|(?P<sign>:=|::|=>|.)""",
    re.VERBOSE | re.DOTALL,
)
_OF_THE_LAST = re.compile(r"LAST_QUERY_ID|RESULT_SCAN|SQLID", re.IGNORECASE)
_UNKNOWN = ("AWAIT", "CANCEL", "OPEN", "FETCH", "CLOSE", "ASYNC", "PROCEDURE", "CALL", "PUT", "GET")


class Word(NamedTuple):
    """A token of the block: its kind, its text as typed, in capitals unless quoted, and where it stands."""

    kind: str
    text: str
    start: int

    @property
    def name(self) -> str:
        """As Snowflake stores it."""
        return self.text[1:-1].replace('""', '"') if self.text.startswith('"') else self.text.upper()


class Piece(NamedTuple):
    """A statement or expression of the block: its words, to be cut out of `source` with variables replaced."""

    source: str
    words: Sequence[Word]

    @property
    def place(self) -> str:
        """As error messages name it: lines count from 1, positions from 0."""
        before = self.source[: self.words[0].start]
        return f"on line {before.count(chr(10)) + 1} at position {len(before) - before.rfind(chr(10)) - 1}"


class Sql(NamedTuple):
    """A statement of SQL; with `into`, the variables that take its only row."""

    text: Piece
    into: Sequence[str] = ()


class Immediate(NamedTuple):
    """EXECUTE IMMEDIATE of an expression."""

    text: Piece
    using: Sequence[str]
    at: Piece


class Declare(NamedTuple):
    """A variable of that type, or of its first value's. `kind` may be RESULTSET."""

    name: str
    kind: str | None
    value: "Piece | Sql | Immediate | None"


class Cursor(NamedTuple):
    """A query that runs when a loop reads it, or the name of a RESULTSET."""

    name: str
    query: Piece


class Fault(NamedTuple):
    """An exception of the block's own; two of the same name are two."""

    name: str
    code: int
    message: str


class Assign(NamedTuple):
    """x := …; `query` is what a RESULTSET gets."""

    name: str
    value: Piece
    query: "Sql | Immediate | None"


class Branch(NamedTuple):
    """IF and CASE. With a subject a condition is what equals it. `otherwise` is None for CASE without ELSE."""

    subject: Piece | None
    branches: "Sequence[tuple[Piece, Sequence[Node]]]"
    otherwise: "Sequence[Node] | None"


class Loop(NamedTuple):
    """FOR (counting or over rows), WHILE, REPEAT, LOOP, by `kind`."""

    kind: str
    head: Sequence[Piece]
    body: "Sequence[Node]"
    label: str
    name: str = ""
    reverse: bool = False


class Leave(NamedTuple):
    """BREAK or CONTINUE, of the loop with that label."""

    again: bool
    label: str


class Return(NamedTuple):
    """RETURN of an expression, or of TABLE(name)."""

    value: Piece | None
    table: str = ""


class Raise(NamedTuple):
    """RAISE; without a name the exception that is being handled."""

    name: str
    at: Piece


class Block(NamedTuple):
    """DECLARE … BEGIN … EXCEPTION … END; each handler with the exceptions that it takes."""

    declared: "Sequence[Node]"
    body: "Sequence[Node]"
    handlers: "Sequence[tuple[Sequence[str], Sequence[Node]]]"


Node = Sql | Immediate | Declare | Cursor | Fault | Assign | Branch | Loop | Leave | Return | Raise | Block


def words_of(source: str) -> list[Word]:
    """The tokens of a text, without space and comments."""
    found = (Word(str(match.lastgroup), match[0], match.start()) for match in _WORD.finditer(source))
    return [word for word in found if word.kind != "space"]


class Reader:
    """Words read from left to right."""

    def __init__(self, source: str, words: Sequence[Word]) -> None:
        self.source, self.words, self.at = source, words, 0

    def peek(self, ahead: int = 0) -> str:
        """The word at that distance, in capitals; nothing at the end."""
        at = self.at + ahead
        return self.words[at].text.upper() if at < len(self.words) else ""

    def take(self, *words: str) -> bool:
        """Step over these words if they are next."""
        if [self.peek(ahead) for ahead in range(len(words))] != list(words):
            return False
        self.at += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Step over them; a syntax error if they are not next."""
        if not self.take(*words):
            self.fail()

    def fail(self) -> NoReturn:
        """The next word has no business here."""
        here = Piece(self.source, self.words[self.at : self.at + 1] or [Word("end", "", len(self.source))])
        message = f"SQL compilation error:\nsyntax error {here.place} unexpected '{self.peek() or '<EOF>'}'."
        raise Refused(message, 1003, "42000")

    def name(self) -> str:
        """The name that is next."""
        if self.at >= len(self.words) or self.words[self.at].kind != "name":
            self.fail()
        self.at += 1
        return self.words[self.at - 1].name

    def until(self, *ends: str) -> Piece:
        """All up to one of these words outside of parentheses and CASE … END. At least one word."""
        first, depth = self.at, 0
        while depth or self.peek() not in ends:
            word = self.peek()
            depth += (word in ("(", "[", "{", "CASE")) - (word in (")", "]", "}", "END"))
            if not word or depth < 0 or word == ";":
                self.fail()
            self.at += 1
        if first == self.at:
            self.fail()
        return Piece(self.source, self.words[first : self.at])

    def names(self) -> list[str]:
        """Names with or without a colon, and commas between them."""
        found: list[str] = []
        while not found or self.take(","):
            self.take(":")
            found.append(self.name())
        return found


def refuse_unknown(piece: Piece) -> None:
    """Raise for a statement that blocks here do not know, or that would be answered wrongly."""
    first = piece.words[0].text.upper()
    text = piece.source[piece.words[0].start :].split("\n")[0][:150]
    if first in _UNKNOWN or any(word.text == "?" for word in piece.words):
        raise unsupported(f"in a block: {text}")
    if any(word.kind == "name" and _OF_THE_LAST.fullmatch(word.text) for word in piece.words):
        raise unsupported(f"in a block, whose statements have no ids of their own: {text}")


def exception_of(reader: Reader, name: str) -> Fault:
    """What follows EXCEPTION in a declaration. Source: docs: sql-reference/snowflake-scripting/declare."""
    if not reader.take("("):
        return Fault(name, -20000, "")
    reader.expect("-")
    code = reader.until(",").words[0].text
    reader.expect(",")
    message = text_of(reader.until(")").words[0].text)
    reader.expect(")")
    return Fault(name, -int(code), message)
