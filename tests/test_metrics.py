"""Accuracies, intervals and paired tests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_distill.metrics import Pair, class_scores, macro_f1, verdicts, wilson_interval


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


def test_variants_that_differ_on_few_rows_are_not_called_different():
    (verdict,) = verdicts([Pair("x", "y", both=50, only_first=3, only_second=5, neither=42)])
    assert verdict.text.startswith("no difference shown between x and y (n = 100; 3 rows only x got right, 5 only y")


def test_a_clear_winner_is_named_with_its_p_value():
    (verdict,) = verdicts([Pair("x", "y", both=50, only_first=2, only_second=20, neither=28)])
    assert verdict.text.startswith("y is better than x")
    assert verdict.p_value == pytest.approx(2 * sum(_choose(22, k) for k in range(3)) / 2**22)


def test_many_pairs_are_corrected_after_holm():
    pair = Pair("x", "y", both=0, only_first=1, only_second=9, neither=0)
    alone = verdicts([pair])[0].p_value
    assert [v.p_value for v in verdicts([pair] * 3)] == pytest.approx([3 * alone] * 3)


def test_no_pairs_have_no_verdicts():
    assert verdicts([]) == []


def _choose(n, k):
    result = 1
    for i in range(k):
        result = result * (n - i) // (i + 1)
    return result
