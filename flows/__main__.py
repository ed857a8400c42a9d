"""The command line: `distill validate | plan | run | ab | compare | refine | export | show | promote | holdout …`."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from cortex_distill.errors import ConfigError, DistillError
from cortex_distill.load import Experiment, load_experiment
from cortex_distill.session import SqlError
from flows.answering import messages
from flows.comparing import ab, compare
from flows.engine import engine
from flows.export import export
from flows.holdout import holdout
from flows.models import models
from flows.plan import plan
from flows.promote import promote
from flows.refining import refine
from flows.starting import ENGINE, Interrupted, parsed, prefect_started
from flows.up import down, up

LONGEST_SENTENCE = 400  # letters
EXIT_BELOW_GATE = 1
EXIT_MENDABLE = 2
EXIT_INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT


class Commands(click.Group):
    """Commands whose first sentence is listed in full: click's own list ends it after some 45 letters."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        listed = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(LONGEST_SENTENCE)) for name, one in listed if one])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cortex-distill")
def cli() -> None:
    """Distil a large language model into a small one on Snowflake Cortex, from one YAML file."""


cli.add_command(ab)
cli.add_command(compare)
cli.add_command(engine)
cli.add_command(messages)
cli.add_command(holdout)
cli.add_command(models)
cli.add_command(plan)
cli.add_command(up)
cli.add_command(down)
cli.add_command(promote)
cli.add_command(refine)
cli.add_command(export)


@cli.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--engine", metavar="NAME", help="look there, too, at models, rights and holdout: local, or a connection")
def validate(files: tuple[Path, ...], engine: str | None) -> None:
    """Check experiment files; nothing is run and nothing is paid.

    A holdout that has to be fetched and is not there is a warning; with --engine it is a problem, as for a run.
    """
    problems = []
    for file in files:
        try:
            experiment = load_experiment(file, without_fetched=not engine)
        except ConfigError as error:
            problems.append(str(error))
        else:
            config, wrong = experiment.config, _looked_at(experiment, engine) if engine else []
            problems += wrong
            if not wrong:
                _warn_of_holdout(file)
                more = "" if engine else "; --engine local looks at models and rows, too"
                found = f"{len(config.categories)} categories, {len(config.prompts)} prompt variants"
                click.echo(f"{file}: ok ({found}){more}")
    if problems:
        raise ConfigError("\n".join(problems))


def _warn_of_holdout(file: Path) -> None:
    """What is left to say of a file that is sound: a run would not find its holdout."""
    try:
        load_experiment(file)
    except ConfigError as error:
        click.secho(f"! {error}", fg="yellow", err=True)


def _looked_at(experiment: Experiment, engine: str) -> list[str]:
    """What a run on that engine would find before its first call; warnings are shown."""
    from flows.preflight import look  # noqa: PLC0415  Snowflake's client takes seconds

    warnings, problems = look(experiment, engine)
    for warning in warnings:
        click.secho(f"! {warning}", fg="yellow", err=True)
    return problems


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@ENGINE
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="change one value, e.g. split.train=0.7")
@click.option("--gate", is_flag=True, help="end with exit code 1 if a figure is below gate: of the file")
def run(file: Path, engine: str, overrides: tuple[str, ...], gate: bool) -> None:
    """Run one experiment: generate, judge, split, fine-tune, evaluate, record."""
    values = parsed(overrides)
    config = load_experiment(file, values).config  # a typo should not cost ten seconds
    if gate and not config.gate:
        raise ConfigError(f"{file}: gate: is missing; write for instance gate: [{{who: teacher, min_accuracy: 0.8}}]")
    with prefect_started(f"{file} on {engine}"):
        from flows.distill import distill  # noqa: PLC0415

        summary: Any = distill(str(file), engine, values or None)  # a flow that returns a state gives its data
    from flows.terminal import show_gate, show_summary  # noqa: PLC0415

    show_summary(summary)
    if gate and not show_gate(config.gate or [], summary):
        sys.exit(EXIT_BELOW_GATE)


@cli.command()
@click.argument("run_id", required=False)
@ENGINE
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


def main() -> None:
    """Run the command line; a failure that a person can mend is a message and exit code 2, without a traceback."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # `… &` in a script, or nohup: Ctrl-C is meant for others,
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # and the connector would listen in a statement
    atexit.register(gc.freeze)  # else Python ends with a search for garbage in all that Prefect loaded: a second of CPU
    try:
        sys.exit(cli(standalone_mode=False))
    except DistillError as error:
        click.secho(str(error), fg="red", err=True)
        _let_go(error)
        sys.exit(EXIT_MENDABLE)
    except SqlError as error:
        if not error.remedy:
            raise
        click.secho(f"a statement was refused: {' '.join(str(error).split())}\n{error.remedy}", fg="red", err=True)
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
    seen = set[int]()
    while error is not None and id(error) not in seen:  # Prefect raises errors again, until one is its own cause
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


if __name__ == "__main__":
    main()
