"""Runs whose host was lost, and schedules: what Prefect's server does with what we ask of it."""

import pytest
from prefect import flow, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.states import Completed, Crashed, Failed, Running

from flows import lost


@flow
def nothing():
    """A run that somebody else gives its states."""


@pytest.mark.parametrize(("ended", "then"), [(Running, "CRASHED"), (Failed, "FAILED"), (Completed, "COMPLETED")])
def test_only_a_run_that_has_not_ended_can_be_taken_for_lost(prefect_server, ended, then):
    (action,) = lost.automation().actions
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(nothing, state=Running())
        client.set_flow_run_state(run.id, ended(), force=True)
        client.set_flow_run_state(run.id, Crashed(message=action.message), force=action.force)
        assert client.read_flow_run(run.id).state.type.value == then


def test_the_watch_for_lost_runs_replaces_an_earlier_one(prefect_server):
    with get_client(sync_client=True) as client:
        client.create_automation(lost.automation().model_copy(update={"description": "of an earlier version"}))
        lost.mark_lost_runs()
        lost.mark_lost_runs()
        assert [found.description for found in client.read_automations_by_name(lost.NAME)] == [lost.ABOUT]


def test_a_schedule_makes_runs(prefect_server):
    """With SQLAlchemy 2.1 Prefect's server failed at this and said so in its own log alone."""
    weekly = DeploymentScheduleCreate(schedule=CronSchedule(cron="0 6 * * 1"))
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(client.create_flow(nothing), "weekly", schedules=[weekly])
        client.request("POST", "/deployments/{id}/schedule", path_params={"id": deployment})
        due = [run.next_scheduled_start_time for run in client.read_flow_runs() if run.deployment_id == deployment]
    assert due
    assert {(start.weekday(), start.hour) for start in due} == {(0, 6)}
