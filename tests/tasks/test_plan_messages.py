"""Planning a run of messages: its calls by the ledger's keys as far as they are known, then at most; and its budget."""

import re

import pytest

from cortex_distill import budget
from cortex_distill.budget import BudgetReached
from cortex_distill.errors import SetupError
from cortex_distill.planned import planned_of
from tasks.classify import classify_inbox
from tasks.compare_messages import compare_messages
from tasks.inbox import read_inbox
from tasks.message_calls import expect_calls
from tasks.messages import write_messages
from tasks.plan_messages import plan_messages
from tasks.student import choose_student
from tests.inbox import COMPARED, MESSAGES, ROWS, train, write_csv

PRICE = 1000.0  # credits for a million tokens of a stand-in, which has no price of its own
WRITER, JUDGE, STUDENT = "llama3.3-70b", "mistral-large3", "llama3.1-8b"


@pytest.fixture
def knobs():
    """Of the models; a test that gives others has them misbehave."""
    return ""


@pytest.fixture
def trained(make_run, connect, tmp_path, knobs):
    """A session with a tuned student, and runs of messages there, with changes to the file."""
    session = connect(knobs)
    train(make_run(session=session))
    write_csv(tmp_path / "inbox.csv")
    section = {f"messages.{key}": value for key, value in COMPARED.items() if key != "compare"}
    section |= {f"messages.compare.{key}": value for key, value in COMPARED["compare"].items()}
    section["messages.inbox.file"] = "inbox.csv"
    return lambda changes=None, session=session: make_run(section | (changes or {}), session)


@pytest.fixture
def plan_of(trained, connect, knobs):
    """A plan on a session of its own, as the command makes one."""
    return lambda changes=None: plan_messages(trained(changes, connect(knobs)))


def answer(run, until=4):
    """The steps of the flow, as far as that; the calls that were made by step."""
    student = choose_student.fn(run)
    read_inbox.fn(run)
    steps = (classify_inbox, write_messages, compare_messages)
    for step in steps[:until]:
        step.fn(run, student)
    return made(run)


def made(run):
    found = run.sql("SELECT step, COUNT(DISTINCT key) FROM COMPLETIONS WHERE run_id = ? GROUP BY step", run.id)
    return {step: calls for step, calls in found}


def calls(plan):
    return {part.step: (part.calls, part.free) for part in plan.parts}


def test_every_step_that_asks_a_model_is_planned_with_calls_tokens_and_credits(plan_of):
    plan = plan_of({"messages.compare.judge": STUDENT})
    assert calls(plan) == {"classify": (6, 0), "messages": (12, None), "shorten": (12, None), "compare": (12, None)}
    assert [line.model for line in plan.lines][1:] == [WRITER, WRITER, STUDENT]
    assert all(line.prompt_tokens > 0 and line.completion_tokens > 0 for line in plan.lines)
    assert [plan.credits_of(line) is None for line in plan.lines] == [True, False, False, False]
    assert plan.credits > 0 and plan.without_price == [f"classify ({plan.lines[0].model})"]
    assert "SHOES_1" in plan.lines[0].model
    assert plan.headline.startswith("messages of shoes to ") and "at most 42 calls" in plan.headline


def test_a_plan_makes_no_call_and_changes_no_table(trained, plan_of):
    run = trained()
    before = [tuple(row) for row in run.sql("SHOW TABLES")]
    plan_of()
    assert [tuple(row) for row in run.sql("SHOW TABLES")] == before
    assert run.count("SELECT COUNT(*) FROM COMPLETIONS") == 0


def test_what_is_answered_is_free_and_the_rest_is_known_exactly(trained, plan_of):
    run = trained()
    answer(run, until=1)
    plan = plan_of()
    assert calls(plan) == {"classify": (6, 6), "messages": (12, 0), "shorten": (12, None), "compare": (12, None)}
    now = answer(run, until=2)
    after = calls(plan_of())
    assert after["messages"] == (12, 12)
    assert after["shorten"] == (now.get("shorten", 0), now.get("shorten", 0))
    assert after["compare"][1] == 0
    assert answer(run)["compare"] == after["compare"][0]


def test_the_second_run_of_an_inbox_is_planned_as_no_call(trained, plan_of):
    done = answer(trained())
    plan = plan_of()
    assert (plan.calls, plan.free, plan.tokens) == (0, sum(done.values()), 0)
    assert plan.headline.partition(": ")[2].startswith(f"0 calls to make, all {sum(done.values())} are answered")


