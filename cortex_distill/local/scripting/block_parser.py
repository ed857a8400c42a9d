"""The grammar of Snowflake Scripting: statements, loops, branches, blocks and their handlers."""

from collections.abc import Callable, Sequence

from cortex_distill.local.faults import unsupported
from cortex_distill.local.scripting import blocks
from cortex_distill.local.scripting.block_reader import SimpleReader, words_of
from cortex_distill.local.scripting.blocks import Node, Piece

_TRANSACTION = (";", "TRANSACTION", "WORK")


def read(source: str) -> blocks.Block:
    """The block that a text holds. Raises Refused for a syntax error, and for what blocks here do not know."""
    parser = _Parser(source, words_of(source))
    found = parser.block()
    parser.take(";")
    if parser.peek():
        parser.fail()
    return found


class _Parser(SimpleReader):
    """One method for each kind of statement that holds others; the semicolon is left."""

    def block(self) -> blocks.Block:
        declared: list[Node] = []
        if self.take("DECLARE"):
            while self.peek() != "BEGIN":
                declared.append(self.declaration())
                self.expect(";")
        self.expect("BEGIN")
        body = self._statements("EXCEPTION", "END")
        handlers = []
        if self.take("EXCEPTION"):
            while self.take("WHEN"):
                handlers.append(self._handler())
        self.expect("END")
        return blocks.Block(declared, body, handlers)

    def _handler(self) -> tuple[Sequence[str], Sequence[Node]]:
        names = [self.name()]
        while self.take("OR"):
            names.append(self.name())
        if self.peek() == "CONTINUE":
            raise unsupported("in a block: an exception handler of type CONTINUE")
        self.take("EXIT")
        self.expect("THEN")
        return names, self._statements("WHEN", "END")

    def _statements(self, *ends: str) -> list[Node]:
        found = []
        while self.peek() not in ends:
            if not self.take("NULL", ";"):
                found.append(self._statement())
                self.expect(";")
        return found

    def _statement(self) -> Node:
        if self.peek(1) == ":=":
            name = self.name()
            self.expect(":=")
            value = self.checked(self.until(";"))
            return blocks.Assign(name, value, self.query(value, strict=False))
        word = self.peek()
        if word == "DECLARE" or (word == "BEGIN" and self.peek(1) not in _TRANSACTION):
            return self.block()
        return _STATEMENTS.get(word, _Parser.sql)(self)

    def _let(self) -> Node:
        self.expect("LET")
        return self.declaration()

    def _if(self) -> Node:
        branches: list[tuple[Piece, Sequence[Node]]] = []
        while self.take("ELSEIF" if branches else "IF"):
            condition = self.checked(self.until("THEN"))
            self.expect("THEN")
            branches.append((condition, self._statements("ELSEIF", "ELSE", "END")))
        otherwise = self._statements("END") if self.take("ELSE") else []
        self.expect("END", "IF")
        return blocks.Branch(None, branches, otherwise)

    def _case(self) -> Node:
        self.expect("CASE")
        subject = None if self.peek() == "WHEN" else self.checked(self.until("WHEN"))
        branches = []
        while self.take("WHEN"):
            condition = self.checked(self.until("THEN"))
            self.expect("THEN")
            branches.append((condition, self._statements("WHEN", "ELSE", "END")))
        otherwise = self._statements("END") if self.take("ELSE") else None
        self.expect("END")
        self.take("CASE")
        return blocks.Branch(subject, branches, otherwise)

    def _for(self) -> Node:
        self.expect("FOR")
        name = self.name()
        self.expect("IN")
        reverse = self.take("REVERSE")
        head = [self.checked(self.until("TO", "DO", "LOOP"))]
        if self.take("TO"):
            head.append(self.checked(self.until("DO", "LOOP")))
        elif reverse or len(head[0].words) != 1:
            self.fail()
        return self._looped("COUNT" if len(head) == 2 else "ROWS", head, "FOR", name, reverse)

    def _while(self) -> Node:
        self.expect("WHILE")
        return self._looped("WHILE", [self.checked(self.until("DO", "LOOP"))], "WHILE")

    def _loop(self) -> Node:
        return self._looped("LOOP", [], "LOOP")

    def _repeat(self) -> Node:
        self.expect("REPEAT")
        body = self._statements("UNTIL")
        self.expect("UNTIL")
        condition = self.checked(self.until("END"))
        self.expect("END", "REPEAT")
        return blocks.Loop("REPEAT", [condition], body, self.label())

    def _looped(self, kind: str, head: list[Piece], word: str, name: str = "", reverse: bool = False) -> Node:
        if not self.take("DO"):
            self.expect("LOOP")
            word = "LOOP"
        body = self._statements("END")
        self.expect("END", word)
        return blocks.Loop(kind, head, body, self.label(), name, reverse)


_STATEMENTS: dict[str, Callable[[_Parser], Node]] = {
    "LET": _Parser._let,
    "IF": _Parser._if,
    "CASE": _Parser._case,
    "FOR": _Parser._for,
    "WHILE": _Parser._while,
    "LOOP": _Parser._loop,
    "REPEAT": _Parser._repeat,
    "BREAK": _Parser.break_off,
    "EXIT": _Parser.break_off,
    "CONTINUE": _Parser.go_on,
    "ITERATE": _Parser.go_on,
    "RETURN": _Parser.returned,
    "RAISE": _Parser.raised,
    "EXECUTE": _Parser.execute,
}
