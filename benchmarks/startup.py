"""How long `validate` and `plan` take beside a bare Python and beside loading Snowflake's client.

    .venv/bin/python benchmarks/startup.py [--rounds 9] [--write docs/benchmarks.md]

Every round starts each of them once, in processes of their own. Ratios are to the bare Python of the same round, of
which the median counts; seconds are the least. The engine is up for `plan`, which asks it what is answered already.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.beside.page import WRITE, Result, publish

ROOT = Path(__file__).parents[1]
FILE = "configs/support_tickets.yaml"
BARE = "python -c pass"
COMMANDS = {
    BARE: ["-c", "pass"],
    "import snowflake.snowpark": ["-c", "import snowflake.snowpark"],
    f"distill validate {FILE}": ["-m", "flows", "validate", FILE],
    "distill validate configs/*.yaml": [
        "-m",
        "flows",
        "validate",
        *sorted(map(str, (ROOT / "configs").glob("*.yaml"))),
    ],
    f"distill plan {FILE}": ["-m", "flows", "plan", FILE],
}
COLUMNS = ("what", "least s", "median s", "× python -c pass", "least CPU s")


def timed(arguments: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds, and seconds of CPU. Raises CalledProcessError if it fails."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(rounds: int, environment: dict[str, str]) -> list[list[str]]:
    """The lines of the table."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, arguments in COMMANDS.items():
            spent[name].append(timed(arguments, environment))
    lines = []
    for name, each in spent.items():
        walls, cpus = zip(*each, strict=True)
        ratio = statistics.median(wall / bare[0] for wall, bare in zip(walls, spent[BARE], strict=True))
        figures = (min(walls), statistics.median(walls), ratio, min(cpus))
        lines.append([name, *(f"{figure:.2f}" for figure in figures)])
    return lines


@click.command()
@click.option("--rounds", default=9, show_default=True)
@WRITE
def main(rounds: int, write: Path | None) -> None:
    """Measure, and print the table."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"DISTILL_HOME": folder, "DISTILL_MODELS": "simulated", "PYTHONPATH": str(ROOT)}
        timed(["-m", "flows", "engine", "start"], environment)
        try:
            for arguments in COMMANDS.values():
                timed(arguments, environment)  # what is written once, such as bytecode, is written now
            lines = measure(rounds, environment)
        finally:
            timed(["-m", "flows", "engine", "stop"], environment)
    publish(Result("startup", "Start-up", COLUMNS, lines, [f"{rounds} rounds; the engine is up"]), write, load)


if __name__ == "__main__":
    main()
