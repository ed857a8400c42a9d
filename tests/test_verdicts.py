"""Paired and unpaired tests, their correction, and what n could show: against implementations of their own."""

import gc
from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from cortex_distill.pair_tests import Apart, Group, Pair, paired_interval, sign_flip_p
from cortex_distill.power import paired_power, smallest_paired, smallest_unpaired
from cortex_distill.verdicts import verdicts

counts = st.integers(0, 60)


@pytest.fixture(scope="module", autouse=True)
def quick():
    """statsmodels collects garbage in each correction: 50 ms that thousands of repeats need not pay."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)
        yield


def exact_mcnemar(first, second):
    """Two-sided, by whole numbers."""
    n, fewer = first + second, min(first, second)
    return min(1.0, 2 * sum(comb(n, k) for k in range(fewer + 1)) / 2**n)


def holm(p_values):
    """Step down: the smallest times m, the next times m - 1, never less than the one before."""
    corrected, highest = {}, 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - place)))
        corrected[index] = highest
    return [corrected[index] for index in range(len(p_values))]


@given(st.lists(st.tuples(counts, counts, counts, counts).filter(any), min_size=1, max_size=8))
def test_p_values_agree_with_whole_numbers_and_holms_steps(tables):
    said = verdicts(Pair("x", "y", *table) for table in tables)
    expected = holm([exact_mcnemar(only_first, only_second) for _, only_first, only_second, _ in tables])
    assert [verdict.p_value for verdict in said] == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=80))
def test_the_sign_flip_test_of_rows_written_alone_is_mcnemars(nets):
    groups = [Group(net, 1, nets.count(net)) for net in set(nets)]
    assert sign_flip_p(groups) == pytest.approx(exact_mcnemar(nets.count(1), nets.count(-1)), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=2, max_size=9))
def test_the_sign_flip_test_agrees_with_all_permutations_of_scipy(nets):
    groups = [Group(net, 5, nets.count(net)) for net in set(nets)]
    data = (np.array(nets), np.zeros(len(nets)))
    every = permutation_test(data, lambda x, y, axis: (x - y).sum(axis), permutation_type="samples", vectorized=True)
    assert sign_flip_p(groups) == pytest.approx(every.pvalue, abs=1e-9)


def test_rows_of_one_call_do_not_count_as_many_witnesses():
    alone = Pair("x", "y", 80, 20, 0, 0)
    together = Pair("x", "y", 80, 20, 0, 0, (Group(10, 10, 2), Group(0, 10, 8)))
    first, second = verdicts([alone])[0], verdicts([together])[0]
    assert first.is_shown
    assert not second.is_shown
    assert second.interval.high - second.interval.low > first.interval.high - first.interval.low
    assert "sign flips of calls" in second.text


@given(counts, counts, counts, counts)
def test_the_interval_agrees_with_agresti_and_min(both, first, second, neither):
    pair = Pair("x", "y", both, first, second, neither)
    low, high = paired_interval(pair)
    if not pair.rows:
        return
    b, c, n = first + 0.5, second + 0.5, pair.rows + 2
    half = 1.959963984540054 * sqrt(b + c - (b - c) ** 2 / n) / n
    assert (low, high) == pytest.approx((max(-1, (b - c) / n - half), min(1, (b - c) / n + half)), abs=1e-9)


def test_the_unpaired_test_agrees_with_fishers_sum_and_newcombes_interval():
    (verdict,) = verdicts([Apart("x", "y", 56, 70, 48, 80)])
    total, right = 150, 104
    chance = {k: comb(70, k) * comb(80, right - k) / comb(total, right) for k in range(24, 71)}
    assert verdict.p_value == pytest.approx(sum(p for p in chance.values() if p <= chance[56] * (1 + 1e-9)), abs=1e-9)
    assert verdict.interval == pytest.approx((0.0524, 0.3339), abs=1e-4)  # Newcombe (1998), table II, method 10
    assert "no row in common" in verdict.text


def test_a_difference_inside_the_noise_is_called_none_and_says_what_could_be_found():
    (verdict,) = verdicts([Pair("x", "y", both=50, only_first=3, only_second=5, neither=42)])
    assert verdict.text.startswith(
        "no difference shown between x and y (-0.02, -0.08 to +0.04; n = 100, 3 against 5 rows; McN"
    )
    assert "would be found 4 times in 5" in verdict.text


def test_a_clear_winner_is_named_with_how_much_and_how_sure():
    (verdict,) = verdicts([Pair("x", "y", both=50, only_first=2, only_second=20, neither=28)])
    assert verdict.text.startswith("y is better than x by 0.18 (+0.09 to +0.26; n = 100, 20 against 2 rows")
    assert verdict.text.endswith("McNemar p < 0.001)")


def test_no_pairs_have_no_verdicts():
    assert verdicts([]) == []


def test_five_rows_can_show_nothing():
    (verdict,) = verdicts([Pair("x", "y", 0, 5, 0, 0)])
    assert verdict.smallest is None
    assert "so few rows can show no difference at all" in verdict.text


@pytest.mark.parametrize(("n", "discordant"), [(25, 0.1), (100, 0.1), (100, 0.4), (300, 0.2), (3000, 0.05)])
def test_the_smallest_difference_is_found_in_four_of_five_simulated_repeats(n, discordant):
    smallest = smallest_paired(n, discordant, 0.05)
    apart = max(discordant, smallest)
    shares = [(apart + smallest) / 2, (apart - smallest) / 2, 1 - apart]
    drawn = np.random.default_rng(1).multinomial(n, shares, size=2000)
    found = [exact_mcnemar(int(first), int(second)) < 0.05 for first, second, _ in drawn]
    assert np.mean(found) == pytest.approx(0.8, abs=0.03)


def test_more_rows_show_smaller_differences():
    by_n = [smallest_paired(n, 0.3, 0.05) for n in (10, 30, 100, 1000, 100_000)]
    assert by_n == sorted(by_n, reverse=True)


def test_power_without_disagreement_is_none():
    assert paired_power(100, 0.0, 0.0, 0.05) == 0.0


def test_unpaired_groups_show_less_than_pairs_that_agree_on_most_rows():
    assert smallest_unpaired(100, 100, 0.8, 0.05) > smallest_paired(100, 0.1, 0.05)
    assert smallest_unpaired(2, 2, 0.5, 0.05) is None


@pytest.mark.parametrize("disagreement", [0.05, 0.2, 0.4])
def test_two_variants_that_do_not_differ_are_called_so_in_95_of_100_repeats(disagreement):
    drawn = np.random.default_rng(2).multinomial(300, [disagreement / 2] * 2 + [1 - disagreement], size=200)
    called = [verdicts([Pair("x", "y", int(both), int(one), int(two), 0)])[0].is_shown for one, two, both in drawn]
    assert np.mean(called) <= 0.05


def test_fifteen_points_on_300_rows_are_found_in_90_of_100_repeats_among_six_pairs():
    """Accuracies .70 and .85 with independent errors; Holm over the pairs of four variants."""
    shares = [0.85 * 0.30, 0.15 * 0.70, 0.85 * 0.70, 0.15 * 0.30]
    drawn = np.random.default_rng(3).multinomial(300, shares, size=200)
    idle = [Pair("x", "z", 200, 30, 30, 40)] * 5
    found = [verdicts([Pair("x", "y", int(c[2]), int(c[0]), int(c[1]), int(c[3])), *idle])[0] for c in drawn]
    assert np.mean([verdict.is_shown and verdict.difference > 0 for verdict in found]) >= 0.9
