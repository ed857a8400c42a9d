"""Whether quotas are met when the teacher misbehaves, in how many rounds, and for how many tickets and calls more.

    .venv/bin/python benchmarks/quota.py [--per-category 25] [--rounds 3]

The sample experiment on the local engine with simulated models: 5 calls of 5 tickets for each of 5 categories. Its
teacher writes neighbours' tickets and thin ones as well, which the judge drops. `asked` and `calls` of the teacher are
of all rounds; `least kept` is the emptiest category; `1 round` is what the same file keeps without refills. A category
that keeps less than 1 in `rounds` of what it is asked for cannot be filled. Below the table stands where tickets of a
teacher with one sentence were lost, as the report and the terminal say it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
from rich.console import Console
from rich.table import Table

CONFIG = Path(__file__).parents[1] / "configs" / "support_tickets.yaml"
PROMPT = (
    'Write {{ count }} messages to a phone company as a JSON list, each with "scenario" and "request", of the'
    " category: {{ category }} ({{ definition }}). Examples: {{ examples | tojson }}"
)
FAULTS = {
    "none": "",
    "few rows": "too_few=0.5",
    "repeats": "duplicates=0.5",
    "broken JSON": "broken_json=0.3,truncated_json=0.2",
    "no reply": "refusal=0.2,empty=0.1",
    "neighbours' tickets": "neighbours=0.3",
    "all of them": "too_few=0.3,duplicates=0.3,broken_json=0.15,truncated_json=0.1,refusal=0.1,empty=0.05",
    "one sentence": "one_sentence=1",
}


def filled(knobs: str, changes: dict[str, Any]) -> tuple[Any, Any, float]:
    """Quotas, what was generated in all rounds, seconds; on an engine of its own."""
    from cortex_distill.load import load_experiment
    from cortex_distill.run import Run
    from cortex_distill.session import open_session
    from tasks.deduplicate import deduplicate_tickets
    from tasks.generate import all_generated, generate_tickets
    from tasks.judge import judge_tickets
    from tasks.prepare import prepare_tables
    from tasks.quota import quotas_found, rounds

    with tempfile.TemporaryDirectory() as folder:
        os.environ["DISTILL_MODELS"] = f"simulated:{knobs}" if knobs else "simulated"
        session = open_session("local", home=Path(folder))
        try:
            run = Run(session, str(uuid4()), load_experiment(CONFIG, changes), "local")
            prepare_tables.fn(run)
            started, generated = time.perf_counter(), []
            for now in rounds(run):
                generated.append(generate_tickets.fn(run, now))
                deduplicate_tickets.fn(run, now)
                judge_tickets.fn(run, now)
            made = all_generated(generated)
            return quotas_found(run, made), made, time.perf_counter() - started
        finally:
            session.close()


@click.command()
@click.option("--per-category", default=25, show_default=True)
@click.option("--rounds", default=3, show_default=True, help="generate.rounds")
def main(per_category: int, rounds: int) -> None:
    """Run every fault, print, and fail if a category stays short although more could have been asked for."""
    from flows.terminal import quota_table

    changes = {
        "generate.per_category": per_category, "generate.per_call": 5, "generate.prompt": PROMPT,
        "generate.max_tokens": 4096, "generate.structured_output": False, "judge.structured_output": False,
    }  # fmt: skip
    table = Table(title=f"{CONFIG.name}: {per_category} kept tickets for each of 5 categories, at most {rounds} rounds")
    for name in ("teacher's fault", "asked", "calls", "rounds", "least kept", "short", "1 round: least", "short", "s"):
        table.add_column(name, justify="left" if name.startswith("teacher") else "right")
    unmet = False
    for name, knobs in FAULTS.items():
        quotas, made, seconds = filled(knobs, {**changes, "generate.rounds": rounds})
        once, _, _ = filled(knobs, {**changes, "generate.rounds": 1})
        least, least_once = (min(one.kept for one in found.rows) for found in (quotas, once))
        numbers = (made.asked, made.calls.rows, quotas.rounds, least, len(quotas.short), least_once, len(once.short))
        table.add_row(name, *map(str, numbers), f"{seconds:.1f}")
        unmet |= any(one.asked < rounds * per_category for one in quotas.short)
    console = Console(width=120)
    console.print(table)
    console.print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    console.print(quota_table(quotas))
    if unmet:
        sys.exit(1)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    os.environ["DISTILL_IN_PROCESS"] = "1"
    main()
