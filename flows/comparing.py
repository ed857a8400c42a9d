"""`distill ab` and `distill compare`: run several configs and weigh them, or weigh runs that are done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cortex_distill.errors import ConfigError
from flows.starting import ENGINE, parsed, prefect_started, quiet_prefect

ROLES = ["tuned student", "base student", "teacher"]  # as in scores.py, whose import --help need not wait for
ROLE = click.option(
    "--role", type=click.Choice(ROLES), default=ROLES[0], show_default=True, help="whose answers are tested"
)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@ENGINE
@click.option(
    "--sweep", multiple=True, metavar="KEY=V1,V2", help="one run per value, e.g. judge.thresholds.valid=3,4,5"
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="change one value in every run")
@click.option(
    "--without", default="", metavar="PART,PART", help="ablation: one run more without each of judge, vote, vary, …"
)
@ROLE
def ab(
    files: tuple[Path, ...],
    engine: str,
    sweep: tuple[str, ...],
    overrides: tuple[str, ...],
    without: str,
    role: str,
) -> None:
    """A/B test: run FILES, or one file over the values of a key or without some of its parts, and say which
    differences are shown."""
    swept, values = swept_values(sweep), parsed(overrides)
    parts = [part.strip() for part in without.split(",") if part.strip()]
    quiet_prefect()
    from flows.ab_test import ab_test, tries  # noqa: PLC0415

    runs = tries([str(file) for file in files], swept, values, parts)
    with prefect_started(f"{len(runs)} runs on {engine}, one after the other"):
        found: Any = ab_test([str(file) for file in files], engine, swept or None, values or None, parts or None, role)
    from flows.comparison_table import show_comparison  # noqa: PLC0415

    show_comparison(found)


@click.command()
@click.argument("runs", nargs=-1)
@click.option("--experiment", default="", help="the newest run of each config of this experiment")
@click.option("--tag", default="", help="the newest run of each config among the runs with this tag")
@ROLE
@ENGINE
def compare(runs: tuple[str, ...], experiment: str, tag: str, role: str, engine: str) -> None:
    """Compare RUNS (beginnings of their ids); without any, the newest run of each config that has the
    categories of the newest run."""
    with prefect_started(f"comparing runs on {engine}"):
        from flows.compare import compare as flow  # noqa: PLC0415

        found: Any = flow(list(runs), experiment, tag, engine, role)
    from flows.comparison_table import show_comparison  # noqa: PLC0415

    show_comparison(found)


def swept_values(sweeps: tuple[str, ...]) -> dict[str, list[Any]]:
    """`judge.thresholds.valid=3,4,5` → the key and its values, each as YAML reads it.

    Raises ConfigError without a `=`, or with fewer than two values.
    """
    found = {}
    for sweep in sweeps:
        key, equals, values = sweep.partition("=")
        parts = [part.strip() for part in values.split(",")]
        if not equals or len(parts) < 2:
            raise ConfigError(f"--sweep {sweep}: needs two values; write KEY=V1,V2, e.g. judge.thresholds.valid=3,4,5")
        found[key.strip()] = [parsed((f"{key}={part}",))[key.strip()] for part in parts]
    return found
