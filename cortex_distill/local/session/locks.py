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
        elif name := written(tree):
            with self._named(name):
                yield
        elif isinstance(tree, _DEFINERS) and not isinstance(tree.args.get("expression"), exp.Query):
            with self._catalog:
                yield
        else:
            yield

    @contextmanager
    def writing(self, table: str | None, session: "LocalConnection") -> Iterator[None]:
        """Hold a table's lock, if one is named. Loads of a table wait for each other, too: the second is to see which
        files the first has loaded."""
        if table is None or session.open_transaction:
            yield
        else:
            with self._named(table):
                yield

    def _named(self, name: str) -> threading.RLock:
        with self._guard:
            return self._tables[name.upper()]


def written(tree: exp.Expr) -> str | None:
    """The name of the table that is locked for an UPDATE, DELETE or MERGE; None for any other statement."""
    if not isinstance(tree, _WRITERS):
        return None
    table = tree.this if isinstance(tree.this, exp.Table) else tree.find(exp.Table)
    return table.name if table is not None else None
