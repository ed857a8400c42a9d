"""`distill refine`: more tickets exactly where a run's student confused categories, and whether that helped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flows.starting import ENGINE, prefect_started, quiet_prefect

if TYPE_CHECKING:
    from flows.refine import Refined

SETS = ["validation", "test", "holdout"]  # as in scores.py, whose import --help need not wait for


@click.command()
@click.argument("run", required=False, default="")
@ENGINE
@click.option("--file", default="", help="its experiment file; by default the one in configs/ with its name")
@click.option("--pairs", default=3, show_default=True, help="how many pairs of categories, those confused most")
@click.option("--per-pair", default=10, show_default=True, help="tickets asked for, for each pair")
@click.option(
    "--from",
    "evaluation_set",
    type=click.Choice(SETS),
    default=SETS[0],
    show_default=True,
    help="the set that shows what was confused; the holdout's figures are then no longer untouched",
)
def refine(run: str, engine: str, file: str, pairs: int, per_pair: int, evaluation_set: str) -> None:
    """Ask the teacher for more tickets where the tuned student of RUN took one category for another, as a new run,
    and compare the two. RUN is the beginning of a run's id; without one, the newest run is meant.

    Answered calls are not paid again: the new run pays for its new tickets, their rating, and a new training.
    """
    quiet_prefect()
    from flows.refine import planned_refinement  # noqa: PLC0415
    from flows.refine import refine as flow  # noqa: PLC0415

    wanted = planned_refinement(run, file, engine, pairs, per_pair, evaluation_set)
    with prefect_started(f"refining run {wanted.after[:8]} on {engine}"):
        done: Any = flow(wanted.after, wanted.file, engine, pairs, per_pair, evaluation_set)
    _show(done)


def _show(done: Refined) -> None:
    from rich.text import Text  # noqa: PLC0415

    from flows.comparison_table import show_comparison  # noqa: PLC0415
    from flows.console import console  # noqa: PLC0415

    console.print(f"\n[bold]Confused on the {done.weak.evaluation_set}[/bold], and asked about", highlight=False)
    for pair in done.weak.pairs:
        console.print(Text(f"  {pair.text}"))
    show_comparison(done.found)
    console.print(Text(outcome(done), style="bold"))


def outcome(done: Refined) -> str:
    """`better: 0.85, before 0.80 (n = 40, McNemar p = 0.031, holdout)`; `worse`, or `no difference shown`."""
    from cortex_distill.verdicts import p_text  # noqa: PLC0415

    verdict, (old, new) = done.found.tested[0].verdict, done.found.runs
    said = "no difference shown"
    if verdict.is_shown:
        said = "worse" if verdict.difference > 0 else "better"  # the old run is the first
    figures = [arm.figure if (arm := run.best("tuned student")) else "–" for run in (new, old)]
    n = f"n = {verdict.rows:,}" if verdict.is_paired else "no shared row"
    return f"{said}: {figures[0]}, before {figures[1]} ({n}, p {p_text(verdict.p_value)}, {done.found.evaluation_set})"
