"""The numbers of a plan: how parts add up, what has no price, when a budget is exceeded, planned against actual."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.settings import PREFECT_API_URL, temporary_settings

from cortex_distill.plan import Difference, Part, Plan, Training, lines
from cortex_distill.plan_sql import NOTHING, Counted
from cortex_distill.planned import Made, Planned, against, cells, planned_of
from cortex_distill.report_tickets import spent
from flows.terminal import console, show_summary
from tests.test_report import summary

TEACHER, STUDENT = "llama3.3-70b", "llama3.1-8b"


def part(step="generate", model=TEACHER, calls=10, free=0, read=1000, wrote=100):
    return Part(step, model, "", calls, free, read, wrote, "", (read + 500, wrote + 50))


def plan(*parts, is_local=False, max_credits=None, started=False):
    training = Training(STUDENT, 100, 3, 9000, started, "")
    differences = [Difference("holdout", 100, 1, 0.13)]
    return Plan("shoes", "dev", parts or [part()], training, differences, {}, is_local, "", max_credits)


def test_parts_of_one_step_and_model_are_one_line():
    found = lines([part(calls=10, free=4), part("judge"), part(calls=5, free=None)])
    assert [(line.step, line.calls, line.free, line.to_make, line.is_open) for line in found] == [
        ("generate", 15, 4, 11, True),
        ("judge", 10, 0, 10, False),
    ]


@given(st.lists(st.tuples(st.sampled_from(["generate", "judge"]), st.integers(0, 99), st.integers(0, 9)), min_size=1))
def test_nothing_is_lost_when_parts_are_added_up(drawn):
    parts = [part(step, calls=calls + free, free=free) for step, calls, free in drawn]
    found = lines(parts)
    assert sum(line.to_make for line in found) == sum(calls for _, calls, _ in drawn)
    assert sum(line.prompt_tokens for line in found) == 1000 * len(drawn)


def test_what_has_no_price_is_named_and_left_out_of_the_sum():
    one = plan(part(), part("evaluate", f"tuned {STUDENT}"))
    assert one.credits == pytest.approx(1100 * 1.21 / 1_000_000)
    assert one.without_price == [f"evaluate (tuned {STUDENT})", f"training of {STUDENT}"]


def test_answered_calls_and_a_training_that_was_started_cost_nothing():
    one = plan(part("evaluate", "unheard-of", calls=10, free=10, read=0, wrote=0), started=True)
    assert (one.credits, one.without_price, one.calls, one.free) == (0.0, [], 0, 10)
    assert one.headline == "shoes on dev: 0 calls to make, all 10 are answered; 0 tokens; 0.000 credits"


def test_on_this_machine_a_plan_costs_what_cortex_would_take_for_all_of_it():
    one = plan(part(calls=10, free=10, read=0, wrote=0), is_local=True, started=True)
    assert one.credits == pytest.approx(550 * 1.21 / 1_000_000)
    assert one.without_price == [f"training of {STUDENT}"]
    assert one.headline.endswith(
        "free here, where stand-ins answer; all of it on Cortex: 0.001 credits and what has no price known"
    )


def test_over_budget_is_for_those_who_pay():
    dear = part(read=10_000_000)
    assert plan(dear, max_credits=5).is_over_budget
    assert not plan(dear, max_credits=50).is_over_budget
    assert not plan(dear).is_over_budget
    assert not plan(dear, max_credits=5, is_local=True).is_over_budget


def test_the_headline_says_at_most_where_something_is_open():
    assert "at most 10 calls" in plan(part(free=None)).headline
    assert "at most" not in plan(part()).headline
    assert "10 calls before refills;" in plan(part())._replace(refills="refills may add 5").headline


def test_a_sample_speaks_for_all_prompts_by_length():
    assert Counted(tokens=50, characters=200, prompts=2).of(1000) == 250
    assert NOTHING.of(1000) == 250


def test_planned_and_made_stand_side_by_side():
    planned = planned_of(plan(part(), part("evaluate", f"tuned {STUDENT}", calls=5, read=50, wrote=5)))
    made = [Made("generate", TEACHER, 8, 900, 0.1), Made("evaluate", "DB.S.SHOES_1", 5, 60, None)]
    assert [
        (a.step, a.model, a.planned and a.planned.calls, a.made and a.made.calls) for a in against(planned, made)
    ] == [
        ("generate", TEACHER, 10, 8),
        ("evaluate", f"tuned {STUDENT}", 5, 5),
        ("fine-tune", STUDENT, 0, None),
    ]


def test_report_and_terminal_show_what_was_planned():
    found = summary(planned=against([Planned("judge", TEACHER, 9, 100, None)], [Made("judge", TEACHER, 7, 1234, None)]))
    text = spent(found)
    assert "### Planned against actual" in text and "| 9 | 7 | 100 | 1,234 | – | – |" in text
    with console.capture() as shown:
        show_summary(found)
    assert "Planned against actual" in shown.get() and "1,234" in shown.get()


@pytest.mark.parametrize(
    ("url", "where"), [("http://a:1/api", "http://a:1/v2/artifacts/artifact/77"), (None, "make up")]
)
def test_a_run_ends_with_the_address_of_its_report_or_how_to_get_one(url, where):
    with temporary_settings({PREFECT_API_URL: url}), console.capture() as shown:
        show_summary(summary(artifact="77"))
    assert where in shown.get()


def test_two_fine_tuned_models_of_one_run_are_added_up():
    planned = [Planned("evaluate", f"tuned {STUDENT}", 5, 60, None)]
    made = [Made("evaluate", "A_1", 2, 20, None), Made("evaluate", "A_2", 3, 30, 0.5)]
    assert against(planned, made)[0].made == Made("evaluate", f"tuned {STUDENT}", 5, 50, 0.5)


def test_what_nobody_planned_is_shown_too():
    [_, surprise] = against([Planned("judge", TEACHER, 1, 10, 0.1)], [Made("label", TEACHER, 7, 70, None)])
    assert cells(surprise) == ["label", TEACHER, "–", "7", "–", "70", "–", "–"]
