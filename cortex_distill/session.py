"""The one door to Snowflake's client, and the only module that knows of a local engine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cortex_distill.errors import SetupError
from cortex_distill.sql import Sql
from cortex_distill.transient import is_transient_text

if TYPE_CHECKING:
    from snowflake.snowpark import Session as Session

LOCAL = "local"
DATABASE, SCHEMA = "DISTILL", "PUBLIC"  # of the local engine; an account's connection names its own


class SqlError(Exception):
    """A statement failed. `code` is Snowflake's error number (0 if none), `transient` whether to try again."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.transient = is_transient_text(message)


def open_session(engine: str = LOCAL, *, home: Path | None = None) -> Session:
    """A Snowpark session on the local engine or on a connection of `connections.toml`.

    `home` is the local engine's folder: $DISTILL_HOME, else `.cortex` in the working directory.
    $DISTILL_MODELS picks who answers locally: `gguf` (default, a small real model) or `simulated`.
    $DISTILL_MODELS_AS_OF is the day whose Cortex models can be called locally, such as 2024-10-01; else today.
    Raises SetupError if the connection is unknown, refused, or names no database.
    """
    os.environ.setdefault("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")  # else every connect asks 169.254.169.254
    from snowflake.snowpark import Session

    if engine == LOCAL:
        from cortex_distill.local import connect

        folder = home or Path(os.environ.get("DISTILL_HOME") or ".cortex")
        models = os.environ.get("DISTILL_MODELS") or "gguf"
        as_of = os.environ.get("DISTILL_MODELS_AS_OF")
        connection = connect(folder, models, database=DATABASE, schema=SCHEMA, as_of=as_of)
        local: Session = Session.builder.configs({"connection": connection}).create()
        return local
    return _account_session(engine)


def _account_session(name: str) -> Session:
    from snowflake.connector.errors import Error
    from snowflake.snowpark import Session
    from snowflake.snowpark.exceptions import SnowparkClientException

    try:
        session: Session = Session.builder.config("connection_name", name).create()
    except (Error, SnowparkClientException, OSError) as error:
        raise SetupError(
            f"engine '{name}': no session on the connection of that name: {error}\n"
            f"Write it into connections.toml (see README, Run it on Snowflake), or use --engine {LOCAL}."
        ) from error
    if not session.get_current_database() or not session.get_current_schema():
        session.close()
        raise SetupError(f"engine '{name}': the connection names no database and schema; add both in connections.toml")
    return session


def execute(session: Session, statement: Sql) -> list[Any]:
    """Run one statement; its rows, each a tuple with names. Raises SqlError, with Snowflake's own text."""
    from snowflake.connector.errors import Error
    from snowflake.snowpark.exceptions import SnowparkClientException

    try:
        rows: list[Any] = session.sql(statement.text, params=list(statement.binds)).collect()
        return rows
    except SnowparkClientException as error:
        message = getattr(error, "message", None) or str(error)
        raise SqlError(message, int(getattr(error, "sql_error_code", None) or 0)) from error
    except Error as error:
        raise SqlError(error.msg or str(error), error.errno or 0) from error
