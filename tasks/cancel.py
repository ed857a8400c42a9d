"""What a cancelled run leaves behind in the engine: statements that still run, and a fine-tuning job.

In:   the engine's query history (by QUERY_TAG), FINE_TUNES, TRAINING_ROWS, EXPERIMENTS
Out:  statements and jobs cancelled; FINE_TUNES.status
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cortex_distill.session import SqlError, execute
from cortex_distill.sql import Sql, literal

if TYPE_CHECKING:
    from cortex_distill.session import Session


def query_tag(run_id: str, experiment: str) -> str:
    """Marks a session's statements as the run's: for cancelling them, and for an account's bill by run."""
    return json.dumps({"flow_run_id": run_id, "experiment": experiment})


def cancel_statements(session: Session, run_id: str) -> int:
    """Cancel the run's statements under way; how many there were."""
    running = execute(
        session,
        Sql(
            """SELECT query_id FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000))
            WHERE UPPER(execution_status) IN ('RUNNING', 'QUEUED', 'BLOCKED', 'RESUMING_WAREHOUSE')
                AND CONTAINS(query_tag, ?)""",
            (run_id,),
        ),
    )
    for (query_id,) in running:
        execute(session, Sql(f"SELECT SYSTEM$CANCEL_QUERY({literal(query_id)})"))
    return len(running)


def waiting_for(session: Session, run_id: str) -> list[str]:
    """Other runs without a tuned student that trained on the same rows: they may wait for the same job."""
    rows = execute(
        session,
        Sql(
            """SELECT DISTINCT other.run_id FROM TRAINING_ROWS mine JOIN TRAINING_ROWS other
                ON other.fine_tune = mine.fine_tune AND other.run_id <> mine.run_id
            WHERE mine.run_id = ? AND NOT EXISTS (
                SELECT 1 FROM EXPERIMENTS e WHERE e.run_id = other.run_id AND e.role = 'tuned student')""",
            (run_id,),
        ),
    )
    return [str(other) for (other,) in rows]


def cancel_job(session: Session, run_id: str) -> str | None:
    """Cancel the job of the run's training, if it has not ended; its id, or None.

    The next run of that training then starts a new job.
    """
    jobs = execute(
        session,
        Sql(
            """SELECT DISTINCT f.job_id FROM FINE_TUNES f JOIN TRAINING_ROWS r ON r.fine_tune = f.fine_tune
            WHERE r.run_id = ? AND f.status NOT IN ('SUCCESS', 'ERROR', 'CANCELLED')""",
            (run_id,),
        ),
    )
    for (job_id,) in jobs:
        try:
            execute(session, Sql(f"SELECT SNOWFLAKE.CORTEX.FINETUNE('CANCEL', {literal(job_id)})"))
        except SqlError:  # it has ended meanwhile; whoever needs the model finds it
            return None
        execute(session, Sql("UPDATE FINE_TUNES SET status = 'CANCELLED' WHERE job_id = ?", (job_id,)))
    return str(jobs[0][0]) if jobs else None
