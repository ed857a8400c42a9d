"""One session: its database, schema, variables, tag and temporary tables, and the DuckDB connections it works on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.instance import FakeSnow

from cortex_distill.local.recent import Recent
from cortex_distill.local.stages import Stages
from cortex_distill.local.temporary import TemporaryTables

ROLE, WAREHOUSE, USER = "LOCAL", "LOCAL", "LOCAL"


class LocalConnection(FakeSnowflakeConnection):
    """A session's state. Statements outside a transaction run side by side, each on its own DuckDB connection."""

    def __init__(self, instance: FakeSnow, number: int, account: str, **options: Any) -> None:
        self.number, self.account = number, account
        self.lock = threading.RLock()
        self.values: dict[str, str] = {}  # SET x = …, as Snowflake text
        self.query_tag = ""
        self.open_transaction = False
        self.role, self.warehouse = ROLE, WAREHOUSE
        self.temporary = TemporaryTables(number)
        self.stages = Stages(Path(instance.db_path or "."), number)
        self.recent = Recent()
        self._idle: list[duckdb.DuckDBPyConnection] = []
        root = instance.duck_conn.cursor()
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

    def use(self, database: str, schema: str) -> None:
        """Make them the current ones."""
        self.database, self._schema = database, schema
        self.database_set = self.schema_set = True

    @contextmanager
    def lane(self, *, transaction: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        """A DuckDB connection for one statement; the session's own while a transaction is open or changes."""
        if transaction or self.open_transaction or not self._autocommit:
            with self.lock:
                yield self._place(self._duck_conn)
            return
        try:
            duck = self._idle.pop()
        except IndexError:
            duck = self._duck_conn.cursor()
        try:
            yield self._place(duck)
        finally:
            self._idle.append(duck)

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
            with suppress(duckdb.Error):  # a database that is gone has no tables of ours
                self.temporary.drop(self._duck_conn)
            self.stages.end()
            for duck in self._idle:
                duck.close()
            super().close(retry)


def _reserved(duck: duckdb.DuckDBPyConnection) -> frozenset[str]:
    query = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
    return frozenset(word for (word,) in duck.execute(query).fetchall())
