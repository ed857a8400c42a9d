"""What may differ between two statements of one shape: bind values, the ends of made-up names, the session's number.

A `Template` is a DuckDB text with slots for these. A bind has a slot only where no rewriting looks at its value.
"""

import re
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from sqlglot import exp

from cortex_distill.local.duck import literal
from cortex_distill.local.session.temporary import PREFIX
from cortex_distill.local.sql import binds

Signature = tuple[Any, ...]

_SALT = uuid.uuid4()
_TEXT, _NUMBER = f"slot-{_SALT.hex}-", str(10**9 + _SALT.int % 10**9)  # no statement holds one of these by chance
_MARKS = rf"'{_TEXT}(\d+)'|{_NUMBER}(\d{{4}})"
_ENDS = re.compile(r"_[0-9a-f]{12}(?![0-9A-Za-z_])", re.IGNORECASE)  # of the names of tables that an ask makes
# Under these a value is only compared, stored, joined to others or parsed, each of which happens in DuckDB.
_PLAIN = (
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Select, exp.Alias, exp.Tuple, exp.ParseJSON,
    exp.Concat, exp.DPipe,
)  # fmt: skip


class Shape(NamedTuple):
    """A Snowflake text without the ends of its made-up names."""

    text: str
    ends: tuple[str, ...]

    @classmethod
    def of(cls, sql: str) -> "Shape":
        """Its ends in the order in which they first appear, by their letters in this case."""
        ends = tuple(dict.fromkeys(_ENDS.findall(sql)))
        return cls(_ENDS.sub(lambda found: f"_#{ends.index(found[0])}", sql) if ends else sql, ends)


class Filling(NamedTuple):
    """What goes into the slots."""

    values: Sequence[Any]
    ends: tuple[str, ...]
    session: int


def slots_of(tree: exp.Expr) -> frozenset[int]:
    """The numbers of the binds of a parsed statement that get a slot; the value of another one is part of its shape."""
    places = binds.marked(tree)
    tied = {number for place, number in places if not _is_plain(place)}
    return frozenset(number for _, number in places) - tied


def _is_plain(place: exp.Expr) -> bool:
    parent = place.parent
    if isinstance(parent, exp.Tuple) and isinstance(parent.parent, exp.Values):
        return not isinstance(parent.parent.parent, exp.Insert)  # there a row decides what the others may be
    return isinstance(parent, _PLAIN)


def signature(values: Sequence[Any], slots: frozenset[int]) -> Signature:
    """What two lists of binds have in common if they fit into one template: types of those with a slot, else values."""
    return tuple(_kind(value) if at in slots else (_kind(value), value) for at, value in enumerate(values))


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool | bytes):
        return repr(value)  # it has no mark
    if isinstance(value, int):
        return "whole" if value >= 0 else "negative"
    return "text" if isinstance(value, str) else binds.kind_of(value)


def marks(values: Sequence[Any], slots: frozenset[int]) -> list[exp.Expr]:
    """What stands for the binds while a template is translated."""
    return [_mark(at, value) if at in slots else binds.literal(value) for at, value in enumerate(values)]


def confusing(given: Filling, slots: frozenset[int]) -> bool:
    """Whether a value that is part of the shape holds what a template would take for a slot."""
    kept = " ".join(str(value) for at, value in enumerate(given.values) if at not in slots).upper()
    return PREFIX in kept or any(end.upper() in kept for end in given.ends)


def _mark(at: int, value: Any) -> exp.Expr:
    if value is None or isinstance(value, bool | bytes):
        return binds.literal(value)
    if isinstance(value, int):
        number = exp.Literal.number(f"{_NUMBER}{at:04d}")
        return number if value >= 0 else exp.Neg(this=number)
    text = exp.Literal.string(f"{_TEXT}{at}")
    return text if isinstance(value, str) else exp.cast(text, binds.kind_of(value))


class Template:
    """A text with slots."""

    def __init__(self, text: str, given: Filling) -> None:
        """`text` is what was made of a statement with `marks`, and `given` what else is particular to it."""
        ends = [re.escape(end) for end in given.ends] or ["(?!)"]
        slot = re.compile(f"{_MARKS}|({'|'.join(ends)})|({PREFIX}{given.session}_)", re.IGNORECASE)
        self._parts: list[str | tuple[str, int]] = []
        at = 0
        for found in slot.finditer(text):
            self._parts += [text[at : found.start()], self._slot(found, given.ends)]
            at = found.end()
        self._parts.append(text[at:])

    def _slot(self, found: re.Match[str], ends: tuple[str, ...]) -> tuple[str, int]:
        if number := found[1] or found[2]:
            return "bind", int(number)
        if found[4]:
            return "session", 0
        if found[3] in ends:
            return "end", ends.index(found[3])
        return "END", [end.upper() for end in ends].index(found[3].upper())

    def filled(self, given: Filling) -> str:
        """The text for other values."""
        return "".join(part if isinstance(part, str) else self._content(*part, given) for part in self._parts)

    def _content(self, kind: str, at: int, given: Filling) -> str:
        if kind == "bind":
            return _written(given.values[at])
        if kind == "session":
            return f"{PREFIX}{given.session}_"
        return given.ends[at] if kind == "end" else given.ends[at].upper()


def _written(value: str | int | float | Decimal | Any) -> str:
    if isinstance(value, int):
        return str(abs(value))
    return literal(value if isinstance(value, str) else binds.text_of(value))
