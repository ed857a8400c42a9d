"""Further judges and the vote, before a run: planned by their calls, checked as models, held by the budget."""

import pytest

from cortex_distill import budget
from cortex_distill.errors import SetupError
from cortex_distill.findings import warnings
from tasks.generate import generate_tickets
from tasks.judge import judge_tickets
from tasks.longest_prompts import longest_prompts
from tasks.plan import plan_run
from tasks.preflight import findings
from tasks.prepare import prepare_tables
from tasks.statements import statements
from tasks.vote import vote_on_tickets
from tests.tasks.test_vote import PROMPT

FIRST, SECOND, VOTER = "llama3.3-70b", "qwen3-32b", "claude-haiku-4-5"
TRUST = {"judge.also": [SECOND], "vote": {"model": VOTER, "prompt": PROMPT}}


def voting(**changes):
    return TRUST | {"vote": {"model": VOTER, "prompt": PROMPT, **changes}}


def of(plan, step):
    return {line.model: (line.calls, line.free) for line in plan.lines if line.step == step}


def test_a_first_plan_has_each_judge_and_the_vote_for_every_ticket_at_most(make_run, connect):
    run = make_run(TRUST, connect())
    plan = plan_run(run)
    assert of(plan, "judge") == {FIRST: (24, 0), SECOND: (24, 0)}
    assert of(plan, "vote") == {VOTER: (24, 0)}
    [voted] = [part for part in plan.parts if part.step == "vote"]
    assert voted.free is None  # nobody knows yet which tickets will be kept
    assert 0 < voted.completion_tokens / 24 < 20  # as short as a category
    printed = dict(statements(run, plan.served_by))
    asked = [title for title, text in printed.items() if "AI_COMPLETE(" in text and title.startswith(("judge", "vote"))]
    assert [title.split(":")[0] for title in asked] == ["judge", "judge 2", "vote"]
    assert sum("INSERT INTO RATINGS" in text for text in printed.values()) == 2
    assert "UPDATE TICKETS SET vote" in printed["vote: drop what it puts elsewhere"]


def test_answers_that_are_there_are_planned_as_free_and_tell_which_tickets_are_left(make_run, connect):
    once = {**TRUST, "generate.rounds": 1}
    run = make_run(once)
    prepare_tables.fn(run)
    generate_tickets.fn(run)
    judged = judge_tickets.fn(run)
    voted = vote_on_tickets.fn(run)
    plan = plan_run(make_run(once, connect()))
    assert of(plan, "judge") == {FIRST: (judged.calls.rows,) * 2, SECOND: (judged.calls.rows,) * 2}
    assert of(plan, "vote") == {VOTER: (voted.calls.rows,) * 2}
    assert voted.calls.rows == judged.kept  # nobody pays for a vote on a ticket that the judge dropped
    assert plan.training.basis.startswith("rows are known")
    changed = plan_run(make_run({**voting(prompt=f"Sort it.\n{PROMPT}"), "generate.rounds": 1}, connect()))
    assert (of(changed, "judge"), of(changed, "vote")) == (of(plan, "judge"), {VOTER: (judged.calls.rows, 0)})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (voting(model=FIRST), "vote.model: 'llama3.3-70b' votes on its own tickets (models.teacher)"),
        (voting(model=SECOND), "vote.model: 'qwen3-32b' is a judge, too: what it misses as one it may miss again"),
        (
            voting() | {"models.judge": VOTER, "judge.also": [FIRST]},
            "judge.also.0: 'llama3.3-70b' judges its own tickets",
        ),
    ],
)
def test_a_second_opinion_that_is_the_first_one_is_warned_of(make_run, changes, said):
    found = [f"{one.at}: {one.what}" for one in warnings(findings(make_run(changes)))]
    assert any(one.startswith(said) for one in found)


def test_a_voter_or_judge_that_does_not_exist_is_found_before_the_first_call(make_run):
    run = make_run({"judge.also": ["qwen4-32b"], "vote": {"model": "claude-haiku-4-6", "prompt": PROMPT}})
    found = {one.at: one.what for one in findings(run) if one.stops}
    assert "did you mean" in found["judge.also.0"]
    assert "did you mean" in found["vote.model"]


def test_the_longest_prompt_of_each_of_them_is_measured(make_run):
    asked = {(one.at, one.model) for one in longest_prompts(make_run(TRUST), "x")}
    assert {("judge.prompt", FIRST), ("judge.prompt", SECOND), ("vote.prompt", VOTER)} <= asked


def test_a_budget_needs_the_price_of_each_of_them(make_run, monkeypatch):
    known = {FIRST, "llama3.1-8b", SECOND}
    monkeypatch.setattr(budget, "_rate", lambda session, model: 1.0 if model in known else None)
    run = make_run(TRUST | {"budget": {"max_credits": 5}})
    prepare_tables.fn(run)
    with pytest.raises(SetupError, match=f"no price is known for {VOTER}:"):
        generate_tickets.fn(run)
