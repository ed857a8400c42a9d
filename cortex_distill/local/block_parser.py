"""The grammar of Snowflake Scripting: statements, loops, branches, blocks and their handlers."""

from collections.abc import Callable, Sequence

from cortex_distill.local import blocks
from cortex_distill.local.blocks import Node, Piece, Reader
from cortex_distill.local.faults import unsupported

_TRANSACTION = (";", "TRANSACTION", "WORK")


def read(source: str) -> blocks.Block:
    """The block that a text holds. Raises Refused for a syntax error, and for what blocks here do not know."""
    parser = _Parser(source, blocks.words_of(source))
    found = parser.block()
    parser.take(";")
    if parser.peek():
        parser.fail()
    return found


class _Parser(Reader):
    """One method for each kind of statement, which leaves the semicolon."""

    def block(self) -> blocks.Block:
        declared: list[Node] = []
        if self.take("DECLARE"):
            while self.peek() != "BEGIN":
                declared.append(self._declaration())
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

    def _declaration(self) -> Node:
        name = self.name()
        if self.take("CURSOR", "FOR"):
            return blocks.Cursor(name, self._checked(self.until(";")))
        if self.take("EXCEPTION"):
            return blocks.exception_of(self, name)
        if self.peek() == "PROCEDURE":
            raise unsupported(f"in a block: the procedure {name}")
        kind = None
        if self.peek() not in ("DEFAULT", ":="):
            words = self.until("DEFAULT", ":=", ";").words
            kind = self.source[words[0].start : words[-1].start + len(words[-1].text)]
        if not self.take("DEFAULT") and not self.take(":="):
            return blocks.Declare(name, kind, None)
        value = self._checked(self.until(";"))
        if (kind or "").upper() == "RESULTSET":
            return blocks.Declare(name, "RESULTSET", self._query(value))
        return blocks.Declare(name, kind, value)

    def _statement(self) -> Node:
        if self.peek(1) == ":=":
            name = self.name()
            self.expect(":=")
            value = self._checked(self.until(";"))
            return blocks.Assign(name, value, self._query(value, strict=False))
        word = self.peek()
        if word == "DECLARE" or (word == "BEGIN" and self.peek(1) not in _TRANSACTION):
            return self.block()
        return _STATEMENTS.get(word, _Parser._sql)(self)

    def _let(self) -> Node:
        self.expect("LET")
        return self._declaration()

    def _if(self) -> Node:
        branches: list[tuple[Piece, Sequence[Node]]] = []
        while self.take("ELSEIF" if branches else "IF"):
            condition = self._checked(self.until("THEN"))
            self.expect("THEN")
            branches.append((condition, self._statements("ELSEIF", "ELSE", "END")))
        otherwise = self._statements("END") if self.take("ELSE") else []
        self.expect("END", "IF")
        return blocks.Branch(None, branches, otherwise)

    def _case(self) -> Node:
        self.expect("CASE")
        subject = None if self.peek() == "WHEN" else self._checked(self.until("WHEN"))
        branches = []
        while self.take("WHEN"):
            condition = self._checked(self.until("THEN"))
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
        head = [self._checked(self.until("TO", "DO", "LOOP"))]
        if self.take("TO"):
            head.append(self._checked(self.until("DO", "LOOP")))
        elif reverse or len(head[0].words) != 1:
            self.fail()
        return self._looped("COUNT" if len(head) == 2 else "ROWS", head, "FOR", name, reverse)

    def _while(self) -> Node:
        self.expect("WHILE")
        return self._looped("WHILE", [self._checked(self.until("DO", "LOOP"))], "WHILE")

    def _loop(self) -> Node:
        return self._looped("LOOP", [], "LOOP")

    def _repeat(self) -> Node:
        self.expect("REPEAT")
        body = self._statements("UNTIL")
        self.expect("UNTIL")
        condition = self._checked(self.until("END"))
        self.expect("END", "REPEAT")
        return blocks.Loop("REPEAT", [condition], body, self._label())

    def _looped(self, kind: str, head: list[Piece], word: str, name: str = "", reverse: bool = False) -> Node:
        if not self.take("DO"):
            self.expect("LOOP")
            word = "LOOP"
        body = self._statements("END")
        self.expect("END", word)
        return blocks.Loop(kind, head, body, self._label(), name, reverse)

    def _label(self) -> str:
        return "" if self.peek() == ";" else self.name()

    def _break(self) -> Node:
        self.at += 1
        return blocks.Leave(False, self._label())

    def _continue(self) -> Node:
        self.at += 1
        return blocks.Leave(True, self._label())

    def _return(self) -> Node:
        self.expect("RETURN")
        if self.take("TABLE", "("):
            name = self.name()
            self.expect(")")
            return blocks.Return(None, name)
        return blocks.Return(None if self.peek() == ";" else self._checked(self.until(";")))

    def _raise(self) -> Node:
        at = Piece(self.source, [self.words[self.at]])
        self.expect("RAISE")
        return blocks.Raise("" if self.peek() == ";" else self.name(), at)

    def _execute(self) -> blocks.Immediate:
        at = Piece(self.source, [self.words[self.at]])
        self.expect("EXECUTE", "IMMEDIATE")
        text, using = self._checked(self.until("USING", ";", "")), list[str]()
        if self.take("USING"):
            self.expect("(")
            using = self.names()
            self.expect(")")
        return blocks.Immediate(text, using, at)

    def _sql(self) -> blocks.Sql:
        piece = self._checked(self.until(";", ""))
        if piece.words[0].text.upper() not in ("SELECT", "WITH"):
            return blocks.Sql(piece)
        part = Reader(self.source, piece.words)
        before = part.until("INTO", "").words
        if not part.take("INTO"):
            return blocks.Sql(piece)
        names = part.names()
        return blocks.Sql(Piece(self.source, [*before, *piece.words[part.at :]]), names)

    def _query(self, value: Piece, *, strict: bool = True) -> blocks.Sql | blocks.Immediate | None:
        """What stands in the parentheses that a RESULTSET gets; None if that is no statement."""
        if len(value.words) < 3 or value.words[0].text != "(" or value.words[-1].text != ")":
            if strict:
                self.fail()
            return None
        inner = _Parser(self.source, value.words[1:-1])
        if inner.peek() == "EXECUTE":
            return inner._execute()
        return blocks.Sql(Piece(self.source, inner.words)) if inner.words[0].kind == "name" else None

    def _checked(self, piece: Piece) -> Piece:
        blocks.refuse_unknown(piece)
        return piece


_STATEMENTS: dict[str, Callable[[_Parser], Node]] = {
    "LET": _Parser._let,
    "IF": _Parser._if,
    "CASE": _Parser._case,
    "FOR": _Parser._for,
    "WHILE": _Parser._while,
    "LOOP": _Parser._loop,
    "REPEAT": _Parser._repeat,
    "BREAK": _Parser._break,
    "EXIT": _Parser._break,
    "CONTINUE": _Parser._continue,
    "ITERATE": _Parser._continue,
    "RETURN": _Parser._return,
    "RAISE": _Parser._raise,
    "EXECUTE": _Parser._execute,
}
