"""The engines of this process: one per folder, opened on first use, closed at exit."""

import atexit
import hashlib
import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from snowflake.connector import SnowflakeConnection

from cortex_distill.errors import SetupError
from cortex_distill.local.engine import Engine
from cortex_distill.local.providers import Provider
from cortex_distill.local.providers.router import Router
from cortex_distill.local.providers.routes import routes_of

# it warns of every statement that it keeps as text, which is how SHOW and ALTER SESSION are meant to arrive
logging.getLogger("sqlglot").setLevel(logging.ERROR)


class _Opened(NamedTuple):
    models: str
    engine: Engine
    process: int


_guard = threading.Lock()
_open: dict[Path, _Opened] = {}


def connect(
    home: Path, models: str, database: str, schema: str, declared: Mapping[str, str] | None = None
) -> SnowflakeConnection:
    """A connection to the engine of that folder. See `cortex_distill.local.connect`."""
    with _guard:
        opened = _open.get(home.resolve())
        if opened is None:
            opened = _open[home.resolve()] = _Opened(models, new_engine(home, models), os.getpid())
    if opened.models != models:
        raise SetupError(f"{home} is open in this process with models '{opened.models}', asked for '{models}'")
    if opened.process != os.getpid():
        raise SetupError(
            f"{home} was opened by process {opened.process}, of which this one is a fork; start a new process"
        )
    return opened.engine.connect(database, schema, declared)


def new_engine(home: Path, models: str) -> Engine:
    """An engine on that folder, for its caller to close. Raises SetupError if folder or models cannot be opened."""
    provider = provider_of(models)
    try:
        return Engine(home, provider, account_of(models))
    except SetupError:
        provider.close()
        raise


@atexit.register
def close(home: Path | None = None) -> None:
    """Close every engine of this process, or the one of a folder, if there is one."""
    with _guard:
        for folder in list(_open) if home is None else [home.resolve()] if home.resolve() in _open else []:
            opened = _open.pop(folder)
            if opened.process == os.getpid():
                opened.engine.close()


def provider_of(models: str) -> Provider:
    """The provider of a spec, see `routes`. Raises SetupError if the spec or what it names is wrong."""
    return Router(routes_of(models))


def account_of(models: str) -> str:
    """The account's name, which says who answers: LOCAL_GGUF, LOCAL_SIMULATED, LOCAL_SIMULATED_1A2B3C; LOCAL if a
    file says it name by name."""
    kind, _, knobs = models.partition(":")
    if kind not in ("gguf", "simulated"):
        return "LOCAL"
    suffix = f"_{hashlib.sha256(knobs.encode()).hexdigest()[:6]}" if knobs else ""
    return f"LOCAL_{kind}{suffix}".upper()
