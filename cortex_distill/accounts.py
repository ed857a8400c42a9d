"""Sessions on a Snowflake account: by a connection of `connections.toml`, or by a credentials block of Prefect's."""

from __future__ import annotations

import logging
import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cortex_distill.errors import SetupError
from cortex_distill.remedies import remedy_of_login

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.snowpark import Session

BLOCK = "block:"  # what an engine's name begins with if a block holds its credentials


def account_session(engine: str, tag: str = "") -> Session:
    """A Snowpark session on `engine`; `tag` is its QUERY_TAG.

    Raises SetupError if connection or block is unknown, refused, or names no database and schema.
    """
    from snowflake.connector.errors import Error
    from snowflake.snowpark import Session
    from snowflake.snowpark.exceptions import SnowparkClientException
    from tomlkit.exceptions import TOMLKitError

    logging.getLogger("snowflake.connector.vendored.urllib3").setLevel(logging.ERROR)  # the exception says it
    try:
        if engine.startswith(BLOCK):
            options: dict[str, Any] = {"connection": _block_connection(engine.removeprefix(BLOCK))}
        else:
            options = {"connection_name": engine}
        session: Session = Session.builder.configs(options).create()
    except (Error, SnowparkClientException, OSError, ValueError, TOMLKitError) as error:
        raise SetupError(_no_session(engine, " ".join(str(error).split()))) from error
    has = {"database": session.get_current_database(), "schema": session.get_current_schema()}
    if missing := [key for key, value in has.items() if not value]:
        session.close()
        write = ", ".join(f'{key} = "…"' for key in missing)
        where = "into the block" if engine.startswith(BLOCK) else f"under [{engine}] in {connections_file()}"
        raise SetupError(
            f"engine '{engine}': the session has no {' and no '.join(missing)}; write {where}: {write}"
            " (they must exist, and the role must have USAGE on them)"
        )
    if tag:
        session.query_tag = tag  # as a statement: as a login parameter it would replace those of connections.toml
    return session


def _no_session(engine: str, said: str) -> str:
    at, known = f"engine '{engine}'", re.fullmatch(r"Invalid connection_name .*, known ones are (\[.*\])", said)
    if known:
        names = re.findall(r"'(.*?)'", known[1])
        near = get_close_matches(engine, names, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(names) or 'none'}"
        how = "README, Run it on Snowflake, says what to write; or use --engine local."
        return f"{at}: there is no connection of that name in {connections_file()}; {hint}\n{how}"
    of = "with that block" if engine.startswith(BLOCK) else f"on the connection of that name in {connections_file()}"
    return f"{at}: no session {of}: {said.rstrip('.')}.\nNow {remedy_of_login(said)}; or use --engine local."


def connections_file() -> Path:
    """Where Snowflake's connector looks for connections: in $SNOWFLAKE_HOME, else ~/.snowflake, else its own place."""
    from snowflake.connector.constants import CONNECTIONS_FILE

    return Path(CONNECTIONS_FILE)


def _block_connection(name: str) -> SnowflakeConnection:
    """The connection of a SnowflakeConnector block; Prefect keeps its secrets, encrypted, in its own database."""
    try:
        from prefect_snowflake import SnowflakeConnector
    except ImportError as error:
        raise SetupError(
            f"engine '{BLOCK}{name}': needs the package prefect-snowflake; pip install -e '.[block]', also for the"
            " worker, or name a connection of connections.toml instead"
        ) from error
    try:
        block = SnowflakeConnector.load(name)
    except ValueError as error:
        raise SetupError(
            f"engine '{BLOCK}{name}': Prefect has no block of that name and type: {error}\n"
            "Make a Snowflake Connector block in the UI (Blocks); docs/prefect.md says what belongs into it."
        ) from error
    connection: SnowflakeConnection = block.get_connection(paramstyle="qmark")
    return connection
