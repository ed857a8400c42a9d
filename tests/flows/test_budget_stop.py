"""A whole run that its budget stops, and the same command with a larger one."""

import pytest

from cortex_distill import budget
from cortex_distill.budget import BudgetReached
from cortex_distill.session import open_session
from tests.flows.test_distill import flow

PRICE = 1000.0  # credits for a million tokens of a stand-in, which has no price of its own


def test_a_run_that_its_budget_stops_goes_on_with_a_larger_one_and_pays_nothing_twice(
    prefect_server, home, write, monkeypatch
):
    monkeypatch.setenv("DISTILL_MODELS", "simulated")
    monkeypatch.setenv("DISTILL_HOME", str(home))
    monkeypatch.setattr(budget, "credits", lambda model, served_by, tokens: tokens * PRICE / 1_000_000)
    distill, config = (
        flow(),
        str(write({"budget": {"max_credits": 2}, "generate.max_tokens": 500, "judge.max_tokens": 60})),
    )

    def number(text):
        session = open_session("local", home=home)
        try:
            return float(session.sql(text).collect()[0][0])
        finally:
            session.close()

    tokens = "SELECT SUM(answer:value:usage:total_tokens::NUMBER) FROM COMPLETIONS"
    with pytest.raises(BudgetReached, match=r"of 2 credits are spent by this run.*\n.*missing") as stop:
        distill(config)
    assert "before it: generate 6 calls" in str(stop.value)
    assert 1 < number(tokens) * PRICE / 1_000_000 <= 2

    kept = number("SELECT COUNT(*) FROM COMPLETIONS")
    summary = distill(config, overrides={"budget.max_credits": 1000})
    assert 0 < kept == number("SELECT COUNT(*) FROM COMPLETIONS") - summary.calls_made
    assert number("SELECT COUNT(*) - COUNT(DISTINCT key) FROM COMPLETIONS") == 0
    assert number("SELECT COUNT(DISTINCT config_hash) FROM EXPERIMENTS") == 1
