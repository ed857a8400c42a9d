"""Variables of a block: their scopes, and how statements and expressions name them. Values travel as binds."""

import re
from collections import ChainMap
from collections.abc import Sequence
from typing import Any

from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.scripting.blocks import Cursor, Fault, Piece, Word
from cortex_distill.local.wire.results import Result

_SIZED = re.compile(r"(varchar|string|text|char|character|nvarchar)\s*\(\s*(\d+)\s*\)", re.IGNORECASE)
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_NAMES = {"JSON": "VARIANT", "BLOB": "BINARY", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ"}


class Variable:
    """A value and its type; no type until the first value that is not NULL."""

    def __init__(self, kind: str | None, value: Any = None, described: str = "") -> None:
        self.kind, self.value, self.described = kind, value, described

    def bound(self) -> tuple[str, list[Any]]:
        """How SQL names the value, and what is bound there."""
        if self.value is None:
            return (f"CAST(NULL AS {self.kind})" if self.kind else "NULL"), []
        return ("PARSE_JSON(?)" if self.described == "JSON" else "?"), [self.value]

    def take(self, value: Any, described: str) -> None:
        """A new value, of that DuckDB type, which was already cast to `kind` if there is one.

        Without a declared type numbers with a fraction are FLOAT. Source: docs:
        developer-guide/snowflake-scripting/variables, how the data type is inferred.
        """
        if self.kind is None and value is not None:
            self.kind = _inferred(described)
            if self.kind == "FLOAT":
                value, described = float(value), "DOUBLE"
        if (sized := _SIZED.fullmatch(self.kind or "")) and value is not None and len(value) > int(sized[2]):
            raise unsupported(f"a text of {len(value)} characters in a variable of type {self.kind}")
        self.value, self.described = value, described

    @property
    def cast(self) -> str | None:
        """The type that a new value is cast to. A text that is too long must be seen, so it is not cut."""
        return "VARCHAR" if _SIZED.fullmatch(self.kind or "") else self.kind


def _inferred(described: str) -> str:
    if described in _WHOLE or (described.startswith("DECIMAL") and described.endswith(",0)")):
        return "NUMBER(38,0)"
    return "FLOAT" if described.startswith(("DECIMAL", "DOUBLE", "FLOAT")) else _NAMES.get(described, described)


class Rows:
    """A RESULTSET."""

    def __init__(self) -> None:
        self.result: Result | None = None


Row = dict[str, Variable]
Scope = ChainMap[str, Variable | Rows | Row | Cursor | Fault]


def filled(piece: Piece, scope: Scope, *, bare: bool) -> tuple[str, list[Any]]:
    """The piece with its variables as binds, and their values.

    `:x` is a variable everywhere; x without the colon only in expressions (`bare`), outside of subqueries.
    Raises Refused 904 for :x that is not declared.
    """
    done: list[str] = []
    values: list[Any] = []
    inside: list[bool] = []  # for each open parenthesis, whether it holds a query
    words, at, end = piece.words, 0, -1
    while at < len(words):
        word = words[at]
        colon = _is_bind(words, at)
        text, width = word.text, 1
        if colon or (bare and not any(inside) and _is_name(words, at)):
            found = _found(words[at + colon :], scope)
            if found is not None:
                (text, bound), width = found[0].bound(), found[1] + colon
                values += bound
            elif colon:
                message = f"SQL compilation error:\ninvalid identifier '{words[at + 1].name}'"
                raise Refused(message, 904, "42000")
        elif word.text == "(":
            inside.append(at + 1 < len(words) and words[at + 1].text.upper() in ("SELECT", "WITH"))
        elif word.text == ")" and inside:
            inside.pop()
        done += [text if word.start == end else f" {text}"]
        last = words[at + width - 1]
        at, end = at + width, last.start + len(last.text)
    return "".join(done).strip(), values


def _is_bind(words: Sequence[Word], at: int) -> bool:
    """Whether the colon here begins a variable; after a column it would begin a path (v:name)."""
    if words[at].text != ":" or at + 1 == len(words) or words[at + 1].kind != "name":
        return False
    if at == 0:
        return True
    before = words[at - 1]
    touches = before.start + len(before.text) == words[at].start
    return before.kind != "text" and before.text not in (")", "]") and not (touches and before.kind == "name")


def _is_name(words: Sequence[Word], at: int) -> bool:
    if words[at].kind != "name" or (at and words[at - 1].text.upper() in (".", "::", ":", "AS")):
        return False
    after = words[at + 1] if at + 1 < len(words) else None
    return after is None or (after.text not in ("(", "=>") and after.kind != "text")


def _found(words: Sequence[Word], scope: Scope) -> tuple[Variable, int] | None:
    """The variable that these words begin with, or the column of a row, and how many words that takes."""
    known = scope.get(words[0].name)
    if isinstance(known, dict) and len(words) > 2 and words[1].text == ".":
        column = known.get(words[2].name)
        if column is None:
            raise Refused(f"SQL compilation error:\ninvalid identifier '{words[2].name}'", 904, "42000")
        return column, 3
    return (known, 1) if isinstance(known, Variable) else None
