"""One session: its database, schema, variables, tag and temporary tables, and the DuckDB connections it works on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.instance import FakeSnow

from cortex_distill.local.cortex.calls import LANE
from cortex_distill.local.session.journal import CURRENT, Asked, Journal
from cortex_distill.local.session.session_parameters import Parameters
from cortex_distill.local.session.temporary import TemporaryTables
from cortex_distill.local.session.views import Views
from cortex_distill.local.stages.stages import Stages

ROLE, WAREHOUSE, USER = "LOCAL", "LOCAL", "LOCAL"


class LocalConnection(FakeSnowflakeConnection):
    """A session's state. Statements outside a transaction run side by side, each on its own DuckDB connection."""

    def __init__(
        self, instance: FakeSnow, number: int, account: str, journal: Journal, views: Views, **options: Any
    ) -> None:
        self.number, self.account, self.journal, self.views = number, account, journal, views
        self.lock = threading.RLock()
        self.values: dict[str, str] = {}  # SET x = …, as Snowflake text
        self.parameters = Parameters()
        self.open_transaction = False
        self.statements = 0  # under way
        self.role, self.warehouse = ROLE, WAREHOUSE
        self.temporary = TemporaryTables(number)
        self.stages = Stages(Path(instance.db_path or "."), number)
        self._idle: list[tuple[str, duckdb.DuckDBPyConnection]] = []
        self._own, root = self._lane(instance.duck_conn)
        self.reserved = _reserved(root)
        super().__init__(root, instance.results_cache, db_path=instance.db_path, **options)

    def facts(self) -> dict[str, str | None]:
        """What CURRENT_ACCOUNT and its kind answer."""
        return {
            "account": self.account,
            "role": self.role,
            "warehouse": self.warehouse,
            "user": USER,
            "database": self.database,
            "schema": self.schema,
            "session": str(self.number),
        }

    def asked(self) -> Asked:
        """What a statement that comes in now is to remember of this session."""
        limits = self.parameters.tag, self.parameters.day, self.parameters.seconds
        return Asked(self.number, self.database, self.schema, self.role, self.warehouse, *limits)

    def use(self, database: str, schema: str) -> None:
        """Make them the current ones."""
        self.database, self._schema = database, schema
        self.database_set = self.schema_set = True

    def leave(self, database: str, schema: str | None) -> None:
        """Have no current schema any more, or not even a database, if they were these: they are being dropped."""
        if self.database == database and schema in (None, self._schema):
            self._schema, self.schema_set = None, False
            if schema is None:
                self.database, self.database_set = None, False

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While a statement runs, the session must not end."""
        with self.lock:
            self.statements += 1
        try:
            yield
        finally:
            with self.lock:
                self.statements -= 1

    @contextmanager
    def lane(self, *, transaction: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        """A DuckDB connection for one statement; the session's own while a transaction is open or changes."""
        statement = CURRENT.get()
        if transaction or self.open_transaction or not self._autocommit:
            with self.lock:
                self.journal.take(self._own, statement)
                try:
                    yield self._place(self._duck_conn)
                finally:
                    statement.leaves()
            return
        try:
            lane, duck = self._idle.pop()
        except IndexError:
            lane, duck = self._lane(self._duck_conn)
        self.journal.take(lane, statement)
        try:
            yield self._place(duck)
        finally:
            statement.leaves()
            self._idle.append((lane, duck))

    def _lane(self, root: duckdb.DuckDBPyConnection) -> tuple[str, duckdb.DuckDBPyConnection]:
        """Another DuckDB connection, which knows its name: set once, as setting it costs a third of a millisecond."""
        lane, duck = self.journal.lane(), root.cursor()
        duck.execute(f"SET VARIABLE {LANE} = '{lane}'")
        return lane, duck

    def _place(self, duck: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """Names resolve in the session's current database and schema."""
        if self.database_set and self.database:
            schema = self._schema if self.schema_set and self._schema else "main"
            with suppress(duckdb.CatalogException):  # dropped meanwhile: the statement itself will say so
                duck.execute(f"""SET schema = '"{self.database}"."{schema}"'""")
        return duck

    def close(self, retry: bool = True) -> None:
        with self.lock:
            if self._is_closed:
                return
            self.temporary.drop(self._duck_conn)
            self.stages.end()
            for lane, duck in self._idle:
                self.journal.drop(lane)
                duck.close()
            self.journal.drop(self._own)
            super().close(retry)


def _reserved(duck: duckdb.DuckDBPyConnection) -> frozenset[str]:
    query = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
    return frozenset(word for (word,) in duck.execute(query).fetchall())
