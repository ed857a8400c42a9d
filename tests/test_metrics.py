"""Accuracies, their intervals, and scores per category."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_distill.metrics import class_scores, design_effect, macro_f1, wilson_interval


@given(st.integers(1, 500), st.data())
def test_an_interval_holds_its_accuracy(n, data):
    correct = data.draw(st.sampled_from([0, n]) | st.integers(0, n))
    low, high = wilson_interval(correct, n)
    assert 0 <= low <= correct / n <= high <= 1


def test_the_interval_of_17_of_17_keeps_a_width():
    low, high = wilson_interval(17, 17)
    assert (round(low, 3), high) == (0.816, 1.0)


def test_the_interval_agrees_with_wilsons_formula():
    n, k, z = 100, 76, 1.959963984540054
    centre = (k / n + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * ((k / n) * (1 - k / n) / n + z * z / (4 * n * n)) ** 0.5
    assert wilson_interval(k, n) == pytest.approx((centre - half, centre + half), abs=1e-12)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_every_interval_stays_in_0_to_1_and_holds_its_share(counts):
    correct, n = counts
    low, high = wilson_interval(correct, n)
    assert 0 <= low <= correct / n + 1e-12
    assert correct / n - 1e-12 <= high <= 1


def test_no_rows_have_no_accuracy():
    with pytest.raises(ValueError, match="at least one row"):
        wilson_interval(0, 0)


CONFUSION = {("a", "a"): 8, ("a", "b"): 1, ("a", ""): 1, ("b", "b"): 5, ("b", "a"): 5}


def test_class_scores_follow_from_the_confusion_matrix():
    a, b = class_scores(CONFUSION, ["a", "b"])
    assert (a.precision, a.recall, a.support) == (pytest.approx(8 / 13), 0.8, 10)
    assert (b.precision, b.recall, b.support) == (pytest.approx(5 / 6), 0.5, 10)
    assert a.f1 == pytest.approx(2 * 8 / (13 + 10))


def test_a_category_without_rows_does_not_lower_macro_f1():
    assert macro_f1(CONFUSION, ["a", "b", "never asked"]) == pytest.approx(macro_f1(CONFUSION, ["a", "b"]))


def test_a_perfect_arm_has_macro_f1_of_one():
    assert macro_f1({("a", "a"): 3, ("b", "b"): 2}, ["a", "b"]) == 1.0


def test_rows_of_one_call_that_stand_and_fall_together_count_for_one():
    assert design_effect([(5, 5, 10), (5, 0, 10)]) == pytest.approx(5 * 20 / 19)


def test_rows_of_one_call_that_differ_as_strangers_do_count_fully():
    assert design_effect([(2, 2, 25), (2, 1, 50), (2, 0, 25)]) == pytest.approx(100 / 99)


def test_rows_that_were_written_alone_have_no_design_effect():
    assert design_effect([(1, 1, 70), (1, 0, 30)]) == 1.0


def test_a_single_call_says_no_more_than_a_single_row():
    assert design_effect([(25, 20, 1)]) == 25


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 5)), min_size=1), st.randoms(use_true_random=False))
def test_a_design_effect_never_makes_an_interval_narrower(shape, random):
    groups = [(rows, random.randint(0, rows), calls) for rows, calls in shape]
    n, correct = (sum(group[place] * group[2] for group in groups) for place in (0, 1))
    plain, wide = wilson_interval(correct, n), wilson_interval(correct, n, design_effect(groups))
    assert wide.low <= plain.low + 1e-12
    assert wide.high >= plain.high - 1e-12
