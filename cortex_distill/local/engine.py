"""One engine: a DuckDB instance on the files of one folder, the Cortex functions, and the sessions on it."""

import re
import threading
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
from fakesnow import info_schema, macros
from fakesnow.instance import FakeSnow
from snowflake.connector import SnowflakeConnection

from cortex_distill.errors import SetupError
from cortex_distill.local.cortex import served_by, usage
from cortex_distill.local.cortex.answering import Cortex
from cortex_distill.local.cortex.answers import Answers
from cortex_distill.local.cortex.finetune import Jobs
from cortex_distill.local.cortex.tuning_data import TuningData
from cortex_distill.local.cortex.tuning_store import TuningStore
from cortex_distill.local.duck import literal, quoted
from cortex_distill.local.faults import Refused
from cortex_distill.local.providers import Provider
from cortex_distill.local.session import history
from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.session.journal import Journal, Statement
from cortex_distill.local.session.locks import Locks
from cortex_distill.local.session.temporary import PREFIX
from cortex_distill.local.session.views import Views
from cortex_distill.local.sql import json_functions, json_tree, noted
from cortex_distill.local.stages.stages import forget_sessions
from cortex_distill.local.wire.protocol import Protocol
from cortex_distill.local.wire.results import Result
from cortex_distill.local.wire.transport import in_process

OWN_FILE = "_cortex.db"  # jobs and models; attached as database SNOWFLAKE
_HOLDER = re.compile(r"PID (\d+)")


class Engine:
    """Everything below the wire for one folder. `connect` gives genuine connections; `close` ends them all."""

    def __init__(self, home: Path, provider: Provider, account: str = "LOCAL") -> None:
        self.home, self.provider, self.account = home.resolve(), provider, account
        self.locks, self.journal = Locks(), Journal()
        self._opening = threading.Lock()
        self._sessions = 0
        self._connections: list[SnowflakeConnection] = []
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._instance = FakeSnow(db_path=self.home)
        self._instance.results_cache = _Forgetful()
        duck = self._instance.duck_conn
        self._views = Views(duck)
        duck.execute("SET GLOBAL python_enable_replacements = false")  # a table's name must not find a Python variable
        try:
            self._attach(duck)
        except duckdb.IOException as error:
            duck.close()
            raise _in_use(self.home, error) from error
        forget_sessions(self.home)
        self._define(duck)
        self.protocol = Protocol(self)
        self._jobs.resume()

    def connect(self, database: str, schema: str, declared: Mapping[str, str] | None = None) -> SnowflakeConnection:
        """A SnowflakeConnection of Snowflake's own package, in-process. Creates database and schema if missing.

        `declared` are session parameters that it logs in with.
        """
        connection = in_process(self.protocol, self.account, database, schema, declared or {})
        self._connections.append(connection)
        return connection

    def session(self, database: str | None, schema: str | None, *, autocommit: bool = True) -> LocalConnection:
        """The engine's side of a connection."""
        with self._opening:
            self._sessions += 1
            return LocalConnection(
                self._instance,
                self._sessions,
                self.account,
                self.journal,
                self._views,
                database=database,
                schema=schema,
                autocommit=autocommit,
            )

    def unfinished_jobs(self) -> int:
        """How many fine-tuning jobs wait or run."""
        return self._jobs.unfinished()

    def end(self, statement: Statement, result: Result | None, error: Refused | None) -> None:
        """A statement is over: what it used of models is written down, what it needed is forgotten."""
        ended, asked = self.journal.end(statement, result, error), statement.asked
        self._answers.end(statement, succeeded=result is not None)
        statement.usage.write(self._instance.duck_conn, (statement.id, asked.role, asked.tag), ended)

    def close(self) -> None:
        """End sessions, leave jobs to the next engine, release the files. Safe to repeat."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self.protocol.close()
        self._jobs.close()
        self.provider.close()
        self._answers.close()
        self._instance.duck_conn.close()

    def _attach(self, duck: duckdb.DuckDBPyConnection) -> None:
        duck.execute(f"ATTACH {literal(str(self.home / OWN_FILE))} AS SNOWFLAKE")
        for file in sorted(self.home.glob("*.db")):
            if file.name == OWN_FILE:
                continue
            name = quoted(file.stem)
            duck.execute(f"ATTACH {literal(str(file))} AS {name}")
            duck.execute(info_schema.per_db_creation_sql(file.stem))
            duck.execute(macros.creation_sql(file.stem))
            noted.restore(duck, file.stem)
            self._forget_temporary(duck, file.stem)

    def _forget_temporary(self, duck: duckdb.DuckDBPyConnection, database: str) -> None:
        """Drop what sessions of a killed process left behind."""
        query = (
            "SELECT schema_name FROM information_schema.schemata WHERE catalog_name = ? AND starts_with(schema_name, ?)"
        )
        for (schema,) in duck.execute(query, [database, PREFIX]).fetchall():
            duck.execute(f'DROP SCHEMA "{database}"."{schema}" CASCADE')

    def _define(self, duck: duckdb.DuckDBPyConnection) -> None:
        json_functions.register(duck)
        json_tree.register(duck)
        for name in ("macros.sql", "macros_json.sql"):
            duck.execute(resources.files("cortex_distill.local.sql").joinpath(name).read_text("utf-8"))
        self._jobs = Jobs(TuningStore(duck), self.provider, self.home / "models", TuningData(self))
        self._jobs.register(duck, self.journal)
        duck.execute(usage.CREATE)
        served_by.register(duck, self.provider, self._jobs.find)
        history.register(duck, self.journal)
        self._answers = Answers(self.provider, self.home)
        Cortex(self.provider, self._answers, self._jobs.find, self.journal).register(duck)


class _Forgetful(dict[str, tuple[Any, ...]]):
    """In the place of fakesnow's cache of results, which keeps the tree and the rows of each statement for ever."""

    def __setitem__(self, key: str, value: tuple[Any, ...]) -> None:
        """Keep nothing: RESULT_SCAN reads what the journal keeps (`history`)."""


def _in_use(home: Path, error: duckdb.Error) -> SetupError:
    holder = _HOLDER.search(str(error))
    by = f" by process {holder[1]}" if holder else ""
    if "not a valid DuckDB" in str(error):
        return SetupError(
            f"the local engine cannot open {home}: {error}\nRestore the file from a copy, or move it away"
            " (its tables are lost then), or set DISTILL_HOME to another folder."
        )
    if "lock" not in str(error):
        return SetupError(f"the local engine cannot open {home}: {error}\nMend that, or set DISTILL_HOME elsewhere.")
    return SetupError(
        f"the local engine's folder {home} is in use{by}.\n"
        "One process at a time can use it: wait for it to end, end it, or set DISTILL_HOME to another folder."
    )
