"""The one door to Snowflake's client, and the only module that knows of a local engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from cortex_distill.markup import visible
from cortex_distill.remedies import remedy_of_statement
from cortex_distill.sql import Sql
from cortex_distill.transient import SESSION_GONE as SESSION_GONE
from cortex_distill.transient import is_transient

if TYPE_CHECKING:
    from snowflake.snowpark import Session as Session

LOCAL = "local"
NO_DETECTION = ("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")  # else every connect asks 169.254.169.254
# What the connector loads for data frames and stages, if it finds them.
FRAMES = ("numpy", "pandas", "boto3", "botocore")
DATABASE, SCHEMA = "DISTILL", "PUBLIC"  # of the local engine; an account's connection names its own


class SqlError(Exception):
    """A statement failed. `code` is Snowflake's error number (0 if none), `transient` whether to try again, `remedy`
    what a person can do ('' if it may be a defect of ours)."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.transient = is_transient(message, code)
        self.remedy = remedy_of_statement(message)

    def __str__(self) -> str:
        return visible(super().__str__())


def local_folder() -> Path:
    """The folder of the local engine, absolute: $DISTILL_HOME, else `.cortex` in the working directory."""
    return Path(os.environ.get("DISTILL_HOME") or ".cortex").resolve()


def local_models() -> str:
    """Who answers on the local engine: $DISTILL_MODELS, else `local.toml` in the working directory, else `gguf`."""
    from cortex_distill.local.providers.routes import FILE, spec_of

    said = os.environ.get("DISTILL_MODELS") or (FILE if Path(FILE).is_file() else "gguf")
    return spec_of(Path(said)) if said.endswith(".toml") else said


def who_answers(session: Session, model: str) -> str:
    """Who answers to the name of a base model: as long as it is the same, a call that was answered need not be made
    again. On an account that is the account; on the local engine a provider and its real model.

    Raises SqlError if nobody does.
    """
    if not hasattr(session.connection, "is_local"):
        return str(execute(session, Sql("SELECT CURRENT_ACCOUNT()", ()))[0][0])
    return str(execute(session, Sql("SELECT SNOWFLAKE.LOCAL.SERVED_BY(?)", (model,)))[0][0])


def served_as(session: Session, model: str) -> str:
    """Who a bill of that model's calls would name: itself on an account, on the local engine whoever stands in for it.

    Raises SqlError if nobody answers.
    """
    return who_answers(session, model) if hasattr(session.connection, "is_local") else model


def obstacle(session: Session, model: str, purpose: Literal["COMPLETE", "FINETUNE"]) -> str:
    """Why calls of a model, or its training, would fail, where that is known without a call: a local server that does
    not run, an endpoint that cannot train. '' if nothing is known, as on an account."""
    if not hasattr(session.connection, "is_local"):
        return ""
    return str(execute(session, Sql("SELECT SNOWFLAKE.LOCAL.OBSTACLE(?, ?)", (model, purpose)))[0][0])


def open_session(engine: str = LOCAL, *, home: Path | None = None, tag: str = "") -> Session:
    """A Snowpark session on the local engine, on a connection of `connections.toml`, or on a `block:<name>`.

    `home` is the local engine's folder (default: `local_folder`), `local_models` says who answers there.
    `tag` is the QUERY_TAG of the session's statements.
    $DISTILL_MODELS_AS_OF is the day whose Cortex models can be called locally, such as 2024-10-01; else today.
    $DISTILL_IN_PROCESS=1 runs the local engine inside this process, for tests; else it is a process of its own.
    Raises SetupError if the connection or block is unknown, refused, or names no database.
    """
    os.environ.setdefault(*NO_DETECTION)
    from snowflake.snowpark import Session

    if engine == LOCAL:
        local: Session = Session.builder.configs({"connection": _local_connection(home, tag)}).create()
        return local
    from cortex_distill.accounts import account_session

    return account_session(engine, tag)


class Statements:
    """What takes statements as a Snowpark session does, and nothing else: no Snowpark is loaded, which takes half a
    second. For `execute` and for whoever needs no more."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._cursor: Any = None

    def sql(self, text: str, params: list[object]) -> Statements:
        """The statement, which is sent by `collect`; a Statements is not changed by it."""
        sent = Statements(self.connection)
        sent._cursor = partial(self.connection.cursor().execute, text, params)
        return sent

    def collect(self) -> list[Any]:
        """Send the statement; its rows. Raises the connector's errors."""
        rows: list[Any] = self._cursor().fetchall()
        return rows

    def close(self) -> None:
        """Give the connection back."""
        self.connection.close()


def open_statements(engine: str = LOCAL, *, tag: str = "") -> Session:
    """`open_session` for a caller that only sends statements and has no time to lose, such as `distill plan`.

    A process that loads the connector here has one that knows no data frames and no stages of S3.
    """
    if engine != LOCAL:
        return open_session(engine, tag=tag)
    os.environ.setdefault(*NO_DETECTION)
    with _connector_without_frames():
        return cast("Session", Statements(_local_connection(None, tag)))


@contextmanager
def _connector_without_frames() -> Iterator[None]:
    """Half of the connector's second of loading is pandas and boto3; whoever sends statements alone needs neither."""
    is_late = "snowflake.connector" in sys.modules or os.environ.get("DISTILL_IN_PROCESS") == "1"
    hidden = [] if is_late else [name for name in FRAMES if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # an import of None fails as that of a package that is not there
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def _local_connection(home: Path | None, tag: str) -> Any:
    from cortex_distill.local import connect

    in_process, as_of = os.environ.get("DISTILL_IN_PROCESS") == "1", os.environ.get("DISTILL_MODELS_AS_OF")
    place = {"database": DATABASE, "schema": SCHEMA}
    return connect(home or local_folder(), local_models(), **place, as_of=as_of, tag=tag, in_process=in_process)


def execute(session: Session, statement: Sql) -> list[Any]:
    """Run one statement; its rows, each a tuple with names. Raises SqlError, with Snowflake's own text."""
    from snowflake.connector.errors import Error

    connection: Any = session.connection
    opened = getattr(connection, "opened", None)  # only a connection to the local engine can be opened again
    try:
        rows: list[Any] = session.sql(statement.text, params=list(statement.binds)).collect()
        return rows
    except Error as error:
        failure, cause = SqlError(error.msg or str(error), error.errno or 0), cast("Exception", error)
    except _snowpark_errors() as error:
        message = getattr(error, "message", None) or str(error)
        failure, cause = SqlError(message, int(getattr(error, "sql_error_code", None) or 0)), error
    if opened is not None and failure.code == SESSION_GONE:
        connection.reopen(opened)
        failure = SqlError("the local engine ended and was started again; what ran is tried again", SESSION_GONE)
    raise failure from cause


def _snowpark_errors() -> type[Exception]:
    """Looked up where something failed, and not before: a Statements that succeeds needs no Snowpark."""
    from snowflake.snowpark.exceptions import SnowparkClientException

    return SnowparkClientException
