"""The tree of a Snowflake Scripting block: what its text becomes before anything of it runs.

Source: docs: developer-guide/snowflake-scripting and sql-reference/snowflake-scripting.
"""

from collections.abc import Sequence
from typing import NamedTuple


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
