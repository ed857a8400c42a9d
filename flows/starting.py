"""What commands do before they run a flow: read overrides, start Prefect quietly, and end in one line on Ctrl-C."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import yaml

from cortex_distill.errors import ConfigError

ENGINE = click.option(
    "--engine", default="local", show_default=True, help="local, or a connection name of connections.toml"
)
STOPPED = "stopped; every batch of calls that had ended is kept: run the same command again, and it is not made again"


class Interrupted(Exception):
    """Somebody pressed Ctrl-C; the text says how to go on."""


def quiet_prefect() -> None:
    """Prefect's settings for a command line; they count only before its first import."""
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")  # bars and messages say it
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")


@contextmanager
def prefect_started(what: str) -> Iterator[None]:
    """Prefect's temporary server, unless one runs, and bars meanwhile.

    Raises Interrupted on Ctrl-C. Import flows inside: they need these settings.
    """
    quiet_prefect()
    click.echo(f"{what}: starting Prefect and the engine …")
    from flows.bars import progress_bars  # noqa: PLC0415
    from flows.prefect_server import start_server  # noqa: PLC0415

    try:
        start_server()  # or ask the one that $PREFECT_API_URL or prefect.toml names
        with progress_bars():
            yield
    except KeyboardInterrupt:
        raise Interrupted(STOPPED) from None


def parsed(overrides: tuple[str, ...]) -> dict[str, Any]:
    """`judge.thresholds.valid=5` → the key and its value as YAML reads it. Raises ConfigError without a `=`."""
    values = {}
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise ConfigError(f"--set {override}: has no '='; write KEY=VALUE, e.g. --set judge.thresholds.valid=5")
        try:
            values[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {override}: '{value}' is not a YAML value; quote it") from error
    return values
