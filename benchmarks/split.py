"""The split of a large table: the same on the local engine and in plain Python, and how far it is from the shares.

    .venv/bin/python benchmarks/split.py [--tickets 100000]

Once with every ticket by itself: each category must be within one ticket of 0.8, 0.1 and 0.1. Once with groups of up
to five that must stay together. Ends with 1 where the engine and Python differ, or a share is missed.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
ASKED = {"train": 0.8, "validation": 0.1, "test": 0.1}
FILL = """INSERT INTO TICKETS (run_id, ticket_id, category, request, kept, together)
    SELECT 'r', 'ticket ' || n, 'category ' || MOD(n, 7), 'Request ' || n || ' of ' || SHA2(n::STRING, 256), TRUE,
        IFF({grouped} AND MOD(FLOOR(n / 35), 3) = 0, 'group ' || FLOOR(n / 35) || '-' || MOD(n, 7), NULL)
    FROM (SELECT ROW_NUMBER() OVER (ORDER BY SEQ4()) AS n FROM TABLE(GENERATOR(ROWCOUNT => {tickets})))"""


@click.command()
@click.option("--tickets", default=100_000, show_default=True)
def main(tickets: int) -> None:
    """Split twice, compare, print."""
    from cortex_distill.config import Split
    from cortex_distill.session import execute, open_session
    from cortex_distill.splitting import Ticket, split
    from cortex_distill.sql import Sql
    from cortex_distill.tables import create_sql
    from tasks.split import split_sql

    table = Table("tickets", "groups", "engine s", "Python s", "differ", "furthest from a share", "groups split")
    bad = False
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DISTILL_IN_PROCESS": "1", "DISTILL_MODELS": "simulated"}
        session = open_session("local", home=Path(folder))
        execute(session, Sql(create_sql("TICKETS")))
        for grouped in (False, True):
            execute(session, Sql("DELETE FROM TICKETS"))
            execute(session, Sql(FILL.format(grouped=grouped, tickets=tickets)))
            started = time.perf_counter()
            for statement in split_sql("r", Split(**ASKED)):
                execute(session, statement)
            engine = time.perf_counter() - started
            rows = execute(session, Sql("SELECT ticket_id, category, request, together, split FROM TICKETS"))
            started = time.perf_counter()
            shares = split((Ticket(*row[:4]) for row in rows), *ASKED.values())
            python = time.perf_counter() - started
            differ = sum(shares[row[0]] != row[4] for row in rows)
            counts, sizes = Counter((row[1], row[4]) for row in rows), Counter(row[1] for row in rows)
            off = max(abs(counts[label, name] - n * part) for label, n in sizes.items() for name, part in ASKED.items())
            torn = Counter(name for name, _ in {(row[3], row[4]) for row in rows if row[3]})
            split_groups = sum(count > 1 for count in torn.values())
            bad |= bool(differ or split_groups or (off > 1 and not grouped))
            table.add_row(f"{len(rows):,}", f"{len(torn):,}", f"{engine:.2f}", f"{python:.2f}", str(differ),
                          f"{off:.2f}", str(split_groups))  # fmt: skip
        session.close()
    Console().print(table)
    Console().print(f"shares {ASKED}, 7 categories, local engine, load {os.getloadavg()[0]:.1f}")
    sys.exit(bad)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
