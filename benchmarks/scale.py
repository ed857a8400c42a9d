"""How a run grows with its tickets: time, statements, and the memory of client and engine.

    .venv/bin/python benchmarks/scale.py [--tickets 1000,10000,100000] [--write docs/benchmarks.md]

The sample experiment with so many tickets, on the local engine as a process of its own, with simulated models that
answer at once. The steps are called as functions, each size in a fresh client and a fresh folder. `steps as functions`
are those of benchmarks/prefect_cost.py. Statements are what the client sends: on an account each of them waits for the
network and a compilation, so they are what a plan for a million tickets counts.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.beside.page import WRITE, Result, publish

CONFIG = "configs/support_tickets.yaml"
CATEGORIES = 5
# FINETUNE takes 150,000 rows at one epoch, and nine arms are asked about each validation row.
CHANGES = {"fine_tune.max_epochs": 1, "split": {"train": 0.98, "validation": 0.02}}
MIB = 1024
COLUMNS = ("tickets", "written", "calls", "statements", "s", "ms a call", "client MiB", "engine MiB")


def one_size(tickets: int) -> None:
    """In a process of its own: run, and print what it took as JSON."""
    from prefect_cost import as_functions

    from cortex_distill import session as door
    from cortex_distill.local.service import client
    from cortex_distill.sql import Sql

    opened = door.open_session("local")  # the engine starts before the clock does
    changes = {"generate.per_category": tickets // CATEGORIES, **CHANGES}
    started = time.perf_counter()
    as_functions(CONFIG, changes)
    seconds = time.perf_counter() - started
    history = "SELECT COUNT(*) FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000))"
    statements = int(door.execute(opened, Sql(history))[0][0])
    counted = "SELECT (SELECT COUNT(*) FROM COMPLETIONS), (SELECT COUNT(*) FROM TICKETS)"
    calls, rows = map(int, door.execute(opened, Sql(counted))[0])
    status = client.ask(client.find_or_start(door.local_folder(), door.local_models()), "status")
    peak = Path(f"/proc/{status['pid']}/status").read_text().split("VmHWM:")[1].split()[0]
    opened.close()
    client.stop(door.local_folder(), 60)
    mine = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    click.echo(json.dumps([tickets, rows, calls, statements, seconds, mine / MIB, int(peak) / MIB]))


@click.command()
@click.option("--tickets", default="1000,10000,100000", show_default=True)
@click.option("--one", type=int, hidden=True)
@WRITE
def main(tickets: str, one: int | None, write: Path | None) -> None:
    """Measure each size and print the table."""
    if one is not None:
        one_size(one)
        return
    lines, load = [], os.getloadavg()[0]
    for size in map(int, tickets.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"DISTILL_HOME": folder, "DISTILL_MODELS": "simulated", "PREFECT_HOME": folder}
            command = [sys.executable, __file__, "--one", str(size)]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise click.ClickException(done.stderr[-3000:])
            asked, rows, calls, statements, seconds, client, engine = json.loads(done.stdout.splitlines()[-1])
        figures = (f"{asked:,}", f"{rows:,}", f"{calls:,}", f"{statements:,}", f"{seconds:,.0f}")
        lines.append([*figures, f"{1000 * seconds / calls:.2f}", f"{client:.0f}", f"{engine:.0f}"])
    notes = [f"{CONFIG}, one ticket a call, simulated models that answer at once; memory: the peak of each process"]
    publish(Result("scale", "How a run grows", COLUMNS, lines, notes), write, load)


if __name__ == "__main__":
    main()
