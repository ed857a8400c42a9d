"""The local engine: a Snowflake with Cortex in one process, for those without an account."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_ENGINES = "cortex_distill.local.engines"  # imported on first use: the providers below are usable without DuckDB


def connect(
    home: Path, models: str = "gguf", *, database: str, schema: str, as_of: str | None = None
) -> "SnowflakeConnection":
    """A genuine Snowflake connection to the engine whose files are in `home`, opened if it is not open yet.

    `models`: "gguf" (a small real model), "simulated" or "simulated:knob=value,…".
    `as_of`: the day (YYYY-MM-DD) whose models can be called, instead of today's.
    Raises SetupError if the folder is in use by another process, or in this one with other models.
    """
    connection: SnowflakeConnection = import_module(_ENGINES).connect(
        home, models, database=database, schema=schema, as_of=as_of
    )
    return connection


def close() -> None:
    """Close every engine of this process."""
    import_module(_ENGINES).close()
