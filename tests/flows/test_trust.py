"""A whole run with two judges and a vote: what its report, its terminal and its second run say of them."""

import pytest

from cortex_distill.report import markdown
from cortex_distill.session import open_session
from flows.terminal import console, show_summary
from tests.tasks.test_vote import PROMPT

TRUST = {
    "judge.also": ["qwen3-32b"],
    "judge.agree": "majority",
    "vote": {"model": "openai-gpt-5-nano", "prompt": PROMPT},
    "generate.per_category": 16,
    "generate.rounds": 1,  # what refills add is not in a plan's numbers
}


@pytest.fixture
def distill(prefect_server, home, monkeypatch):
    """The flow on an engine of the test's own, with a teacher, judges and a voter that misbehave."""
    from flows.distill import distill  # noqa: PLC0415  Prefect reads its settings when a flow is made

    monkeypatch.setenv("DISTILL_MODELS", "simulated:fenced_json=0.2,broken_json=0.1,off_list=0.1")
    monkeypatch.setenv("DISTILL_HOME", str(home))
    return distill


def test_judges_and_vote_are_in_funnel_calls_plan_report_and_terminal(distill, write, home):
    summary = distill(str(write(TRUST)))
    names = [stage.name for stage in summary.stages]
    assert names.index("agreed by the vote") == names.index("kept by the judge") + 1
    asked = [(one.step, one.model) for one in summary.calls]
    assert asked[1:4] == [("judge", "llama3.3-70b"), ("judge", "qwen3-32b"), ("vote", "openai-gpt-5-nano")]
    assert summary.calls_made == sum(one.calls for one in summary.spent)
    compared = {(one.step, one.model): (one.planned, one.made) for one in summary.planned}
    for key in asked[1:4]:
        assert 0 < compared[key][1].calls <= compared[key][0].calls
    pairs = [(one.first, one.second) for one in summary.trust.between]
    assert ("teacher", "vote") in pairs
    assert ("judge llama3.3-70b", "judge qwen3-32b") in pairs
    report = markdown(summary)
    assert "## How far the labels can be trusted" in report
    assert "### Taken for each other" in report
    assert any(one.step == "vote" for one in summary.lost)
    with console.capture() as shown:
        show_summary(summary)
    assert "Vote: of " in shown.get()
    session = open_session("local", home=home)
    try:
        [[dropped]] = session.sql(
            "SELECT COUNT(*) FROM TICKETS WHERE STARTSWITH(dropped_because, 'vote: says ')"
        ).collect()
        [[trained]] = session.sql(
            "SELECT COUNT(*) FROM TICKETS WHERE split IS NOT NULL AND vote IS NOT NULL AND vote <> category"
        ).collect()
    finally:
        session.close()
    assert (dropped, trained) == (summary.stages[3].tickets - summary.stages[4].tickets, 0)
    assert dropped > 0
