"""Sessions on a Snowflake account: by a connection of `connections.toml`, or by a credentials block of Prefect's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cortex_distill.errors import SetupError

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

    try:
        if engine.startswith(BLOCK):
            options: dict[str, Any] = {"connection": _block_connection(engine.removeprefix(BLOCK))}
        else:
            options = {"connection_name": engine}
        session: Session = Session.builder.configs(options).create()
    except (Error, SnowparkClientException, OSError) as error:
        mend = "mend the block" if engine.startswith(BLOCK) else "write it into connections.toml"
        raise SetupError(
            f"engine '{engine}': no session: {error}\n{mend} (see README, Run it on Snowflake), or use --engine local."
        ) from error
    if not session.get_current_database() or not session.get_current_schema():
        session.close()
        raise SetupError(f"engine '{engine}': names no database and schema; add both where its account stands")
    if tag:
        session.query_tag = tag  # as a statement: as a login parameter it would replace those of connections.toml
    return session


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
            "Make a Snowflake Connector block in the UI (Blocks), or with Python as in docs/prefect.md."
        ) from error
    connection: SnowflakeConnection = block.get_connection(paramstyle="qmark")
    return connection
