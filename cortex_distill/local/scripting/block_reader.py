"""Words of a Snowflake Scripting block, read from left to right, and its statements that hold no others."""

import re
from collections.abc import Sequence
from typing import NoReturn

from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.scripting import blocks
from cortex_distill.local.scripting.blocks import Node, Piece, Word
from cortex_distill.local.stages.wording import text_of

_WORD = re.compile(
    r"""(?P<space>\s+|--[^\n]*|//[^\n]*|/\*.*?\*/)|(?P<text>'(?:[^'\\]|\\.|'')*'|\$\$.*?\$\$)
    |(?P<name>"(?:[^"]|"")*"|[^\W\d][\w$]*|\$\w+)|(?P<number>\d[\w.]*)|(?P<sign>:=|::|=>|.)""",
    re.VERBOSE | re.DOTALL,
)
_OF_THE_LAST = re.compile(r"LAST_QUERY_ID|RESULT_SCAN|SQLID", re.IGNORECASE)
_UNKNOWN = ("AWAIT", "CANCEL", "OPEN", "FETCH", "CLOSE", "ASYNC", "PROCEDURE", "CALL", "PUT", "GET")


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


def exception_of(reader: Reader, name: str) -> blocks.Fault:
    """What follows EXCEPTION in a declaration. Source: docs: sql-reference/snowflake-scripting/declare."""
    if not reader.take("("):
        return blocks.Fault(name, -20000, "")
    reader.expect("-")
    code = reader.until(",").words[0].text
    reader.expect(",")
    message = text_of(reader.until(")").words[0].text)
    reader.expect(")")
    return blocks.Fault(name, -int(code), message)


class SimpleReader(Reader):
    """One method for each kind of statement that holds no others; the semicolon is left."""

    def declaration(self) -> Node:
        name = self.name()
        if self.take("CURSOR", "FOR"):
            return blocks.Cursor(name, self.checked(self.until(";")))
        if self.take("EXCEPTION"):
            return exception_of(self, name)
        if self.peek() == "PROCEDURE":
            raise unsupported(f"in a block: the procedure {name}")
        kind = None
        if self.peek() not in ("DEFAULT", ":="):
            words = self.until("DEFAULT", ":=", ";").words
            kind = self.source[words[0].start : words[-1].start + len(words[-1].text)]
        if not self.take("DEFAULT") and not self.take(":="):
            return blocks.Declare(name, kind, None)
        value = self.checked(self.until(";"))
        if (kind or "").upper() == "RESULTSET":
            return blocks.Declare(name, "RESULTSET", self.query(value))
        return blocks.Declare(name, kind, value)

    def label(self) -> str:
        return "" if self.peek() == ";" else self.name()

    def break_off(self) -> Node:
        self.at += 1
        return blocks.Leave(False, self.label())

    def go_on(self) -> Node:
        self.at += 1
        return blocks.Leave(True, self.label())

    def returned(self) -> Node:
        self.expect("RETURN")
        if self.take("TABLE", "("):
            name = self.name()
            self.expect(")")
            return blocks.Return(None, name)
        return blocks.Return(None if self.peek() == ";" else self.checked(self.until(";")))

    def raised(self) -> Node:
        at = Piece(self.source, [self.words[self.at]])
        self.expect("RAISE")
        return blocks.Raise("" if self.peek() == ";" else self.name(), at)

    def execute(self) -> blocks.Immediate:
        at = Piece(self.source, [self.words[self.at]])
        self.expect("EXECUTE", "IMMEDIATE")
        text, using = self.checked(self.until("USING", ";", "")), list[str]()
        if self.take("USING"):
            self.expect("(")
            using = self.names()
            self.expect(")")
        return blocks.Immediate(text, using, at)

    def sql(self) -> blocks.Sql:
        piece = self.checked(self.until(";", ""))
        if piece.words[0].text.upper() not in ("SELECT", "WITH"):
            return blocks.Sql(piece)
        part = Reader(self.source, piece.words)
        before = part.until("INTO", "").words
        if not part.take("INTO"):
            return blocks.Sql(piece)
        names = part.names()
        return blocks.Sql(Piece(self.source, [*before, *piece.words[part.at :]]), names)

    def query(self, value: Piece, *, strict: bool = True) -> blocks.Sql | blocks.Immediate | None:
        """What stands in the parentheses that a RESULTSET gets; None if that is no statement."""
        if len(value.words) < 3 or value.words[0].text != "(" or value.words[-1].text != ")":
            if strict:
                self.fail()
            return None
        inner = SimpleReader(self.source, value.words[1:-1])
        if inner.peek() == "EXECUTE":
            return inner.execute()
        return blocks.Sql(Piece(self.source, inner.words)) if inner.words[0].kind == "name" else None

    def checked(self, piece: Piece) -> Piece:
        refuse_unknown(piece)
        return piece
