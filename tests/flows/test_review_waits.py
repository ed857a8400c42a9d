"""The whole flow waits for a person, in a process that ends, and goes on in another one with the marks."""

import pytest
from prefect.client.orchestration import get_client
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.states import Failed, Scheduled

from cortex_distill.session import open_session


@pytest.fixture
def engine(prefect_server, home, monkeypatch):
    """The test's own, with simulated models."""
    monkeypatch.setenv("DISTILL_MODELS", "simulated")
    monkeypatch.setenv("DISTILL_HOME", str(home))


@pytest.fixture
def start(engine, write):
    """Starts a run of a deployment; a function that lets the run go on, as a worker would, and gives its state."""
    from flows.distill import distill  # noqa: PLC0415  Prefect reads its settings when a flow is made

    def start_one(review):
        file = write({"review": review, "generate.rounds": 1, "prompts.with_definitions": None})
        parameters = {"config": str(file), "engine": "local", "overrides": None}
        with get_client(sync_client=True) as client:
            deployed = client.create_deployment(client.create_flow(distill), name="shoes")
            run_id = client.create_flow_run_from_deployment(deployed, parameters=parameters).id

        def go_on():
            with get_client(sync_client=True) as client:
                flow_run = client.read_flow_run(run_id)
            try:
                return run_flow(distill, flow_run, parameters, return_type="state")
            except Pause as signal:  # a worker's process ends here
                return signal.state

        return run_id, go_on

    return start_one


def automations(run_id):
    with get_client(sync_client=True) as client:
        return client.read_automations_by_name(f"review {run_id}: go on without")


def test_a_run_waits_for_marks_and_goes_on_with_them(start, home):
    run_id, go_on = start({"tickets": 4})
    assert go_on().name == "Suspended"
    assert len(automations(run_id)) == 1
    with get_client(sync_client=True) as client:
        client.resume_flow_run(run_id, run_input={"reviewer": "Anna", "ticket_1": "drop", "ticket_2": "keep"})
    summary = go_on().result()
    assert "Anna marked 2: " in summary.review
    assert "Cohen's kappa" in summary.review
    assert automations(run_id) == []
    session = open_session("local", home=home)
    kept = session.sql("SELECT human_kept FROM REVIEWS WHERE human_kept IS NOT NULL ORDER BY position").collect()
    session.close()
    assert [row[0] for row in kept] == [False, True]


def test_a_run_that_prefect_failed_for_want_of_an_answer_goes_on_when_retried(start):
    run_id, go_on = start({"tickets": 2, "hours": 1e-6})
    assert go_on().name == "Suspended"
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run_id, Failed(message="The flow was paused and never resumed."), force=True)
        client.set_flow_run_state(run_id, Scheduled(name="AwaitingRetry"))
    state = go_on()
    assert state.is_completed()
    assert "nobody marked any of the 2 tickets" in state.result().review
