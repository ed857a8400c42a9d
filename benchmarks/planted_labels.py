"""How many wrong labels the judge finds, the vote finds, and both: precision and recall on labels that were planted.

    .venv/bin/python benchmarks/planted_labels.py                            # the model of `make demo`
    DISTILL_MODELS=simulated .venv/bin/python benchmarks/planted_labels.py   # seconds; shows the machinery, no model
    .venv/bin/python benchmarks/planted_labels.py --file MINE.yaml --rows MINE.csv --also MODEL

Labelled requests become tickets. One in `--every` of each category stands under the next category of the file, as if
the teacher had written a ticket of the neighbour: that is known before anybody is asked, and nobody who is measured is
told. Then the product's own steps judge and vote. Caught: a ticket under a wrong label that was dropped.
A vote on its own is asked about every ticket; in a run it is asked only about what the judge kept.
Precision goes down where wrong labels are rarer than planted; recall and the share of right ones lost do not.
"""

from __future__ import annotations

import csv
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import click
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from cortex_distill.errors import StepError
from cortex_distill.load import load_experiment
from cortex_distill.metrics import figure, wilson_interval
from cortex_distill.run import Run
from cortex_distill.session import open_session
from cortex_distill.upload import upload
from tasks.judge import judge_tickets
from tasks.prepare import prepare_tables
from tasks.vote import vote_on_tickets

FILE = Path("configs/support_tickets.yaml")
COLUMNS = ["run_id", "ticket_id", "category", "scenario", "request", "source_key", "kept"]


class Filtered(NamedTuple):
    """What a filter made of the planted tickets."""

    name: str
    right: int  # tickets under their own category
    wrong: int  # under the neighbour's
    caught: int  # wrong ones that were dropped
    lost: int  # right ones that were dropped
    unread: int  # replies that could not be used

    @property
    def dropped(self) -> int:
        """Tickets that the filter dropped."""
        return self.caught + self.lost


def plant(
    rows: list[tuple[str, str]], categories: list[str], tickets: int, every: int = 2
) -> Iterator[tuple[str, str, str]]:
    """request, label, category: as many tickets of each category as can be, one in `every` of them under a wrong label.

    A hash of the request decides, so that the same rows give the same tickets everywhere.
    """
    per_category = tickets // len(categories)
    for place, category in enumerate(categories):
        mine = sorted((request for request, own in rows if own == category), key=_hash)[:per_category]
        neighbour = categories[(place + 1) % len(categories)]
        yield from ((r, category if n % every else neighbour, category) for n, r in enumerate(mine, start=1))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def measure(session: Any, file: Path, changes: dict[str, Any], planted: list[tuple[str, str, str]]) -> list[Filtered]:
    """Each filter on a run of its own; the ledger answers what the one before has asked already."""
    found = []
    judges = len(load_experiment(file, changes).config.judges)
    judge = "judge" if judges == 1 else f"{judges} judges"
    for name, steps in ((judge, "j"), ("vote", "v"), (f"{judge}, then vote", "jv")):
        run = Run(session, str(uuid4()), load_experiment(file, changes), "local")
        prepare_tables.fn(run)
        rows = [(run.id, _hash(r + label), label, "", r, own, True) for r, label, own in planted]
        upload(session, "TICKETS", COLUMNS, rows)
        unread = 0
        with suppress(StepError):  # nothing is kept: that is a figure, too
            if "j" in steps:
                unread += judge_tickets.fn(run).unreadable
            if "v" in steps:
                unread += vote_on_tickets.fn(run).unreadable
        counts = run.sql(
            """SELECT COUNT(source_key = category OR NULL), COUNT(source_key <> category OR NULL),
                COUNT(source_key <> category AND NOT kept OR NULL), COUNT(source_key = category AND NOT kept OR NULL)
            FROM TICKETS WHERE run_id = ?""",
            run.id,
        )[0]
        found.append(Filtered(name, *map(int, counts), unread))
    return found


def shown(found: list[Filtered], title: str) -> Table:
    """Precision and recall with Wilson intervals and what they are shares of."""
    table = Table("filter", title=title, box=None, title_justify="left")
    for name in ("tickets", "wrong", "dropped", "precision (95 %)", "recall (95 %)", "right ones lost", "unread"):
        table.add_column(name, justify="right")
    for one in found:
        shares = (share(one.caught, one.dropped), share(one.caught, one.wrong), share(one.lost, one.right))
        numbers = (one.right + one.wrong, one.wrong, one.dropped)
        table.add_row(one.name, *map(str, numbers), *shares, str(one.unread))
    return table


def share(part: int, of: int) -> str:
    """`0.73 (0.64–0.81)`, or a dash where there is nothing to take a share of."""
    return figure(part / of, *wilson_interval(part, of)) if of else "–"


@click.command()
@click.option("--file", type=click.Path(path_type=Path), default=FILE, show_default=True)
@click.option("--rows", type=click.Path(path_type=Path), help="CSV with request and category; default: the holdout")
@click.option("--tickets", default=100, show_default=True)
@click.option("--every", default=2, show_default=True, help="one in so many stands under a wrong label")
@click.option("--voter", default="claude-haiku-4-5", show_default=True, help="vote.model, where the file has no vote")
@click.option("--prompt", default="with_definitions", show_default=True, help="variant that becomes vote.prompt")
@click.option("--also", multiple=True, help="a further judge; may be repeated")
def main(
    file: Path, rows: Path | None, tickets: int, every: int, voter: str, prompt: str, also: tuple[str, ...]
) -> None:
    """Plant, judge, vote, and print the table."""
    config = load_experiment(file).config
    changes: dict[str, Any] = {"judge.also": list(also)} if also else {}
    if config.vote is None:
        changes["vote"] = {"model": voter, "prompt": config.prompts[prompt]}
    if rows is None:
        if config.holdout is None or config.holdout.file is None:
            raise click.UsageError(f"{file} has no holdout file; name labelled rows by --rows")
        rows = file.parent / config.holdout.file
    with rows.open(encoding="utf-8-sig", newline="") as text:
        labelled = [(row["request"], row["category"]) for row in csv.DictReader(text)]
    planted = list(plant(labelled, list(config.categories), tickets, every))
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DISTILL_HOME": folder, "DISTILL_IN_PROCESS": "1"}
        session = open_session("local")
        try:
            found = measure(session, file, changes, planted)
            asked = "SELECT DISTINCT step, model, answer:value:model::STRING FROM COMPLETIONS ORDER BY 1, 2"
            who = session.sql(asked).collect()
        finally:
            session.close()
    console = Console(width=120)
    console.print(shown(found, f"{len(planted)} tickets of {rows.name}, one in {every} under the next category"))
    for step, model, name in who:
        console.print(f"{step}: {model}, answered by {name}" if name else f"{step}: {model}, calls that failed")


if __name__ == "__main__":
    main()
