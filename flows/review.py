"""How a run asks a person about tickets: it suspends, and Prefect shows a form where the run can be resumed.

A suspended run is no process; on resume it starts from the top in a new one, and the ledger pays nothing twice.
Prefect fails a run that is not resumed in time, so each asking leaves an automation that resumes it without marks
when `review.hours` are over. If the server was down then, the run fails GRACE later, and a retry goes on unreviewed.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any, Literal

from prefect.client.orchestration import get_client
from prefect.events.actions import ResumeFlowRun
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput, delete_flow_run_input, keyset_from_base_key
from prefect.runtime import deployment, flow_run
from pydantic import Field, create_model

from cortex_distill.markup import LONGEST_TEXT
from cortex_distill.run import Run
from tasks.review import UNSEEN, Reviewed, Sampled, apply_review, form_text, sample_tickets
from tasks.step import log

KEY = "review"
GRACE = timedelta(hours=1)
SHORTEST = timedelta(seconds=10)  # of a trigger that waits for what does not come


def review_tickets(run: Run) -> Reviewed | None:
    """Ask, wait, do what the person says; None if the file has no `review`. Not a task: a task cannot suspend a run."""
    wanted = run.config.review
    if wanted is None:
        return None
    if reason := nobody_because(run.flow_run_url):
        log("review: %s", reason)
        return Reviewed(0, "", reason)
    sampled = sample_tickets(run, wanted.tickets, wanted.hours)
    if sampled.answered:  # the run failed later on and is tried again
        return apply_review(run, {}, "", "")
    said = _answer(run, sampled, timedelta(hours=wanted.hours))
    marks = {ticket.ticket_id: getattr(said, f"ticket_{n}") for n, ticket in enumerate(sampled.tickets, start=1)}
    reviewed = apply_review(run, marks, said.reviewer.strip(), said.remark.strip())
    forget_deadline(run.id)
    return reviewed


def nobody_because(run_url: str | None) -> str:
    """Why nobody can be asked in this run; '' if somebody can. Prefect suspends runs of deployments alone."""
    here = "nobody can be asked here, so the judge's filter stands:"
    if not run_url:
        return f"{here} there is no Prefect server that outlives the run"
    if not deployment.id:
        return f"{here} only runs of a deployment can wait (prefect deployment run distill/…)"
    if flow_run.parent_flow_run_id:
        return f"{here} a run that another run started cannot wait"
    return ""


def form(sampled: Sampled) -> type[RunInput]:
    """The questions. Nothing is preselected but UNSEEN, which says nothing about the ticket.

    Each label repeats its request (labels are plain text): Prefect's older UI hides the text above a long form.
    """
    mark = Literal["not looked at", "keep", "drop"]
    fields: dict[str, Any] = {
        "reviewer": (str, Field(default="", title="Your name")),
        "remark": (str, Field(default="", title="Remark")),
    }
    for place, ticket in enumerate(sampled.tickets, start=1):
        fields[f"ticket_{place}"] = (
            mark,
            Field(default=UNSEEN, title=f"{place}. {ticket.category}: “{ticket.request[:LONGEST_TEXT]}”"),
        )
    made: type[RunInput] = create_model("Review", __base__=RunInput, **fields)
    return made.with_initial_data(description=form_text(sampled.tickets))


def _answer(run: Run, sampled: Sampled, patience: timedelta) -> Any:
    keys = keyset_from_base_key(f"suspended-{KEY}")  # where Prefect puts the form and its answer
    if sampled.overdue:
        return form(sampled).load(keys)  # what came at the last moment counts; else nothing is marked
    if not sampled.new:  # a run that was cancelled while it waited, and is tried again, asks under the same names
        for key in (keys["schema"], keys["description"]):
            with suppress(ObjectNotFound):
                delete_flow_run_input(key)
    _set_deadline(run.id, patience)
    seconds = int((patience + GRACE).total_seconds())
    return suspend_flow_run(wait_for_input=form(sampled), timeout=seconds, key=KEY)


def _automation(run_id: str) -> str:
    return f"review {run_id}: go on without"


def _set_deadline(run_id: str, patience: timedelta) -> None:
    ended = ("Resuming", "Running", "Cancelling", "Cancelled", "Failed", "Crashed")
    trigger = EventTrigger(
        match={"prefect.resource.id": f"prefect.flow-run.{run_id}"},
        for_each={"prefect.resource.id"},
        after={"prefect.flow-run.Suspended"},
        expect={f"prefect.flow-run.{state}" for state in ended},
        posture=Posture.Proactive,
        threshold=1,
        within=max(patience, SHORTEST),
    )
    name = _automation(run_id)
    about = "Resumes a run that waits for a review when its time is over; deleted when the run goes on."
    with get_client(sync_client=True) as client:
        if not client.read_automations_by_name(name):
            client.create_automation(
                AutomationCore(name=name, description=about, trigger=trigger, actions=[ResumeFlowRun()])
            )


def forget_deadline(run_id: str) -> None:
    """Delete what would resume the run when nobody answers."""
    with get_client(sync_client=True) as client:
        for automation in client.read_automations_by_name(_automation(run_id)):
            client.delete_automation(automation.id)
