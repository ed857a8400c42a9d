"""The one door to the engine: statements with binds, and who answers to a model's name.

In Snowflake this folder stands alone, and the session is the one that the app was given. Where the project is installed
beside it, the project opens the session: on the local engine, or on $DISTILL_ENGINE (a name of `connections.toml`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import streamlit as st

Row = dict[str, Any]
MISSING = 2003  # Snowflake's number for "does not exist or not authorized"


class Failed(Exception):
    """A statement failed; the text is the engine's. `missing`: a table is not there yet, or not for this role."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.missing = code == MISSING or "does not exist or not authorized" in message


class Door(NamedTuple):
    """How this process talks to its engine."""

    run: Callable[[str, tuple[object, ...]], list[Any]]
    who: Callable[[str], str]
    """Who answers to a model's name, as in the keys of COMPLETIONS. Raises Failed."""


def rows(text: str, *binds: object) -> list[Row]:
    """Send one statement; its rows, with names in small letters. Raises Failed."""
    return [{str(name).lower(): cell for name, cell in row.as_dict().items()} for row in _door().run(text, binds)]


def rows_if_there(text: str, *binds: object) -> list[Row]:
    """`rows`, or none where a table of the statement does not exist yet. Raises Failed for anything else."""
    try:
        return rows(text, *binds)
    except Failed as failure:
        if failure.missing:
            return []
        raise


def who_answers(model: str) -> str:
    """Who answers to a model's name: an account, or what stands in for the model. Raises Failed."""
    return _door().who(model)


@st.cache_resource(show_spinner="Opening the engine …")
def _door() -> Door:
    return _of_the_project() if find_spec("cortex_distill") else _of_snowflake()


def _of_the_project() -> Door:
    from cortex_distill.errors import DistillError  # noqa: PLC0415  not there in Snowflake
    from cortex_distill.session import SqlError, execute, open_session, who_answers  # noqa: PLC0415
    from cortex_distill.sql import Sql  # noqa: PLC0415

    try:
        session = open_session(os.environ.get("DISTILL_ENGINE") or "local", tag="app")
    except DistillError as error:
        raise Failed(str(error)) from error

    def run(text: str, binds: tuple[object, ...]) -> list[Any]:
        try:
            return execute(session, Sql(text, binds))
        except SqlError as error:
            if not error.transient:
                raise Failed(str(error), error.code) from error
        try:
            return execute(session, Sql(text, binds))  # `execute` has opened again what was lost
        except SqlError as error:
            raise Failed(str(error), error.code) from error

    def who(model: str) -> str:
        try:
            return who_answers(session, model)
        except SqlError as error:
            raise Failed(str(error), error.code) from error

    return Door(run, who)


def _of_snowflake() -> Door:
    from snowflake.snowpark.exceptions import SnowparkClientException  # noqa: PLC0415  not loaded on a laptop's start

    session = st.connection("snowflake").session()

    def run(text: str, binds: tuple[object, ...]) -> list[Any]:
        try:
            sent: list[Any] = session.sql(text, params=list(binds)).collect()
        except SnowparkClientException as error:
            message = getattr(error, "message", None) or str(error)
            raise Failed(message, int(getattr(error, "sql_error_code", None) or 0)) from error
        return sent

    def who(_model: str) -> str:
        return str(run("SELECT CURRENT_ACCOUNT()", ())[0][0])

    return Door(run, who)
