"""A run stops before it spends more than its budget, says what is missing, and goes on from there.

Stand-ins cost nothing, so these tests write down a price for one: a credit for a thousand tokens.
"""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from cortex_distill import budget
from cortex_distill.budget import BudgetReached
from cortex_distill.errors import SetupError
from cortex_distill.load import load_experiment
from cortex_distill.run import Run
from cortex_distill.session import execute
from cortex_distill.sql import Sql
from cortex_distill.tables import create_sql
from tests.test_claims import ask, number, rows
from tests.test_claims import open_one as open_one

PRICE = 1000.0  # credits for a million tokens


@pytest.fixture(autouse=True)
def priced(monkeypatch):
    monkeypatch.setattr(budget, "credits", lambda model, served_by, tokens: tokens * PRICE / 1_000_000)


def spent(session, run_id="run-1"):
    tokens = """SELECT COALESCE(SUM(answer:value:usage:prompt_tokens::NUMBER
        + answer:value:usage:completion_tokens::NUMBER), 0) FROM COMPLETIONS WHERE run_id = ?"""
    return number(session, tokens, run_id) * PRICE / 1_000_000


def test_a_run_stops_before_it_spends_more_and_keeps_what_it_has(open_one):
    session = open_one()
    with pytest.raises(BudgetReached):
        ask(session, max_credits=0.1)
    made = number(session, "SELECT COUNT(*) FROM COMPLETIONS")
    assert 0 < made < 24
    assert 0.05 < spent(session) <= 0.1
    assert number(session, "SELECT COUNT(*) FROM CLAIMS") == 0


def test_the_stop_says_what_is_done_what_is_missing_and_how_to_go_on(open_one):
    session = open_one()
    with pytest.raises(BudgetReached) as stop:
        ask(session, max_credits=0.1)
    said = re.sub(r"\d+", "N", str(stop.value))
    assert "of N.N credits are spent by this run" in said
    assert "evaluate (llamaN.N-Nb): N of N calls are answered, N missing" in said
    assert "raise budget.max_credits in the experiment file" in said
    assert "--set budget.max_credits=" in said


def test_with_a_larger_budget_only_what_is_missing_is_paid(open_one):
    session = open_one()
    with pytest.raises(BudgetReached):
        ask(session, max_credits=0.1)
    made = number(session, "SELECT COUNT(*) FROM COMPLETIONS")
    again = ask(session, max_credits=10.0)
    assert (again.made, again.failed) == (24 - made, 0)


def test_answers_that_are_there_cost_nothing(open_one):
    session = open_one()
    ask(session)
    assert ask(session, "run-2", max_credits=0.000001).made == 0


def test_statements_at_once_stay_within_the_budget_together(open_one, monkeypatch):
    monkeypatch.setenv("DISTILL_STATEMENTS_AT_ONCE", "4")
    monkeypatch.setenv("DISTILL_ROWS_PER_STATEMENT", "3")
    session = open_one()
    with pytest.raises(BudgetReached):
        ask(session, max_credits=0.1)
    assert 0 < spent(session) <= 0.1


def test_two_processes_of_one_run_stay_within_its_budget_together(open_one):
    sessions = [open_one(), open_one()]

    def one(session, wanted):
        with pytest.raises(BudgetReached):
            ask(session, "run-1", wanted, max_credits=0.2)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, sessions, [rows(0, 40), rows(40, 80)]))
    assert 0.1 < spent(sessions[0]) <= 0.2


def test_two_runs_at_once_have_a_budget_each(open_one):
    sessions = [open_one(), open_one()]

    def one(session, run_id, wanted):
        with pytest.raises(BudgetReached):
            ask(session, run_id, wanted, max_credits=0.1)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, sessions, ["run-1", "run-2"], [rows(0, 40), rows(40, 80)]))
    assert all(0 < spent(sessions[0], run_id) <= 0.1 for run_id in ("run-1", "run-2"))


def test_a_model_that_is_billed_without_a_price_is_refused_before_any_call(open_one, monkeypatch):
    monkeypatch.setattr(budget, "credits", lambda model, served_by, tokens: None)
    monkeypatch.setattr(budget, "served_as", lambda session, model: model)  # as on an account
    session = open_one()
    with pytest.raises(SetupError, match=r"no price is known for llama3\.1-8b.*Add the price to the price list"):
        ask(session, max_credits=1.0)
    assert number(session, "SELECT COUNT(*) FROM COMPLETIONS") == 0


def test_a_tuned_student_is_counted_at_the_price_of_its_base(open_one, monkeypatch):
    prices = {"llama3.1-8b": 2.0}
    monkeypatch.setattr(budget, "credits", lambda model, served_by, tokens: prices.get(model))
    monkeypatch.setattr(budget, "served_as", lambda session, model: model)
    session = open_one()
    execute(session, Sql("INSERT INTO FINE_TUNES (fine_tune, base_model) VALUES ('SHOES_1', 'llama3.1-8b')"))
    budget.refuse_unpriced(session, ["llama3.1-8b", "DISTILL.PUBLIC.SHOES_1"])
    with pytest.raises(SetupError, match=r"no price is known for DISTILL\.PUBLIC\.SHOES_2"):
        budget.refuse_unpriced(session, ["DISTILL.PUBLIC.SHOES_2"])


def test_stand_ins_cost_nothing_and_never_stop_a_run(open_one, monkeypatch):
    monkeypatch.undo()
    assert ask(open_one(), max_credits=0.000001).made == 24


def test_without_a_budget_nothing_is_counted(open_one, monkeypatch):
    monkeypatch.setattr(budget, "execute", None)  # whoever counted would fail
    assert ask(open_one()).made == 24


def test_a_budget_changes_neither_hash_nor_answers(write):
    plain, with_one = load_experiment(write()), load_experiment(write({"budget": {"max_credits": 5}}))
    other = load_experiment(write(), {"budget.max_credits": 7.5})
    assert plain.hash == with_one.hash == other.hash
    assert (with_one.config.budget.max_credits, other.config.budget.max_credits) == (5, 7.5)


def test_a_run_asks_within_the_budget_of_its_file(open_one, write):
    session = open_one()
    for table in ("COMPLETIONS", "CLAIMS", "FINE_TUNES"):
        execute(session, Sql(create_sql(table)))
    run = Run(session, "run-1", load_experiment(write({"budget": {"max_credits": 0.1}})), "local")
    wanted = budget.Ask("evaluate", rows(), "llama3.1-8b", {"temperature": 0, "max_tokens": 20})
    with pytest.raises(BudgetReached, match=r"of 0\.1 credits"):
        run.ask(wanted, lambda progress: None)
