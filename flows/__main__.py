"""The command line: `distill validate | run | ablate | show | models | engine`."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import click
import yaml

from cortex_distill.errors import ConfigError, DistillError
from flows.engine import engine
from flows.models import models
from flows.promote import promote

EXIT_MENDABLE = 2
EXIT_INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT
STOPPED = "stopped; every batch of calls that had ended is kept: run the same command again, and it is not made again"


class Interrupted(Exception):
    """Somebody pressed Ctrl-C; the text says how to go on."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cortex-distill")
def cli() -> None:
    """Distil a large language model into a small one on Snowflake Cortex, from one YAML file."""


cli.add_command(engine)
cli.add_command(models)
cli.add_command(promote)


@cli.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def validate(files: tuple[Path, ...]) -> None:
    """Check experiment files; nothing is run and nothing is paid."""
    from cortex_distill.load import load_experiment  # noqa: PLC0415  a check should not wait for anything else

    problems = []
    for file in files:
        try:
            experiment = load_experiment(file)
        except ConfigError as error:
            problems.append(str(error))
        else:
            config = experiment.config
            click.echo(f"{file}: ok ({len(config.categories)} categories, {len(config.prompts)} prompt variants)")
    if problems:
        raise ConfigError("\n".join(problems))


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--engine", default="local", show_default=True, help="local, or a connection name of connections.toml")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="change one value, e.g. split.train=0.7")
def run(file: Path, engine: str, overrides: tuple[str, ...]) -> None:
    """Run one experiment: generate, judge, split, fine-tune, evaluate, record."""
    values = _prepared(file, engine, overrides)
    from flows.distill import distill  # noqa: PLC0415
    from flows.prefect_server import start_server  # noqa: PLC0415
    from flows.terminal import progress_bars, show_summary  # noqa: PLC0415

    try:
        start_server()
        with progress_bars():
            summary: Any = distill(str(file), engine, values or None)  # a flow that returns a state gives its data
    except KeyboardInterrupt:
        raise Interrupted(STOPPED) from None
    show_summary(summary)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--engine", default="local", show_default=True, help="local, or a connection name of connections.toml")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="change one value, e.g. split.train=0.7")
def ablate(file: Path, engine: str, overrides: tuple[str, ...]) -> None:
    """Compare students that learnt from the run's tickets, from the examples, from both. Needs generate.examples."""
    values = _prepared(file, engine, (*overrides, "fine_tune.rows=both"))
    from flows.ablation import ablate as flow  # noqa: PLC0415
    from flows.terminal import progress_bars, show_ablation  # noqa: PLC0415

    with progress_bars():
        ablation: Any = flow(str(file), engine, values)
    show_ablation(ablation)


def _prepared(file: Path, engine: str, overrides: tuple[str, ...]) -> dict[str, Any]:
    """Prefect's settings before its import, and the overrides; the file is checked before anything starts."""
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")  # bars and messages say it
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from cortex_distill.load import load_experiment  # noqa: PLC0415

    values = parsed(overrides)
    load_experiment(file, values)  # a typo should not cost ten seconds
    click.echo(f"{file} on {engine}: starting Prefect and the engine …")
    return values


@cli.command()
@click.argument("run_id", required=False)
@click.option("--engine", default="local", show_default=True, help="local, or a connection name of connections.toml")
@click.option("--last", default=5, show_default=True, help="how many runs")
def show(run_id: str | None, engine: str, last: int) -> None:
    """Show what EXPERIMENTS says: the newest runs, or one run by the beginning of its id."""
    from cortex_distill.session import open_session  # noqa: PLC0415
    from flows.terminal import show_experiments  # noqa: PLC0415

    session = open_session(engine)
    try:
        show_experiments(session, run_id, last)
    finally:
        session.close()


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


def main() -> None:
    """Run the command line; a failure that a person can mend is a message and exit code 2, without a traceback."""
    try:
        sys.exit(cli(standalone_mode=False))
    except DistillError as error:
        click.secho(str(error), fg="red", err=True)
        _let_go(error)
        sys.exit(EXIT_MENDABLE)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (Interrupted, click.Abort) as error:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would be a traceback, in the middle of closing
        click.echo(str(error) or "stopped", err=True)
        _let_go(error)
        sys.exit(EXIT_INTERRUPTED)


def _let_go(error: BaseException | None) -> None:
    """Forget the frames behind an error: Prefect keeps it, they hold DuckDB's connections, and DuckDB complains
    about each one that outlives it."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


if __name__ == "__main__":
    main()
