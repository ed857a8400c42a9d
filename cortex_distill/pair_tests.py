"""Exact tests of whether two arms differ, and intervals of the difference: on shared rows in pairs, else unpaired."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binom, fisher_exact
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep

from cortex_distill.metrics import Interval

Z = 1.959963984540054  # the standard normal's 97.5 % point, for 95 % intervals


class Group(NamedTuple):
    """Calls to the teacher whose rows came out alike; a row that was written alone is a call of its own."""

    net: int  # rows of the call that only the first got right, less those that only the second got right
    rows: int  # of the call
    calls: int  # that came out so


class Pair(NamedTuple):
    """Two arms' answers to the same rows, counted."""

    first: str
    second: str
    both: int
    only_first: int
    only_second: int
    neither: int
    groups: Sequence[Group] = ()  # by call that wrote the rows; () where every row stands alone

    @property
    def rows(self) -> int:
        """Rows that both answered."""
        return self.both + self.only_first + self.only_second + self.neither


class Apart(NamedTuple):
    """Two arms that were asked about different rows; each with its own number of right answers."""

    first: str
    second: str
    first_correct: int
    first_n: int
    second_correct: int
    second_n: int
    design_effect: float = 1.0  # by how much rows of one call resemble each other; 1 where each stands alone


def p_value_of(pair: Pair | Apart) -> float:
    """Two-sided p, uncorrected: McNemar, sign flips where calls wrote several rows, Fisher where no row is shared."""
    return _paired_p(pair) if isinstance(pair, Pair) else _unpaired_p(pair)


def is_grouped(pair: Pair) -> bool:
    """Whether one call wrote several of the rows."""
    return any(group.rows > 1 for group in pair.groups)


def _paired_p(pair: Pair) -> float:
    if is_grouped(pair):
        return sign_flip_p(pair.groups)
    table = [[pair.both, pair.only_first], [pair.only_second, pair.neither]]
    return float(mcnemar(table, exact=True).pvalue)


def sign_flip_p(groups: Iterable[Group]) -> float:
    """Two-sided p of the exact sign-flip test: each call's net difference might as well have had the other sign.

    Exact McNemar is this test where every row is a call of its own. Source: Fisher (1935), The Design of
    Experiments, section 21, with calls instead of plants.
    """
    sizes: dict[int, int] = {}
    for group in groups:
        sizes[abs(group.net)] = sizes.get(abs(group.net), 0) + group.calls
    observed = abs(sum(group.net * group.calls for group in groups))
    chances, reach = np.ones(1), 0  # of each sum from -reach to reach
    for size, calls in sizes.items():
        if size:
            steps = np.zeros(2 * size * calls + 1)
            steps[:: 2 * size] = binom.pmf(np.arange(calls + 1), calls, 0.5)
            chances, reach = np.convolve(chances, steps), reach + size * calls
    sums = np.abs(np.arange(-reach, reach + 1))
    return min(1.0, float(chances[sums >= observed].sum()))


def paired_interval(pair: Pair) -> Interval:
    """95 % interval of the difference of two accuracies on the same rows, in [-1, 1].

    Wald's with half a row added to each cell, wider where rows of one call resemble each other.
    Source: Agresti and Min (2005), Statistics in Medicine 24, 729–740.
    """
    if not pair.rows:
        return Interval(-1.0, 1.0)
    n, net, apart = pair.rows + 2, pair.only_first - pair.only_second, pair.only_first + pair.only_second + 1
    half = Z * float(np.sqrt(max(0.0, apart - net**2 / n) * likeness(pair))) / n
    return Interval(max(-1.0, net / n - half), min(1.0, net / n + half))


def unpaired_interval(pair: Apart) -> Interval:
    """95 % interval of the difference of two accuracies on different rows, each counted for as little as it is worth.

    Source: Newcombe (1998), Statistics in Medicine 17, 873–890, method 10, as statsmodels computes it.
    """
    first_n, second_n = (n / pair.design_effect for n in (pair.first_n, pair.second_n))
    first, second = pair.first_correct / pair.first_n * first_n, pair.second_correct / pair.second_n * second_n
    low, high = confint_proportions_2indep(first, first_n, second, second_n, "newcomb")
    return Interval(float(low), float(high))


def likeness(pair: Pair) -> float:
    """Variance of the net difference with calls as units, over the variance with rows as units; at least 1."""
    mean = (pair.only_first - pair.only_second) / max(pair.rows, 1)
    alone = pair.only_first + pair.only_second - pair.rows * mean**2
    if not is_grouped(pair) or alone <= 0:
        return 1.0
    return max(1.0, sum(group.calls * (group.net - group.rows * mean) ** 2 for group in pair.groups) / alone)


def _unpaired_p(pair: Apart) -> float:
    cells = []
    for correct, n in ((pair.first_correct, pair.first_n), (pair.second_correct, pair.second_n)):
        effective = max(1, round(n / pair.design_effect))
        right = round(correct / n * effective)
        cells.append([right, effective - right])
    return float(fisher_exact(cells)[1])
