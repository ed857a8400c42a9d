"""Writers of one table wait for each other, as on Snowflake; DuckDB would abort the second."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from cortex_distill.local.session.connection import LocalConnection

_WRITERS = (exp.Update, exp.Delete, exp.Merge)
_DEFINERS = (exp.Create, exp.Drop, exp.Alter)


class Locks:
    """One lock per written table, one for all statements that define objects."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._tables: dict[str, threading.RLock] = defaultdict(threading.RLock)
        self._catalog = threading.RLock()

    @contextmanager
    def of(self, tree: exp.Expr, session: "LocalConnection") -> Iterator[None]:
        """Hold what the statement needs. Inside a transaction nothing is held: DuckDB reports the conflict."""
        if session.open_transaction:
            yield
        elif isinstance(tree, _WRITERS):
            with self._table(tree):
                yield
        elif isinstance(tree, _DEFINERS) and not isinstance(tree.args.get("expression"), exp.Query):
            with self._catalog:
                yield
        else:
            yield

    @contextmanager
    def loading(self, table: str | None, session: "LocalConnection") -> Iterator[None]:
        """Let the loads of a table wait for each other: the second is to see which files the first has loaded."""
        if table is None or session.open_transaction:
            yield
        else:
            with self._named(table):
                yield

    def _table(self, tree: exp.Expr) -> threading.RLock:
        table = tree.this if isinstance(tree.this, exp.Table) else tree.find(exp.Table)
        return self._named(table.name if table is not None else "")

    def _named(self, name: str) -> threading.RLock:
        with self._guard:
            return self._tables[name.upper()]