@pytest.mark.parametrize("knobs", ["too_long=1"])
def test_messages_that_were_too_long_are_planned_by_their_keys(trained, plan_of):
    run = trained({"messages.text_words": 3, "messages.email_words": 3})
    now = answer(run, until=2)
    found = calls(plan_of({"messages.text_words": 3, "messages.email_words": 3}))
    assert now["shorten"] > 0
    assert found["shorten"] == (now["shorten"], now["shorten"])


def test_a_plan_is_never_below_what_is_made(trained, plan_of):
    changes = {"messages.only": ["Refund"], "messages.compare.tickets": 2}
    plan = {step: most for step, (most, _) in calls(plan_of(changes)).items()}
    done = answer(trained(changes))
    assert plan["compare"] == 4
    assert all(done.get(step, 0) <= most for step, most in plan.items())


def test_replies_are_taken_to_be_as_long_as_earlier_ones(trained, plan_of):
    answer(trained())
    parts = {part.step: part for part in plan_of({"messages.max_tokens": 100}).parts}
    assert "as 12 earlier replies" in parts["messages"].basis
    assert parts["classify"].basis == ""


def test_before_there_is_a_student_all_calls_are_planned(make_run, tmp_path):
    write_csv(tmp_path / "inbox.csv")
    plan = plan_messages(make_run({"messages": MESSAGES | {"inbox": {"file": "inbox.csv"}}}))
    assert calls(plan) == {"classify": (6, None), "messages": (6, None), "shorten": (6, None)}
    assert plan.lines[0].model == f"tuned {STUDENT}"


def test_the_rows_of_a_plan_have_no_training(plan_of):
    assert [row.step for row in planned_of(plan_of())] == ["classify", "messages", "shorten", "compare"]


# The budget


@pytest.fixture
def priced(monkeypatch):
    """Stand-ins cost."""
    monkeypatch.setattr(budget, "credits", lambda model, served_by, tokens: tokens * PRICE / 1_000_000)


def spent(run):
    tokens = "SELECT SUM(answer:value:usage:total_tokens::NUMBER) FROM COMPLETIONS WHERE run_id = ?"
    return run.count(tokens, run.id) * PRICE / 1_000_000


def test_a_budget_stops_a_run_of_messages_says_how_to_go_on_and_pays_nothing_twice(priced, trained):
    run = trained({"budget": {"max_credits": 1}, "messages.max_tokens": 400})
    with pytest.raises(BudgetReached) as stop:
        answer(run)
    said = re.sub(r"\d+([.]\d+)?", "N", str(stop.value))
    assert "budget reached: N of N credits are spent by this run" in said
    assert "messages (llamaN-Nb): N of N calls are answered, N missing" in said
    assert "before it: classify 6 calls" in str(stop.value)
    assert "raise budget.max_credits in the experiment file" in said and "--set budget.max_credits=" in said
    kept = made(run)
    assert kept["classify"] == 6 and 0 < kept["messages"] < 12
    assert spent(run) <= 1
    assert run.count("SELECT COUNT(*) FROM MESSAGE_INBOX WHERE run_id = ?", run.id) == len(ROWS)
    assert run.count("SELECT COUNT(*) FROM CLAIMS") == 0

    again = trained({"budget": {"max_credits": 1000}, "messages.max_tokens": 400})
    rest = answer(again)
    assert "classify" not in rest and rest["messages"] == 12 - kept["messages"]
    assert run.count("SELECT COUNT(*) - COUNT(DISTINCT key) FROM COMPLETIONS") == 0
    assert run.count("SELECT COUNT(*) FROM MESSAGES WHERE run_id = ?", again.id) == 12


def test_a_model_without_a_price_is_refused_before_the_inbox_is_sorted(trained, monkeypatch):
    prices = {STUDENT: 1.0, WRITER: 1.0}
    monkeypatch.setattr(budget, "credits", lambda model, served_by, tokens: prices.get(model))
    monkeypatch.setattr(budget, "served_as", lambda session, model: model)  # as on an account
    run = trained({"budget": {"max_credits": 5}})
    student = choose_student.fn(run)
    read_inbox.fn(run)
    run.sql("INSERT INTO FINE_TUNES (fine_tune, base_model) VALUES ('SHOES_1', ?)", STUDENT)
    with pytest.raises(SetupError, match=f"no price is known for {JUDGE}"):
        expect_calls.fn(run, student)
