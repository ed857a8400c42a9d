"""What a second run makes: nothing has changed, a tenth more rows, another prompt for the judge.

    .venv/bin/python benchmarks/second_runs.py [--rows 200] [--write docs/benchmarks.md]

Each change is tried on a first run of its own. `needed` are the calls that the change asks for: none; those of the new
rows; the ratings of all rows. `made` is what the stub saw of the second run; more is paid again, less is an old answer
to a new question. In promptfoo, which does W1 alone, there is no judge.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.beside.bench import Bench, each_of
from benchmarks.beside.page import WRITE, Result, publish
from benchmarks.beside.systems import CURATOR, DATA_DESIGNER_100, FLOW, PROMPTFOO, STEPS, System
from benchmarks.beside.texts import CALLS_A_ROW

SYSTEMS = ((STEPS, "w3"), (FLOW, "w3"), (CURATOR, "w3"), (DATA_DESIGNER_100, "w3"), (PROMPTFOO, "w1"))
CHANGES = ("nothing", "a tenth more rows", "the judge's prompt")
COLUMNS = ("system", "change", "first run", "needed", "made", "paid again", "remark")


def row_of(bench: Bench, system: System, workload: str, rows: int, change: str) -> list[str]:
    """The line of one change."""
    place = bench.place(system, workload, rows)
    first = bench.run(system, place)
    grown = rows + rows // 10 if change == CHANGES[1] else rows
    second = bench.run(system, bench.place(system, workload, grown, folder=place.folder, stricter=change == CHANGES[2]))
    needed = {CHANGES[0]: 0, CHANGES[1]: (grown - rows) * CALLS_A_ROW[workload], CHANGES[2]: rows}[change]
    made = second.seen["calls"]
    failure = first.failure or second.failure
    stale = "old answers to a new question" if made < needed else ""
    figures = (first.seen["calls"], needed, made, made - needed)
    click.echo(f"{system.name}, {change}: {made} made, {needed} needed {failure}", err=True)
    return [f"{system.name} ({workload.upper()})", change, *(f"{figure:,}" for figure in figures), failure or stale]


@click.command()
@click.option("--rows", default=200, show_default=True, help="a multiple of 50")
@click.option("--only", multiple=True, metavar="WORD", help="systems with that word in their name")
@WRITE
def main(rows: int, only: tuple[str, ...], write: Path | None) -> None:
    """Run, change, run again, count."""
    load = os.getloadavg()[0]

    def lines_of(bench: Bench, system: System, workload: str) -> list[list[str]]:
        changes = CHANGES if workload == "w3" else CHANGES[:2]
        return [row_of(bench, system, workload, rows, change) for change in changes]

    lines, peers = each_of(SYSTEMS, only, len(COLUMNS), lines_of)
    notes = [
        f"{rows:,} rows first; the judge's prompt changes in the experiment file, or in the source of a peer's script"
    ]
    publish(Result("second", "What a second run makes", COLUMNS, lines, notes, peers), write, load)


if __name__ == "__main__":
    main()
