"""`distill engine start | stop | status`: the local engine, which starts by itself when it is needed."""

from __future__ import annotations

from typing import Any

import click

from cortex_distill.local.service import client, door
from cortex_distill.programs import typed
from cortex_distill.session import local_folder, local_models


@click.group()
def engine() -> None:
    """The local engine: start, stop, status. Commands that need it start it by themselves."""


@engine.command()
def start() -> None:
    """Start it, unless it runs already."""
    client.find_or_start(local_folder(), local_models())
    _show(_status())


@engine.command()
@click.option("--patience", default=10.0, show_default=True, help="seconds for statements under way, then cancel them")
def stop(patience: float) -> None:
    """Stop it. Fine-tuning jobs under way go on when it is started again."""
    was = client.stop(local_folder(), patience)
    if was is None:
        click.echo(f"no local engine runs in {local_folder()}")
    else:
        click.echo(f"stopped process {was['pid']}, which served {was['home']}")


@engine.command()
def status() -> None:
    """Say whether it runs, what it does, and how other Snowflake clients connect to it."""
    _show(_status())


def _status() -> dict[str, Any] | None:
    found = door.read(local_folder())
    return client.ask(found, "status") if found else None


def _show(now: dict[str, Any] | None) -> None:
    if now is None:
        start = f"{typed('distill')} engine start"
        click.echo(f"no local engine runs in {local_folder()}; `{start}` or any run starts one")
        return
    click.echo(f"process     {now['pid']}, running for {_duration(now['seconds'])}")
    click.echo(f"folder      {now['home']} (log: {door.LOG})")
    click.echo(f"models      {now['models']}")
    click.echo(f"clients     {now['connections']} connections, {now['sessions']} sessions")
    click.echo(f"under way   {now['statements']} statements, {now['jobs']} fine-tuning jobs")
    click.echo(f'connect     any Snowflake client: SNOWFLAKE_HOME={now["home"]}, connection name "{door.NAME}"')
    click.echo(f"ends        {_duration(now['idle'])} after its last client has gone")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
