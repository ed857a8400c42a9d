"""Runs whose host was lost: an automation of Prefect's marks them as crashed when their heartbeat has stopped.

Prefect's own documentation has this automation; without it such a run stays Running for ever and cannot be retried.
"""

from __future__ import annotations

from datetime import timedelta

from prefect import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

NAME = "distill: runs whose host was lost"
HEARTBEAT = 30  # seconds, Prefect's shortest
PATIENCE = timedelta(seconds=3 * HEARTBEAT)
ABOUT = "A run that has not been heard of for a minute and a half is marked as crashed; retry it, and it goes on."
ENDED = ("Completed", "Failed", "Cancelled", "Crashed", "Cancelling", "Paused", "Suspended", "Scheduled")


def mark_lost_runs() -> None:
    """Create the automation, in place of an earlier one. Its runs need a heartbeat of HEARTBEAT."""
    with get_client(sync_client=True) as client:
        for found in client.read_automations_by_name(NAME):
            client.delete_automation(found.id)
        client.create_automation(automation())


def automation() -> AutomationCore:
    """After a heartbeat either the next one or an end is expected, within PATIENCE."""
    trigger = EventTrigger(
        match={"prefect.resource.id": "prefect.flow-run.*"},
        for_each={"prefect.resource.id"},
        after={"prefect.flow-run.heartbeat"},
        expect={"prefect.flow-run.heartbeat", *(f"prefect.flow-run.{state}" for state in ENDED)},
        posture=Posture.Proactive,
        threshold=1,
        within=PATIENCE,
    )
    message = "its host was lost: no heartbeat for a minute and a half; `prefect flow-run retry` goes on with it"
    # Not forced: the last heartbeat of a short run can be noted after its end, and an end must stay what it was.
    crash = ChangeFlowRunState(state=StateType.CRASHED, name="Crashed", message=message, force=False)
    return AutomationCore(name=NAME, description=ABOUT, trigger=trigger, actions=[crash])


if __name__ == "__main__":
    mark_lost_runs()
