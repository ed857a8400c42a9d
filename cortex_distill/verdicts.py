"""Whether two arms differ: in pairs on the rows that both answered, unpaired where they share none; Holm over all."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.stats import binom, fisher_exact
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep

from cortex_distill.metrics import Interval
from cortex_distill.power import smallest_paired, smallest_unpaired

SIGNIFICANT = 0.05
Z = 1.959963984540054  # the standard normal's 97.5 % point, for 95 % intervals
_APART = "no row in common"


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


class Verdict(NamedTuple):
    """What can be said about two arms. Shares in [0, 1]; a positive difference is in favour of the first."""

    first: str
    second: str
    rows: int  # that both answered; 0 for an unpaired test
    only_first: int
    only_second: int
    p_value: float  # Holm-corrected over all pairs that were tested together
    difference: float
    interval: Interval
    test: str
    could_show: Callable[[], float | None]

    @property
    def smallest(self) -> float | None:
        """The true difference that would be found 4 times in 5; None if these rows can show none."""
        return self.could_show()

    @property
    def is_shown(self) -> bool:
        """Whether the two differ beyond chance."""
        return self.p_value < SIGNIFICANT

    @property
    def is_paired(self) -> bool:
        """Whether both answered the same rows."""
        return self.rows > 0

    @property
    def text(self) -> str:
        """One sentence, which calls no winner inside the noise. Of a shown difference the better one comes first."""
        one = self if self.difference >= 0 or not self.is_shown else self.turned
        counted = f"n = {one.rows:,}, {one.only_first:,} against {one.only_second:,} rows" if one.is_paired else _APART
        figures = f"{span(one.interval)}; {counted}; {one.test} p {p_text(one.p_value)}"
        if one.is_shown:
            return f"{one.first} is better than {one.second} by {one.difference:.2f} ({figures})"
        between = f"no difference shown between {one.first} and {one.second}"
        return f"{between} ({one.difference:+.2f}, {figures}; {one._could})"

    @property
    def turned(self) -> "Verdict":
        """The same with the second first."""
        return self._replace(
            first=self.second,
            second=self.first,
            only_first=self.only_second,
            only_second=self.only_first,
            difference=-self.difference,
            interval=Interval(-self.interval.high, -self.interval.low),
        )

    @property
    def _could(self) -> str:
        smallest = self.smallest
        if smallest is None:
            return "so few rows can show no difference at all"
        return f"a true difference of {smallest:.2f} would be found 4 times in 5"


def p_text(p_value: float) -> str:
    """`= 0.031`, or `< 0.001` where three digits would say nothing."""
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"


def span(interval: Interval) -> str:
    """`-0.05 to +0.11`: the bounds of a difference."""
    return f"{interval.low:+.2f} to {interval.high:+.2f}"


def verdicts(pairs: Iterable[Pair | Apart]) -> list[Verdict]:
    """Test each pair, and correct after Holm over all of them: they are one family."""
    listed = list(pairs)
    if not listed:
        return []
    raw = [_paired_p(pair) if isinstance(pair, Pair) else _unpaired_p(pair) for pair in listed]
    corrected = multipletests(raw, method="holm")[1] if len(raw) > 1 else raw
    alpha = SIGNIFICANT / len(listed)  # what the first of a family must reach
    return [_verdict(pair, float(p), alpha) for pair, p in zip(listed, corrected, strict=True)]


def _verdict(pair: Pair | Apart, p_value: float, alpha: float) -> Verdict:
    return _paired(pair, p_value, alpha) if isinstance(pair, Pair) else _unpaired(pair, p_value, alpha)


def _paired(pair: Pair, p_value: float, alpha: float) -> Verdict:
    discordant = (pair.only_first + pair.only_second) / max(pair.rows, 1)
    return Verdict(
        pair.first,
        pair.second,
        pair.rows,
        pair.only_first,
        pair.only_second,
        p_value,
        difference=(pair.only_first - pair.only_second) / max(pair.rows, 1),
        interval=paired_interval(pair),
        test="sign flips of calls" if _grouped(pair) else "McNemar",
        could_show=partial(smallest_paired, round(pair.rows / likeness(pair)), discordant, alpha),
    )


def _unpaired(pair: Apart, p_value: float, alpha: float) -> Verdict:
    shares = (pair.first_correct / pair.first_n, pair.second_correct / pair.second_n)
    first_n, second_n = (n / pair.design_effect for n in (pair.first_n, pair.second_n))
    low, high = confint_proportions_2indep(shares[0] * first_n, first_n, shares[1] * second_n, second_n, "newcomb")
    return Verdict(
        pair.first,
        pair.second,
        0,
        0,
        0,
        p_value,
        difference=shares[0] - shares[1],
        interval=Interval(float(low), float(high)),
        test="unpaired Fisher",
        could_show=partial(smallest_unpaired, first_n, second_n, sum(shares) / 2, alpha),
    )


def _grouped(pair: Pair) -> bool:
    return any(group.rows > 1 for group in pair.groups)


def _paired_p(pair: Pair) -> float:
    if _grouped(pair):
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


def likeness(pair: Pair) -> float:
    """Variance of the net difference with calls as units, over the variance with rows as units; at least 1."""
    mean = (pair.only_first - pair.only_second) / max(pair.rows, 1)
    alone = pair.only_first + pair.only_second - pair.rows * mean**2
    if not _grouped(pair) or alone <= 0:
        return 1.0
    return max(1.0, sum(group.calls * (group.net - group.rows * mean) ** 2 for group in pair.groups) / alone)


def _unpaired_p(pair: Apart) -> float:
    cells = []
    for correct, n in ((pair.first_correct, pair.first_n), (pair.second_correct, pair.second_n)):
        effective = max(1, round(n / pair.design_effect))
        right = round(correct / n * effective)
        cells.append([right, effective - right])
    return float(fisher_exact(cells)[1])
