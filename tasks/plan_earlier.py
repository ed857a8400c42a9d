"""What a plan knows of the newest run of its experiment, and the tables that it hides before it goes through the steps.

In:   TICKETS and EXPERIMENTS of earlier runs
Out:  temporary tables in front of those that the steps write to; PLAN_EARLIER, some tickets of the newest run
"""

from __future__ import annotations

from typing import NamedTuple

from cortex_distill.run import Run
from cortex_distill.sql import Sql
from cortex_distill.tables import TABLES

HIDDEN = ("CATEGORIES", "HOLDOUT", "TICKETS", "RATINGS", "TRAINING_ROWS")  # that the steps write to
READ = ("COMPLETIONS", "FINE_TUNES")  # empty where no run was before
EARLIER = "PLAN_EARLIER"
SHOWN = 50  # texts that stand in


class Earlier(NamedTuple):
    """The newest run of the experiment."""

    rounds: int
    refills: int  # calls of the teacher after the first round that held a ticket
    rated: int  # tickets of these calls that are no repeats


def hide_tables(run: Run) -> Earlier | None:
    """Temporary tables in front of those that the steps write to; what is known of an earlier run, if tables are there.

    `CREATE OR REPLACE` would be wrong here: it is not for a plan to replace what it finds.
    """
    there = {
        table: int(has_rounds)
        for table, has_rounds in run.sql(
            """SELECT table_name, COUNT(column_name = 'ROUND' OR NULL) FROM INFORMATION_SCHEMA.COLUMNS
            WHERE table_schema = CURRENT_SCHEMA() GROUP BY table_name"""
        )
    }
    earlier = None
    if {"TICKETS", "EXPERIMENTS"} <= there.keys():
        earlier = Earlier(1, 0, 0)
        if there["TICKETS"]:  # a table of an earlier version gets its columns in the next run
            rounds, refills, rated = run.query(refills_sql(run.config.name))[0]
            earlier = Earlier(int(rounds or 1), int(refills), int(rated or 0))
        run.query(earlier_sql(run.config.name))
    for table in (*HIDDEN, *(name for name in READ if name not in there)):
        run.sql(f"CREATE TEMPORARY TABLE {table} ({TABLES[table]})")
    return earlier


_NEWEST = """run_id IN (SELECT run_id FROM EXPERIMENTS WHERE experiment = ?
            GROUP BY run_id ORDER BY MAX(created_at) DESC, run_id LIMIT 1)"""


def refills_sql(experiment: str) -> Sql:
    """The numbers of Earlier."""
    return Sql(
        f"""SELECT MAX(round), COUNT(DISTINCT IFF(round > 1, completion_key, NULL)),
            COUNT(round > 1 AND duplicate_of IS NULL OR NULL) FROM TICKETS WHERE {_NEWEST}""",
        (experiment,),
    )


def earlier_sql(experiment: str) -> Sql:
    """Some tickets of the newest run of an experiment, before TICKETS is hidden."""
    return Sql(
        f"""CREATE TEMPORARY TABLE {EARLIER} AS SELECT category, scenario, request FROM TICKETS
        WHERE duplicate_of IS NULL AND {_NEWEST}
        QUALIFY ROW_NUMBER() OVER (ORDER BY SHA2(ticket_id, 256)) <= {SHOWN}""",
        (experiment,),
    )
