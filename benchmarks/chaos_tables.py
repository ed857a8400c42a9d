"""What two runs of one experiment left in the tables, and where they differ.

In:   the local engine of a folder, and a run's id
Out:  for each table the rows of that run, without what may differ
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from cortex_distill.ledger import REPLY
from cortex_distill.local import connect
from cortex_distill.tables import TABLES

# What may differ between a disturbed run and an undisturbed one: names of runs and jobs, and times. Nothing else.
MAY_DIFFER = {
    "run_id",  # a command that runs again is a new run
    "ask_id",
    "job_id",
    "created_at",
    "answered_at",
    "seconds",
    "flow_run",  # its address
    "description",  # of a job: its id and times; that there is one job, and that it succeeded, is compared
}
# Compared in another way below, empty here, or of the moment: a plan says what was left to do when it was made.
NOT_BY_RUN = ("COMPLETIONS", "FINE_TUNES", "REVIEWS", "PROMOTIONS", "CLAIMS", "PLANS")
# The key of a call to the tuned student holds the id of its job: other weights, other answers.
TUNED = "of the tuned student"
KEYS = {
    "PREDICTIONS": f"IFF(role = 'tuned student', '{TUNED}', completion_key)",
    "COMPLETIONS": f"IFF(model IN (SELECT model FROM PREDICTIONS WHERE role = 'tuned student'), '{TUNED}', key)",
}
# Of COMPLETIONS the answers are compared, over all runs of the folder: a killed run's answers serve the next.
ANSWERS = f"""SELECT DISTINCT {KEYS["COMPLETIONS"]}, model, prompt, parameters, response_format, draw, {REPLY}
    FROM COMPLETIONS c WHERE {REPLY} IS NOT NULL"""


def _columns(table: str) -> list[str]:
    names = [part.split()[0] for part in TABLES[table].split(",")]
    keys = {"completion_key": KEYS[table]} if table == "PREDICTIONS" else {}
    return [keys.get(name, name) for name in names if name not in MAY_DIFFER]


def _rows(home: Path, models: str, statements: dict[str, str], *binds: object) -> dict[str, list[tuple[Any, ...]]]:
    with connect(home, models, database="DISTILL", schema="PUBLIC") as connection:
        cursor = connection.cursor()
        found = {}
        for name, text in statements.items():
            cursor.execute(text, binds if "?" in text else None)
            found[name] = sorted(tuple(map(str, row)) for row in cursor.fetchall())
        return found


def read_tables(home: Path, models: str, run_id: str) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of a run, as text, sorted."""
    own = [table for table in TABLES if table not in NOT_BY_RUN]
    statements = {table: f"SELECT {', '.join(_columns(table))} FROM {table} WHERE run_id = ?" for table in own}
    statements["COMPLETIONS"] = ANSWERS
    statements["FINE_TUNES"] = f"SELECT DISTINCT {', '.join(_columns('FINE_TUNES'))} FROM FINE_TUNES"
    return _rows(home, models, statements, run_id)


def failed_jobs(home: Path, models: str) -> list[str]:
    """What the engine says of each job that ended as ERROR."""
    rows = _rows(home, models, {"jobs": "SELECT SNOWFLAKE.CORTEX.FINETUNE('SHOW')"})["jobs"]
    ids = [job["id"] for job in json.loads(rows[0][0]) if job["status"] == "ERROR"]
    described = {one: f"SELECT SNOWFLAKE.CORTEX.FINETUNE('DESCRIBE', '{one}')" for one in ids}
    return [str(found[0][0]) for found in _rows(home, models, described).values()]


def jobs_started(home: Path, models: str) -> dict[str, int]:
    """How many jobs the engine knows for each training; one is right."""
    rows = _rows(home, models, {"jobs": "SELECT SNOWFLAKE.CORTEX.FINETUNE('SHOW')"})["jobs"]
    return dict(Counter(str(job.get("model") or job["id"]) for job in json.loads(rows[0][0])))


def differences(wanted: dict[str, list[tuple[Any, ...]]], found: dict[str, list[tuple[Any, ...]]]) -> list[str]:
    """One line for each table that is not the same, with the first row that tells them apart."""
    said = []
    for table, rows in wanted.items():
        missing, extra = Counter(rows) - Counter(found[table]), Counter(found[table]) - Counter(rows)
        if missing or extra:
            example = next(iter(missing or extra))
            said.append(f"{table}: {missing.total()} rows missing, {extra.total()} too many, such as {example}"[:600])
    return said
