"""When a run is cancelled: its statements, its fine-tuning job and the runs below it are cancelled, too.

Prefect calls these hooks in another process than the run's, which knows the run's id and parameters and nothing else.
A run that crashed keeps its job: trying it again goes on with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterParentFlowRunId
from prefect.client.schemas.objects import FlowRun, State
from prefect.logging import get_logger
from prefect.states import Cancelled

from cortex_distill.session import open_session
from flows.review import forget_deadline
from tasks.cancel import cancel_job, cancel_statements, waiting_for

if TYPE_CHECKING:
    from cortex_distill.session import Session


def cancel_run(flow: Any, flow_run: FlowRun, state: State[Any]) -> None:
    """For `on_cancellation` of a flow with the parameter `engine`."""
    session = open_session(flow_run.parameters.get("engine", "local"))
    try:
        cancel_work(session, str(flow_run.id))
    finally:
        session.close()
    forget_deadline(str(flow_run.id))


def cancel_runs_below(flow: Any, flow_run: FlowRun, state: State[Any]) -> None:
    """For `on_cancellation` of a flow that starts others in its own process: those end with it."""
    for below in _found(FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[flow_run.id]))):
        if below.state is None or not below.state.is_final():
            with get_client(sync_client=True) as client:
                client.set_flow_run_state(below.id, Cancelled(message="with the run above it"), force=True)
            cancel_run(flow, below, state)


def cancel_work(session: Session, run_id: str) -> None:
    """Statements, then the job, unless a run that is not over needs the same training."""
    logger = get_logger("distill")
    logger.info("cancelled %d statements of run %s", cancel_statements(session, run_id), run_id)
    others = [UUID(other) for other in waiting_for(session, run_id)]
    known = _found(FlowRunFilter(id=FlowRunFilterId(any_=others)))
    over = {run.id for run in known if run.state and run.state.is_final()}
    if waiting := [str(other) for other in others if other not in over]:
        logger.info("the fine-tuning job stays: run %s waits for the same training", ", ".join(waiting))
    elif job_id := cancel_job(session, run_id):
        logger.info("cancelled fine-tuning job %s", job_id)


def _found(wanted: FlowRunFilter) -> list[FlowRun]:
    with get_client(sync_client=True) as client:
        return list(client.read_flow_runs(flow_run_filter=wanted))
