"""The whole flow against an OpenAI-compatible server that misbehaves, with a student that is trained here."""

import json

import pytest

from cortex_distill.errors import StepError
from cortex_distill.local.providers import Call
from cortex_distill.local.providers.simulated import SimulatedProvider
from tests.flows.test_distill import HOLDOUT
from tests.local.endpoint import Reply, completion, failure, routes, serving


def simulated(body):
    """What a simulated model of that name says."""
    form = body.get("response_format", {}).get("json_schema", {}).get("schema")
    parameters = {"temperature": body.get("temperature"), "max_tokens": body.get("max_tokens")}
    call = Call(body["model"], body["messages"], parameters, form, None, body.get("seed") or 0)
    return SimulatedProvider().complete([call])[0].text


def unruly(body, number):
    """Of the requests that come for the first time, many are throttled, broken off or answered with an error."""
    fate = len(json.dumps(body)) % 12 if number == 0 else 0
    if fate == 1:
        return failure(429, "slow down", Retry_After="0")
    if fate == 2:
        return failure(500, "out of order")
    return Reply(completion(simulated(body), body), cut=0.5 if fate == 3 else None)


@pytest.fixture
def endpoint():
    with serving() as server:
        server.behave = unruly
        yield server


@pytest.fixture
def distill(prefect_server, endpoint, home, write, tmp_path, monkeypatch):
    """Runs the flow; teacher and judge are models of the server."""
    (tmp_path / "local.toml").write_text(routes(endpoint.base_url))
    (tmp_path / "rows.csv").write_text(HOLDOUT, encoding="utf-8")
    monkeypatch.setenv("DISTILL_MODELS", str(tmp_path / "local.toml"))
    monkeypatch.setenv("DISTILL_HOME", str(home))
    from flows.distill import distill  # noqa: PLC0415  Prefect reads its settings when the flow is made

    config = str(
        write(
            {
                "holdout": {"file": "rows.csv"},
                "evaluate": {"constrained": ["with_definitions"]},
                "generate.rounds": 1,
                "prompts.list_only": None,
            }
        )
    )
    return lambda: distill(config)


def test_an_unruly_server_costs_no_ticket_and_the_second_run_asks_it_nothing(distill, endpoint):
    first = distill()
    served = {score.role: score.served_by for score in first.scores}
    assert served["teacher"] == f"openai:served-70b@127.0.0.1:{endpoint.server_port}"
    assert (served["base student"], served["tuned student"]) == ("simulated:small", "simulated:classifier")
    assert sum(asked.failed for asked in first.calls) == 0
    assert first.stages[0].tickets == first.stages[1].tickets == 24
    assert endpoint.repeats > 0  # else the server was not unruly
    asked = len(endpoint.calls)
    assert distill().calls_made == 0
    assert len(endpoint.calls) == asked


def test_a_dead_server_is_named_with_what_to_do(distill, endpoint, monkeypatch):
    monkeypatch.setattr("cortex_distill.pace.LONGEST_REST", 0.05)  # else three minutes
    endpoint.shutdown()
    endpoint.server_close()
    with pytest.raises(StepError, match=rf"nobody answers at {endpoint.base_url}; start the server"):
        distill()
