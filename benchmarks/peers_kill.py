"""Kill -9 midway, then the same command again: how many calls are made in all, and how many of them twice?

    .venv/bin/python benchmarks/peers_kill.py               # W3, and W1 for promptfoo; killed at half of the calls
    .venv/bin/python benchmarks/peers_kill.py --at 0.2 --at 0.8 --write docs/benchmarks.md

All processes of a system die at once: this product's engine with its client, too. `needed` are the calls of a run that
nobody kills, measured just before; `paid again` is what all tries together made beyond that.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.beside.bench import Bench, Measured, each_of
from benchmarks.beside.page import WRITE, Result, publish
from benchmarks.beside.systems import CURATOR, DATA_DESIGNER, DATA_DESIGNER_100, FLOW, PROMPTFOO, STEPS, System
from benchmarks.beside.texts import CONCURRENCY

SYSTEMS = (
    (STEPS, "w3"),
    (FLOW, "w3"),
    (CURATOR, "w3"),
    (DATA_DESIGNER, "w3"),
    (DATA_DESIGNER_100, "w3"),
    (PROMPTFOO, "w1"),
)
COLUMNS = ("system", "rows", "needed", "killed at", "made", "paid again", "remark")


class Killed(NamedTuple):
    """A run that was killed, and the same command again."""

    at: int
    made: int
    again: Measured


def kill(bench: Bench, system: System, workload: str, rows: int, at: int) -> Killed:
    """Kill a run as soon as the stub has seen so many calls; run its command again in the same folder."""
    place = bench.place(system, workload, rows)
    first = bench.run(system, place, lambda: bench.seen()["calls"] >= at)
    if not first.failure:
        raise click.ClickException(f"{system.name} ended before it could be killed at {at} calls")
    before = first.seen["calls"]
    again = bench.run(system, place)
    return Killed(before, before + again.seen["calls"], again)


def rows_of(bench: Bench, system: System, workload: str, rows: int, shares: tuple[float, ...]) -> list[list[str]]:
    """The lines of a system."""
    whole = bench.run(system, bench.place(system, workload, rows))
    if whole.failure:
        return [[system.name, f"{rows:,}", *["–"] * 4, whole.failure]]
    needed, lines = whole.seen["calls"], []
    for share in shares:
        killed = kill(bench, system, workload, rows, int(share * needed))
        click.echo(f"{system.name}, killed at {killed.at}: {killed.made} made", err=True)
        remark = killed.again.failure or system.remark
        figures = (rows, needed, killed.at, killed.made, killed.made - needed)
        lines.append([f"{system.name} ({workload.upper()})", *(f"{figure:,}" for figure in figures), remark])
    return lines


@click.command()
@click.option("--rows", default=1000, show_default=True, help="a multiple of 5")
@click.option("--at", "shares", type=float, multiple=True, default=[0.5], show_default=True, help="share of the calls")
@click.option("--only", multiple=True, metavar="WORD", help="systems with that word in their name")
@WRITE
def main(rows: int, shares: tuple[float, ...], only: tuple[str, ...], write: Path | None) -> None:
    """Kill, go on, count."""
    load = os.getloadavg()[0]

    def lines_of(bench: Bench, system: System, workload: str) -> list[list[str]]:
        return rows_of(bench, system, workload, rows, shares)

    lines, peers = each_of(SYSTEMS, only, len(COLUMNS), lines_of)
    notes = [
        f"the same command again after kill -9 of all its processes; {CONCURRENCY} calls are under way at any time"
    ]
    publish(Result("kill", "Kill -9 midway, and again", COLUMNS, lines, notes, peers), write, load)


if __name__ == "__main__":
    main()
