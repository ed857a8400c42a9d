"""Rounds: what a refill asks for, from numbers alone."""

from math import ceil
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_distill.rounds import first_round, next_round, refill


def config(per_category=20, per_call=6, rounds=3):
    generate = SimpleNamespace(per_category=per_category, per_call=per_call, rounds=rounds)
    return SimpleNamespace(refine=None, categories={"a": "", "b": ""}, generate=generate)


def test_a_full_category_is_asked_for_nothing():
    assert refill(25, kept=25, asked=25) == refill(25, kept=26, asked=40) == 0


def test_a_category_that_kept_nothing_is_asked_as_in_the_first_round():
    assert refill(25, kept=0, asked=25) == 25


@pytest.mark.parametrize(("kept", "asked", "more"), [(24, 25, 2), (20, 25, 8), (13, 25, 25), (99, 100, 2)])
def test_a_refill_is_what_is_missing_by_the_yield_and_some_more(kept, asked, more):
    assert refill(25 if asked == 25 else 100, kept, asked) == more


@given(st.data(), st.integers(1, 500), st.integers(1, 10))
def test_a_refill_is_at_least_what_is_missing_and_at_most_the_first_round(data, per_category, times):
    asked = per_category * times
    kept = data.draw(st.integers(0, asked))
    tickets = refill(per_category, kept, asked)
    assert max(0, per_category - kept) <= tickets <= per_category


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=12), st.integers(1, 10), st.integers(1, 9))
def test_no_number_of_a_call_comes_twice_and_cost_is_bounded(kept, rounds, per_call):
    made, now = {"a": [], "b": []}, first_round(config(rounds=rounds, per_call=per_call))
    asked = 0
    for found in [*kept, (0, 0), (0, 0)]:
        for category, one in now.wanted.items():
            made[category] += range(one.first_call, one.first_call + ceil(one.tickets / per_call))
        asked += now.tickets
        following = next_round(config(rounds=rounds, per_call=per_call), now, dict(zip("ab", found, strict=True)))
        if following is None:
            break
        now = following
    assert all(calls == list(range(len(calls))) for calls in made.values())
    assert asked <= rounds * 40
    assert now.number <= rounds


def test_nothing_short_or_no_round_left_is_the_end():
    first = first_round(config())
    assert next_round(config(), first, {"a": 20, "b": 21}) is None
    assert next_round(config(rounds=1), first, {}) is None


def test_only_short_categories_are_asked_and_calls_go_on_where_they_ended():
    second = next_round(config(), first_round(config()), {"a": 20, "b": 15})
    assert [(one.tickets, one.first_call, one.asked) for one in second.wanted.values()] == [(0, 4, 20), (9, 4, 20)]
    third = next_round(config(), second, {"a": 20, "b": 19})
    assert [(one.tickets, one.first_call, one.asked) for one in third.wanted.values()] == [(0, 4, 20), (3, 6, 29)]
    assert (first_round(config()).title("judge"), third.title("judge")) == ("judge", "judge, round 3")
