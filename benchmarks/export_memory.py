"""Whether `distill export` holds a page of rows, whatever the run: peak memory and time from 1,000 to 100,000 tickets.

    .venv/bin/python benchmarks/export_memory.py [--tickets 1000,10000,100000]

Tickets of some 300 characters are made inside the local engine, a process of its own; each export is a fresh client.
`start` is what the client had used before its first row: Python, the connector, Snowpark.
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
from rich.console import Console
from rich.table import Table

MIB = 1024
CONFIG = {
    "name": "made",
    "categories": {"category 0": "", "category 1": "", "category 2": ""},
    "models": {"teacher": "m"},
}


def fill(tickets: int) -> None:
    """A run with so many tickets, and a figure that makes it a run."""
    from cortex_distill.session import execute, open_session
    from cortex_distill.sql import Sql
    from cortex_distill.tables import complete_sql

    session = open_session("local")
    for statement in complete_sql():
        execute(session, Sql(statement))
    run_id = f"run-{tickets}"
    execute(
        session,
        Sql(
            """INSERT INTO TICKETS (run_id, ticket_id, category, scenario, request, attributes, kept, split, rating)
            SELECT ?, 'ticket-' || n, 'category ' || MOD(n, 3), 'a scenario of number ' || n, REPEAT('words ' || n, 24),
                PARSE_JSON('{"tone": "calm"}'), TRUE, IFF(MOD(n, 5) = 0, 'validation', 'train'),
                PARSE_JSON('{"valid": 5}')
            FROM (SELECT ROW_NUMBER() OVER (ORDER BY SEQ4()) AS n FROM TABLE(GENERATOR(ROWCOUNT => """
            + str(tickets)
            + ")))",
            (run_id,),
        ),
    )
    execute(
        session,
        Sql(
            """INSERT INTO EXPERIMENTS (run_id, experiment, engine, config_hash, config, role, model, variant,
                served_by, evaluation_set, n, correct, accuracy, accuracy_low, accuracy_high, macro_f1, created_at)
            SELECT ?, 'made', 'local', 'none', PARSE_JSON(?), 'teacher', 'm', 'a', 'simulated:m', 'validation', 10, 5,
                0.5, 0.2, 0.8, 0.5, CURRENT_TIMESTAMP()::TIMESTAMP_NTZ""",
            (run_id, json.dumps(CONFIG)),
        ),
    )
    session.close()


def one(run_id: str, form: str, folder: str) -> None:
    """In a process of its own: export, and print what it took as JSON."""
    from cortex_distill.session import open_session
    from flows.export import export_run

    session = open_session("local")
    session.sql("SELECT 1").collect()
    began, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB, time.perf_counter()
    out, files = export_run(session, "local", run_id, form, Path(folder))
    seconds, peak = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / MIB / MIB
    session.close()
    click.echo(json.dumps([sum(files.rows.values()), began, peak, seconds, size]))


@click.command()
@click.option("--tickets", default="1000,10000,100000", show_default=True)
@click.option("--formats", default="jsonl,csv,parquet", show_default=True)
@click.option("--one", "single", nargs=3, hidden=True)
def main(tickets: str, formats: str, single: tuple[str, str, str] | None) -> None:
    """Measure each size and format, and print the table."""
    if single:
        one(*single)
        return
    table = Table(title=f"distill export, load {os.getloadavg()[0]:.1f}")
    for name in ("format", "rows", "start MiB", "peak MiB", "s", "file MiB"):
        table.add_column(name, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update({"DISTILL_HOME": folder, "DISTILL_MODELS": "simulated", "PREFECT_HOME": folder})
        from cortex_distill import session as door
        from cortex_distill.local.service import client

        for size in map(int, tickets.split(",")):
            fill(size)
        for form in formats.split(","):
            for size in map(int, tickets.split(",")):
                command = [sys.executable, __file__, "--one", f"run-{size}", form, f"{folder}/{form}-{size}"]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise click.ClickException(done.stderr[-3000:])
                rows, began, peak, seconds, written = json.loads(done.stdout.splitlines()[-1])
                table.add_row(form, f"{rows:,}", f"{began:.0f}", f"{peak:.0f}", f"{seconds:.1f}", f"{written:.1f}")
        client.stop(door.local_folder(), 60)
    Console().print(table)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
