"""The flow that answers an inbox: a tuned student sorts it, then a text or an email is written. Nothing is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.cancelled import cancel_run
from flows.distill import open_run
from tasks.classify import classify_inbox
from tasks.compare_messages import compare_messages
from tasks.inbox import read_inbox
from tasks.message_calls import expect_calls
from tasks.messages import write_messages
from tasks.preflight import check_message_models
from tasks.report_messages import Answered, report_messages
from tasks.student import choose_student


def run_name() -> str:
    """Whose inbox, and who sorts it."""
    given = flow_run.parameters
    who = given.get("alias") or (given.get("run") or "")[:8] or "the newest student"
    return f"messages {Path(given['file']).stem} by {who} on {given['engine']}"


@flow(name="messages", flow_run_name=run_name, on_cancellation=[cancel_run])
def messages(
    file: str,
    engine: str = "local",
    run: str = "",
    alias: str = "",
    inbox: str = "",
    limit: int = 0,
    overrides: dict[str, Any] | None = None,
) -> State[Any]:
    """Answer the inbox of one experiment file, and return the MessageSummary. Nothing is sent to anyone.

    Args:
        file: The experiment file, from the folder that the worker runs in.
        engine: local, a connection name of connections.toml, or block:<name> for a block of Prefect's.
        run: The beginning of the id of the run whose student sorts the inbox, else the experiment's newest.
        alias: A promoted student's alias, in the place of a run.
        inbox: A CSV file or DB.SCHEMA.TABLE, else what the file names.
        limit: Only the first tickets; 0 for all.
        overrides: Values in the place of the file's, such as {"split.train": 0.7}.
    """
    with open_run(file, engine, overrides) as this:
        # Who sorts, and what
        check_message_models(this)
        student = choose_student(this, run, alias)
        read = read_inbox(this, inbox, limit)
        expect_calls(this, student)

        # Categorize, then generate emails and texts
        classified = classify_inbox(this, student)
        written = write_messages(this, student)
        compare, duels = compare_messages(this, student)

        # Report
        summary = report_messages(this, Answered(student, read, classified, written, compare, duels))
    return Completed(message=summary.headline, data=summary)
