"""Whether two arms differ: in pairs on the rows that both answered, unpaired where they share none; Holm over all."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from statsmodels.stats.multitest import multipletests

from cortex_distill.metrics import Interval
from cortex_distill.pair_tests import Apart, Pair, is_grouped, likeness, p_value_of, paired_interval, unpaired_interval
from cortex_distill.power import smallest_paired, smallest_unpaired

SIGNIFICANT = 0.05
_APART = "no row in common"


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
    raw = [p_value_of(pair) for pair in listed]
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
        test="sign flips of calls" if is_grouped(pair) else "McNemar",
        could_show=partial(smallest_paired, round(pair.rows / likeness(pair)), discordant, alpha),
    )


def _unpaired(pair: Apart, p_value: float, alpha: float) -> Verdict:
    shares = (pair.first_correct / pair.first_n, pair.second_correct / pair.second_n)
    first_n, second_n = (n / pair.design_effect for n in (pair.first_n, pair.second_n))
    return Verdict(
        pair.first,
        pair.second,
        0,
        0,
        0,
        p_value,
        difference=shares[0] - shares[1],
        interval=unpaired_interval(pair),
        test="unpaired Fisher",
        could_show=partial(smallest_unpaired, first_n, second_n, sum(shares) / 2, alpha),
    )
