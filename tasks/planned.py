"""Step 1b: write down what the run expects; and, when it is done, hold it against what the run made.

In:   everything that tasks/plan.py reads; PLANS, COMPLETIONS, FINE_TUNES
Out:  PLANS (the rows of this run)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cortex_distill.errors import DistillError
from cortex_distill.plan import Plan
from cortex_distill.planned import FINE_TUNE, Against, Made, Planned, against, planned_of
from cortex_distill.run import Run
from cortex_distill.session import SqlError, open_statements
from cortex_distill.upload import upload
from tasks.cancel import query_tag
from tasks.plan import plan_run
from tasks.step import ON_CORTEX, log, task

if TYPE_CHECKING:
    from cortex_distill.summary import Spent


@task(name="plan", **ON_CORTEX)
def write_plan(run: Run) -> None:
    """Once for each run, so that a run that goes on after a crash is held against what it set out with.

    Safe to repeat. A plan that cannot be made is said in the log, and stops nothing: the steps find what is wrong.
    Raises SqlError where trying again may help.
    """
    if run.count("SELECT COUNT(*) FROM PLANS WHERE run_id = ? AND planned_at IS NOT NULL", run.id):
        return
    try:
        plan = _planned(run)
    except (SqlError, DistillError) as error:
        if isinstance(error, SqlError) and error.transient:
            raise
        log("no plan: %s", error)
        return
    run.sql("DELETE FROM PLANS WHERE run_id = ?", run.id)
    columns = ["run_id", "position", *Planned._fields]
    upload(run.session, "PLANS", columns, [(run.id, place, *row) for place, row in enumerate(planned_of(plan))])
    run.sql("UPDATE PLANS SET planned_at = CURRENT_TIMESTAMP()::TIMESTAMP_NTZ WHERE run_id = ?", run.id)
    log("plan: %s", plan.headline)


def _planned(run: Run) -> Plan:
    tag = query_tag(run.id, run.config.name)
    session = open_statements(run.engine, tag=tag)  # its own: a plan hides the tables that the steps write to
    try:
        return plan_run(Run(session, f"plan-{run.id}", run.experiment, run.engine))
    finally:
        session.close()


def planned_against(run: Run, spent: Sequence[Spent]) -> list[Against]:
    """What PLANS says of this run beside what it made; [] without a plan. Training counts where this run started it."""
    rows = run.sql("SELECT step, model, calls, tokens, credits FROM PLANS WHERE run_id = ? ORDER BY position", run.id)
    if not rows:
        return []
    planned = [Planned(step, model, int(calls), int(tokens), credits) for step, model, calls, tokens, credits in rows]
    jobs = run.sql(
        "SELECT base_model, description:trained_tokens::NUMBER FROM FINE_TUNES WHERE run_id = ? AND status = 'SUCCESS'",
        run.id,
    )
    made = [Made(o.step, o.model, o.calls, o.prompt_tokens + o.completion_tokens, o.credits) for o in spent]
    return against(planned, made + [Made(FINE_TUNE, base, 0, int(tokens or 0), None) for base, tokens in jobs])
