"""This product and its peers on the same rows against the same stub: time, CPU, memory, calls.

    sh benchmarks/peers_install.sh
    .venv/bin/python benchmarks/peers.py --workload w3                          # some two minutes a round
    .venv/bin/python benchmarks/peers.py --workload w1 --rounds 3 --write docs/benchmarks.md

The stub (benchmarks/beside/stub.py) speaks OpenAI's chat API, takes 50 ms a reply and counts. 32 calls at once for all.
A round runs every system once, in a new folder, and the floor with them: a bare aiohttp client. Wall time is from the
start of a process to its end; the serving window from the first call's arrival to the last reply, which leaves out
starting up and writing results; ideal is calls × 50 ms / 32. CPU and memory are those of all processes that a system
starts. Of several rounds the least counts, since a busy machine only adds; a ratio to the floor is of one round.
"""

from __future__ import annotations

import os
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.beside.bench import Bench, Measured, opened
from benchmarks.beside.page import WRITE, Result, publish
from benchmarks.beside.systems import ALL, DATA_DESIGNER_100, FLOOR, System, needs_server, skipped
from benchmarks.beside.texts import CALLS_A_ROW, CONCURRENCY, LATENCY, ideal

USUAL = 1000  # rows; of another number the page has tables of their own
COLUMNS = (
    "system", "wall s", "median", "window s", "× ideal", "× floor", "calls/s", "CPU s", "CPU ms/call", "peak MiB",
    "calls", "repeats", "at once", "remark",
)  # fmt: skip


def chosen(only: tuple[str, ...]) -> list[System]:
    """The systems whose names contain one of these words; without a word all. The floor is always among them."""
    usual = [
        system for system in ALL if system is not DATA_DESIGNER_100
    ]  # in one round, groups make no difference to tell
    if unknown := [word for word in only if not any(word.lower() in system.name.lower() for system in ALL)]:
        raise click.BadParameter(f"{', '.join(unknown)}: names are {'; '.join(system.name for system in ALL)}")
    picked = [one for one in usual if one is FLOOR or any(word.lower() in one.name.lower() for word in only)]
    return picked if only else usual


def rounds_of(bench: Bench, systems: list[System], workload: str, rows: int, rounds: int) -> list[list[Measured]]:
    """Each round's runs."""
    measured = []
    for number in range(1, rounds + 1):
        measured.append([])
        for system in systems:
            measured[-1].append(one := bench.run(system, bench.place(system, workload, rows)))
            click.echo(f"round {number}: {system.name}: {one.failure or f'{one.spent.wall:.1f} s'}", err=True)
    return measured


def row_of(runs: list[Measured], floors: list[Measured]) -> list[str]:
    """One line of the table, of a system's runs and the floor's of the same rounds."""
    system, good = runs[0].system, [one for one in runs if not one.failure]
    if not good:
        return [system.name, *["–"] * (len(COLUMNS) - 2), runs[0].failure]
    walls = [one.spent.wall for one in good]
    pairs = [(one, floor) for one, floor in zip(runs, floors, strict=True) if not one.failure and not floor.failure]
    best = min(good, key=lambda one: one.seen["window"])
    window, calls = best.seen["window"], best.seen["calls"]
    ratio = statistics.median(one.seen["window"] / floor.seen["window"] for one, floor in pairs) if pairs else 0.0
    cpu = min(one.cpu for one in good)
    failures = [one.failure for one in runs if one.failure]
    return [
        system.name,
        f"{min(walls):.2f}",
        f"{statistics.median(walls):.2f}",
        f"{window:.2f}",
        f"{window / ideal(calls):.2f}",
        f"{ratio:.2f}" if pairs else "–",
        f"{calls / window:.0f}",
        f"{cpu:.1f}",
        f"{1000 * cpu / calls:.2f}",
        f"{max(one.spent.peak for one in good):.0f}",
        f"{calls:,}",
        f"{max(one.seen['repeats'] for one in good):,}",
        str(max(one.seen["peak"] for one in good)),
        f"{len(failures)} of {len(runs)} rounds failed: {failures[0]}" if failures else system.remark,
    ]


def result_of(measured: list[list[Measured]], skips: dict[str, str], workload: str, rows: int) -> Result:
    """The table of all rounds."""
    runs = defaultdict(list)
    for one in (one for each in measured for one in each):
        runs[one.system.name].append(one)
    lines = [row_of(each, runs[FLOOR.name]) for each in runs.values()]
    lines += [[name, *["–"] * (len(COLUMNS) - 2), f"skipped: {why}"] for name, why in skips.items()]
    calls, count = rows * CALLS_A_ROW[workload], len(measured)
    title = f"{workload.upper()}: {rows:,} rows, {calls:,} calls, ideal {ideal(calls):.2f} s"
    rounds = "1 round" if count == 1 else f"the least of {count} rounds (× floor: the median)"
    notes = [f"{rounds}; stub {1000 * LATENCY:.0f} ms a reply, {CONCURRENCY} calls at once; × ideal by the calls made"]
    notes += [_split(each) for name, each in runs.items() if name.startswith("cortex-distill") and not each[0].failure]
    versions = dict.fromkeys(
        f"{each[0].system.name.partition(',')[0]} {each[0].system.version()}" for each in runs.values()
    )
    mark = workload if rows == USUAL else f"{workload}_{rows}"
    return Result(
        mark, title, COLUMNS, lines, notes, [one for one in versions if "distill" not in one and "floor" not in one]
    )


def _split(runs: list[Measured]) -> str:
    """Whose CPU it is."""
    best = min(runs, key=lambda one: one.cpu)
    client, engine = best.spent.cpu, best.spent.cpu_behind
    return f"{best.system.name}: {client:.1f} s of CPU in its own process, {engine:.1f} s in the engine that it started"


@click.command()
@click.option("--workload", type=click.Choice(["w1", "w3"]), default="w3", show_default=True)
@click.option("--rows", default=USUAL, show_default=True, help="a multiple of 5")
@click.option("--rounds", default=1, show_default=True)
@click.option("--only", multiple=True, metavar="WORD", help="systems with that word in their name, beside the floor")
@WRITE
def main(workload: str, rows: int, rounds: int, only: tuple[str, ...], write: Path | None) -> None:
    """Measure, and print the table."""
    load, systems = os.getloadavg()[0], chosen(only)
    skips = {one.name: why for one in systems if (why := skipped(one, workload))}
    systems = [one for one in systems if one.name not in skips]
    with opened(with_prefect=any(map(needs_server, systems))) as bench:
        measured = rounds_of(bench, systems, workload, rows, rounds)
    publish(result_of(measured, skips, workload, rows), write, load)
    if all(one.failure for each in measured for one in each):
        sys.exit(1)


if __name__ == "__main__":
    main()
