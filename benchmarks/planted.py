"""What is planted among tickets, and how much of it is found: precision and recall by kind of change.

    .venv/bin/python benchmarks/planted.py [--only repeats] [--tickets 130]

The tickets are the project's own: 100 written requests and 30 examples of the sample experiment. Copies of them, each
with one kind of change, are planted; then the step looks for them on the local engine. Precision: of those found, the
share that was planted and has its own source as twin. Recall: of those planted, the share found. Both with the 95 %
interval of Wilson. `never across shares`: found, or kept with its source in one share.
Whoever plants something else adds a function to PLANTS.
"""

from __future__ import annotations

import csv
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import click
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "configs" / "support_tickets.yaml"
WRITTEN = ROOT / "configs" / "holdouts" / "support_tickets.csv"
EXAMPLES = ROOT / "configs" / "examples" / "support_tickets.jsonl"
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from cortex_distill.load import load_experiment  # noqa: E402
from cortex_distill.metrics import figure, wilson_interval  # noqa: E402
from cortex_distill.run import Run  # noqa: E402
from cortex_distill.session import open_session  # noqa: E402
from cortex_distill.upload import upload  # noqa: E402
from tasks.deduplicate import deduplicate_tickets  # noqa: E402
from tasks.leaks import drop_holdout  # noqa: E402
from tasks.prepare import prepare_tables  # noqa: E402
from tasks.together import group_tickets  # noqa: E402

if TYPE_CHECKING:
    from cortex_distill.session import Session

Labelled = tuple[str, str]  # category, request
Change = Callable[[random.Random, str], str]


class Line(NamedTuple):
    """What came of one kind."""

    what: str
    kind: str
    planted: int
    found: int  # everything that was marked
    right: int  # of these, planted, and with the right twin
    beside: int | None = None  # planted that were found or stay in one share with their source

    def cells(self) -> list[str]:
        """As a row of the table."""
        shares = [(self.right, self.found), (self.right, self.planted), (self.beside, self.planted)]
        return [self.what, self.kind, str(self.planted), str(self.found), *(_share(*pair) for pair in shares)]


def _share(right: int | None, of: int) -> str:
    return "–" if right is None or not of else f"{figure(right / of, *wilson_interval(right, of))}, n = {of}"


def own_tickets() -> list[Labelled]:
    """100 written requests and 30 examples, each with its category."""
    with WRITTEN.open(encoding="utf-8", newline="") as file:
        rows = [(row["category"], row["request"]) for row in csv.DictReader(file)]
    lines = EXAMPLES.read_text(encoding="utf-8").splitlines()
    return rows + [(row["category"], row["request"]) for row in map(json.loads, filter(None, lines))]


def _marks(chance: random.Random, text: str) -> str:
    return f"  {chance.choice([text.upper(), text.lower()]).replace(' ', '  ')}!!"


def _inner(chance: random.Random, text: str) -> str:
    words = text.split()
    words[chance.randrange(len(words) - 1)] += " –"
    return " ".join(words).replace(",", "")


def _changed(chance: random.Random, text: str) -> str:
    words = text.split()
    words[chance.randrange(len(words))] = "otherwise"
    return " ".join(words)


def _swapped(chance: random.Random, text: str) -> str:
    words = text.split()
    at = chance.randrange(len(words) - 1)
    words[at], words[at + 1] = words[at + 1], words[at]
    return " ".join(words)


CHANGES: Mapping[str, Change] = {
    "nothing": lambda _, text: text,
    "case, blanks, marks at the ends": _marks,
    "marks inside": _inner,
    "one word changed": _changed,
    "two words swapped": _swapped,
    "a sentence added": lambda chance, text: f"{text} {chance.choice(['Please help.', 'Thanks for your time.'])}",
}


def repeats(session: Session, tickets: Sequence[Labelled], kinds: Sequence[str]) -> Iterator[Line]:
    """A changed copy of each ticket, all in one run."""
    for kind in kinds:
        run, chance = _run(session), random.Random(kind)
        rows = [("a", place, *ticket) for place, ticket in enumerate(tickets)]
        rows += [("z", place, label, CHANGES[kind](chance, text)) for place, (label, text) in enumerate(tickets)]
        _put(run, rows)
        deduplicate_tickets.fn(run)
        marked = run.sql("SELECT ticket_id, duplicate_of FROM TICKETS WHERE run_id = ? AND NOT kept", run.id)
        right = {own for own, twin in marked if own[0] == "z" and own[1:] == twin[1:]}
        run.sql("UPDATE TICKETS SET kept = duplicate_of IS NULL WHERE run_id = ?", run.id)
        group_tickets(run)
        grouped = dict(run.sql("SELECT ticket_id, together FROM TICKETS WHERE run_id = ? AND kept", run.id))
        copies = [name for name in grouped if name[0] == "z"]
        near = [name for name in copies if grouped[name] and grouped[name] == grouped.get(f"a{name[1:]}")]
        yield Line("repeat", kind, len(tickets), len(marked), len(right), len(right) + len(near))


def leaks(session: Session, tickets: Sequence[Labelled], kinds: Sequence[str]) -> Iterator[Line]:
    """Every other ticket is the holdout; changed copies of it stand among the rest."""
    for kind in kinds:
        run, chance = _run(session), random.Random(kind)
        held, rest = tickets[::2], tickets[1::2]
        run.sql("DELETE FROM HOLDOUT WHERE run_id = ?", run.id)
        rows = [(run.id, f"{place:06d}", *ticket) for place, ticket in enumerate(held)]
        upload(session, "HOLDOUT", ["run_id", "row_key", "category", "request"], rows)
        planted = [("z", place, label, CHANGES[kind](chance, text)) for place, (label, text) in enumerate(held)]
        _put(run, [*(("a", place, *ticket) for place, ticket in enumerate(rest)), *planted])
        run.sql("UPDATE TICKETS SET kept = TRUE WHERE run_id = ?", run.id)
        drop_holdout(run)
        marked = run.sql("SELECT ticket_id, dropped_because FROM TICKETS WHERE run_id = ? AND NOT kept", run.id)
        right = sum(own[0] == "z" and why.endswith(f" {own[1:]}") for own, why in marked)
        yield Line("leak", kind, len(held), len(marked), right)


PLANTS: Mapping[str, Callable[..., Iterator[Line]]] = {  # session, tickets, kinds
    "repeats": repeats,
    "leaks": leaks,
}


def _run(session: Session) -> Run:
    run = Run(session, str(uuid4()), load_experiment(str(CONFIG)), "local")
    prepare_tables.fn(run)
    return run


def _put(run: Run, rows: Sequence[tuple[str, int, str, str]]) -> None:
    named = [(run.id, f"{side}{place:06d}", label, text) for side, place, label, text in rows]
    upload(run.session, "TICKETS", ["run_id", "ticket_id", "category", "request"], named)


@click.command()
@click.option("--only", type=click.Choice(list(PLANTS)), help="one of the plants; all by default")
@click.option("--tickets", default=130, show_default=True, help="of the project's own")
def main(only: str | None, tickets: int) -> None:
    """Plant, look, print."""
    names = ("what", "change", "planted", "found", "precision", "recall", "never across shares")
    table = Table(*names, title=f"Planted among the project's own tickets, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DISTILL_IN_PROCESS": "1", "DISTILL_MODELS": "simulated"}
        session = open_session("local", home=Path(folder))
        for name, plant in PLANTS.items():
            for line in plant(session, own_tickets()[:tickets], list(CHANGES)) if only in (None, name) else ():
                table.add_row(*line.cells())
        session.close()
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
