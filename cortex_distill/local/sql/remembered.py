"""Statements that came before in another guise: run again without translating them anew.

To read a statement, rewrite it and write it again takes longer than DuckDB needs to run it on a small table. So a
query, INSERT, UPDATE, DELETE or MERGE that asks no model is remembered when it has run. The second of a shape makes its
template, which must give the first one's text with the first one's values; from then on the template is filled in.
What a translation depends on is part of the key, or checked again: the session's place, the views and SQL functions
there are, and which tables are temporary. A statement that fails is translated after all, for its error.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import duckdb
from fakesnow import statement_type
from sqlglot import exp

from cortex_distill.local.names import Name
from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.session.locks import Locks, written
from cortex_distill.local.sql import binds, merge
from cortex_distill.local.sql.cursor import LocalCursor
from cortex_distill.local.sql.slots import Filling, Shape, Signature, Template, confusing, marks, signature, slots_of
from cortex_distill.local.sql.translating import COUNTED, counted
from cortex_distill.local.wire.results import Result, query

_KINDS = (exp.Query, *COUNTED, exp.Merge)
_LONGEST = 20_000  # characters of a statement
_SHAPES, _SIGNATURES = 2_000, 8  # at most, of a process and of a text; the oldest text goes
# What a translation reads of the session, of its variables, of stages, or of what happened before.
_PARTICULAR = re.compile(
    r"\$\w|@|INFORMATION_SCHEMA|LAST_QUERY_ID|RESULT_SCAN|QUERY_HISTORY|CURRENT_SESSION|IDENTIFIER|GETVARIABLE"
    r"|BY\s+NAME|_TEMP_\d",
    re.IGNORECASE,
)


class _First(NamedTuple):
    """The first statement of a signature, which a template must give."""

    given: Filling
    said: str


class _Again(NamedTuple):
    """How further ones run."""

    template: Template
    tree: type[exp.Expr]
    actions: frozenset[str]
    kind: int
    writes: Template | None
    tables: tuple[tuple[tuple[Template, ...], bool], ...]
    """The name of each table, and whether it is temporary."""


class _Text(NamedTuple):
    """What is known of one text."""

    slots: frozenset[int]
    by_signature: dict[Signature, _First | _Again | None]
    """None for what no template gives."""


_guard = threading.Lock()
_texts: OrderedDict[tuple[Any, ...], _Text] = OrderedDict()


class Remembered:
    """One statement that comes in, and what is known of its shape."""

    def __init__(self, session: LocalConnection, sql: str, values: Sequence[Any]) -> None:
        self._session, self._sql, self._values = session, sql, values
        self._shape = Shape.of(sql)
        self._given = Filling(values, self._shape.ends, session.number)
        self._slots: frozenset[int] | None = None
        place = (session.account, session.role, session.warehouse, session.database, session.schema)
        self._key = (self._shape.text, place, session.views.digest())

    def run(self, locks: Locks, started: Callable[[Any], None]) -> Result | None:
        """Its result; None if it has to be translated."""
        text = _texts.get(self._key)
        known = text and text.by_signature.get(signature(self._values, text.slots))
        if text is not None and isinstance(known, _First):
            known = text.by_signature[signature(self._values, text.slots)] = self._learned(text.slots, known)
        return self._again(known, locks, started) if isinstance(known, _Again) else None

    def read(self, tree: exp.Expr) -> None:
        """It has to be: this is what the parser made of it, its binds marked."""
        self._slots = slots_of(tree) if isinstance(tree, _KINDS) else None

    def ran(self, said: str | None) -> None:
        """It has, and this is what DuckDB was told; None if that can be told no other statement."""
        if said is None or self._slots is None:
            return
        with _guard:
            text = _texts.setdefault(self._key, _Text(self._slots, {}))
            if len(text.by_signature) < _SIGNATURES:
                text.by_signature.setdefault(signature(self._values, text.slots), _First(self._given, said))
            while len(_texts) > _SHAPES:
                _texts.popitem(last=False)

    def _learned(self, slots: frozenset[int], first: _First) -> _Again | None:
        again = self._translated(slots)
        is_same = again is not None and again.template.filled(first.given) == first.said
        return again if is_same else None  # else some rewriting looks at a value all the same

    def _translated(self, slots: frozenset[int]) -> _Again | None:
        session = self._session
        if confusing(self._given, slots):
            return None
        with session.lane(transaction=False) as duck:
            cursor = LocalCursor(session, duck)
            tree, count = cursor.prepared(self._sql)
            tree = binds.put(tree, marks(self._values, slots), count)
            tables = session.temporary.named(tree, session.database, session.schema)
            kind, writes, actions = statement_type.statement_type_id(tree), written(tree), merge.kinds(tree)
            said = cursor.text_of(tree)
        if said is None:
            return None
        named = tuple((tuple(map(self._template, place)), temporary) for place, temporary in tables.items())
        return _Again(
            self._template(said), type(tree), actions, kind, self._template(writes) if writes else None, named
        )

    def _template(self, text: str) -> Template:
        return Template(text, self._given)

    def _again(self, known: _Again, locks: Locks, started: Callable[[Any], None]) -> Result | None:
        session, given = self._session, self._given
        for parts, temporary in known.tables:
            if session.temporary.has(Name(*(part.filled(given) for part in parts))) is not temporary:
                return None
        writes = known.writes.filled(given) if known.writes else None
        with session.lane(transaction=False) as duck, locks.writing(writes, session):
            started(duck)
            try:
                return _answer(known, known.template.filled(given), duck)
            except duckdb.InterruptException:
                raise
            except duckdb.Error:
                return None  # it changed nothing; its translation tells the error, or is patient


def _answer(known: _Again, text: str, duck: duckdb.DuckDBPyConnection) -> Result:
    if known.tree is exp.Merge:
        text = merge.run(text, known.actions, duck)
    elif known.tree in COUNTED:
        text = counted(known.tree, duck.execute(text).fetchall()[0][0])
    table, columns = query(duck, text)
    return Result(table, columns, known.kind)


def of(session: LocalConnection, sql: str, values: Sequence[Any]) -> Remembered | None:
    """What is to be remembered of a statement; None if it is of a kind that is translated each time."""
    if session.open_transaction or not session._autocommit or len(sql) > _LONGEST or _PARTICULAR.search(sql):
        return None
    return Remembered(session, sql, values)
