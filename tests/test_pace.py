"""How much goes out at once: it grows, throttling halves it, it recovers, and it ends."""

import pytest

from cortex_distill import pace
from cortex_distill.errors import ConfigError
from cortex_distill.pace import ATTEMPTS, LARGEST_STATEMENT, LONGEST_REST, Pace

pytestmark = pytest.mark.usefixtures("rests")


@pytest.fixture
def four_at_once(monkeypatch):
    monkeypatch.setenv("DISTILL_STATEMENTS_AT_ONCE", "4")
    return Pace()


def groups_until(condition, one):
    for groups in range(100):
        if condition():
            return groups
        one.answered(one.at_once * one.rows, 1.0)
    raise AssertionError("it never recovers")


def test_a_fast_model_gets_statements_sixteen_times_as_large_up_to_the_largest():
    one, sizes = Pace(), []
    for _ in range(4):
        sizes.append(one.rows)
        one.answered(one.rows, 0.001)
    assert sizes == [8, 128, 2048, LARGEST_STATEMENT]


def test_a_slow_model_gets_what_it_can_answer_in_some_seconds():
    one = Pace()
    one.answered(8, 8.0)  # one a second
    assert one.rows == pace.SECONDS_PER_STATEMENT


def test_throttling_halves_the_statements_at_once_and_then_their_rows(four_at_once):
    seen = []
    for _ in range(5):
        four_at_once.throttled(any_answered=True)
        seen.append((four_at_once.at_once, four_at_once.rows))
    assert seen == [(2, 8), (1, 8), (1, 4), (1, 2), (1, 1)]


def test_a_statement_that_took_too_long_halves_its_rows_first(four_at_once):
    four_at_once.throttled(any_answered=False, too_long=True)
    assert (four_at_once.at_once, four_at_once.rows) == (4, 4)


def test_it_recovers_after_throttling_more_slowly_than_it_began(four_at_once):
    for _ in range(5):
        four_at_once.throttled(any_answered=True)
    groups = groups_until(lambda: four_at_once.at_once == 4 and four_at_once.rows >= 8, four_at_once)
    assert 3 < groups < 20


def test_fixed_rows_are_never_exceeded_but_throttling_lowers_them(monkeypatch):
    monkeypatch.setenv("DISTILL_ROWS_PER_STATEMENT", "6")
    one = Pace()
    one.throttled(any_answered=True)
    assert one.rows == 3
    groups_until(lambda: one.rows == 6, one)
    one.answered(6, 0.001)
    assert one.rows == 6


def test_rests_double_with_jitter_up_to_the_longest(rests):
    one = Pace()
    for _ in range(ATTEMPTS - 1):
        one.throttled(any_answered=False)
        one.rest()
    highest = [min(LONGEST_REST, pace.FIRST_REST * 2**n) for n in range(1, ATTEMPTS)]
    assert all(most / 2 <= rest <= most for rest, most in zip(rests, highest, strict=True))
    assert len({rest / most for rest, most in zip(rests, highest, strict=True)}) > 1


def test_without_a_refusal_nobody_rests(rests):
    one = Pace()
    one.answered(8, 1.0)
    one.rest()
    assert rests == []


def test_it_ends_after_so_many_groups_without_an_answer_and_one_answer_begins_anew():
    one = Pace()
    for _ in range(ATTEMPTS - 1):
        one.throttled(any_answered=False)
    assert not one.ended
    one.throttled(any_answered=True)
    for _ in range(ATTEMPTS - 1):
        one.throttled(any_answered=False)
    assert not one.ended
    one.throttled(any_answered=False)
    assert one.ended


def test_a_group_is_no_larger_than_what_is_left_and_what_can_be_paid(four_at_once):
    assert four_at_once.statements(1, 20) == [(1, 9), (9, 17), (17, 21)]
    assert four_at_once.statements(1, 100) == [(1, 9), (9, 17), (17, 25), (25, 33)]
    assert four_at_once.statements(11, 100, affordable=3) == [(11, 14)]


def test_a_setting_that_is_no_number_is_named(monkeypatch):
    monkeypatch.setenv("DISTILL_STATEMENTS_AT_ONCE", "many")
    with pytest.raises(ConfigError, match=r"\$DISTILL_STATEMENTS_AT_ONCE is 'many'; write a whole number"):
        Pace()
