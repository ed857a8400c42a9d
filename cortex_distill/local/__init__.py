"""The local engine: a Snowflake with Cortex on this machine, for those without an account."""

from datetime import date
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from cortex_distill.errors import SetupError

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_ENGINES = "cortex_distill.local.engines"  # imported on first use: the providers below are usable without DuckDB
_SERVICE = "cortex_distill.local.service.client"


def connect(
    home: Path,
    models: str = "gguf",
    *,
    database: str,
    schema: str,
    as_of: str | None = None,
    tag: str = "",
    in_process: bool = False,
) -> "SnowflakeConnection":
    """A genuine Snowflake connection to the engine whose files are in `home`, started if it does not run.

    The engine is a process of its own that others can use as well, or, `in_process`, this one alone.
    `models`: "gguf" (a small real model), "simulated" or "simulated:knob=value,…".
    `as_of`: the day (YYYY-MM-DD) whose models can be called, instead of today's.
    `tag`: its QUERY_TAG, kept when it is opened again.
    Raises SetupError if the engine cannot start or the folder is in use with other models.
    """
    try:
        date.fromisoformat(as_of or "2026-01-01")
    except ValueError as error:
        raise SetupError(f"DISTILL_MODELS_AS_OF: '{as_of}' is no day; write it as 2024-10-01") from error
    declared = {"QUERY_TAG": tag} | ({"LOCAL_MODELS_AS_OF": as_of} if as_of else {})
    module = import_module(_ENGINES if in_process else _SERVICE)
    connection: SnowflakeConnection = module.connect(home, models, database, schema, declared)
    return connection


def close(home: Path | None = None) -> None:
    """Close every engine of this process, or the one of a folder."""
    import_module(_ENGINES).close(home)
