"""How far teacher, judges, vote and people agree about tickets, beyond chance."""

import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from statsmodels.stats.inter_rater import cohens_kappa

from cortex_distill.metrics import figure, wilson_interval


class Agreement(NamedTuple):
    """Tickets that both decided about, counted."""

    both_kept: int
    judge_only: int  # kept by the judge, dropped by the person
    person_only: int  # dropped by the judge, kept by the person
    both_dropped: int

    @property
    def n(self) -> int:
        """Tickets with a mark."""
        return sum(self)

    @property
    def same(self) -> int:
        """Tickets about which the two agree."""
        return self.both_kept + self.both_dropped

    @property
    def text(self) -> str:
        """Raw agreement and kappa, as people are shown them."""
        return f"{self.same} of {self.n} marked as the judge did, {kappa_text(self)}"


def kappa_text(found: Agreement) -> str:
    """`Cohen's kappa 0.55 (0.28–0.82)`; see `kappa`."""
    return f"Cohen's kappa {kappa([[found.both_kept, found.judge_only], [found.person_only, found.both_dropped]])}"


def kappa(table: Sequence[Sequence[int]]) -> str:
    """`0.55 (0.28–0.82)` of a square table of counts, with the 95 % interval of its large-sample standard error.

    Without an interval where that error is 0, which few rows make it and certainty does not; undefined where both
    say the same of every ticket. Source: Fleiss, Cohen, Everitt (1969), as statsmodels computes it.
    """
    found = _kappa(table)
    if found is None:
        return "undefined (only one kind of ticket)"
    value, low, high = found
    return f"{value:.2f} (too few marks for an interval)" if low == high else figure(value, low, high)


def _kappa(table: Sequence[Sequence[int]]) -> tuple[float, float, float] | None:
    """With the ends of its interval, both the same where there is none; None where it is undefined."""
    if sum(map(sum, table)) in [row[place] for place, row in enumerate(table)]:
        return None
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # of a z value that nobody reads here
        result = cohens_kappa(table)
    value = float(result.kappa)
    if float(result.std_kappa) < 1e-9:
        return value, value, value
    return value, max(-1.0, float(result.kappa_low)), min(1.0, float(result.kappa_upp))


class Between(NamedTuple):
    """Two who decided about the same tickets."""

    first: str
    second: str
    n: int  # tickets that both decided about
    same: int
    kappa: str  # as `kappa` says it; '' where one of the two can say only one thing
    by_chance: bool = False  # whether that much agreement may be chance: the interval of kappa reaches 0

    @property
    def agreement(self) -> str:
        """The share on which they agree, with its 95 % interval after Wilson, as if tickets were independent."""
        return figure(self.same / self.n, *wilson_interval(self.same, self.n))


class Mixed(NamedTuple):
    """Tickets that the teacher wrote for one category and the vote puts into another."""

    category: str
    vote: str
    tickets: int
    of: int  # tickets of the category that have a vote
    example: str  # the request of one of them


class Trust(NamedTuple):
    """What is known of the labels."""

    between: Sequence[Between]
    mixed: Sequence[Mixed]  # the most frequent first
    vote: str = ""  # one sentence about the vote; '' where none was wanted
    warning: str = ""  # why the vote is not to be relied on; '' if nothing speaks against it


def labels_between(counts: Mapping[tuple[str, str], int]) -> Between:
    """Teacher and vote, by how often each category was written and each voted for."""
    names = list(dict.fromkeys(name for pair in counts for name in pair))
    table = [[counts.get((row, column), 0) for column in names] for row in names]
    same = sum(row[place] for place, row in enumerate(table))
    found = _kappa(table)
    by_chance = found is not None and found[1] <= 0
    return Between("teacher", "vote", sum(counts.values()), same, kappa(table), by_chance)


def kept_between(first: str, second: str, found: Agreement) -> Between:
    """Two who keep or drop; the teacher stands by everything that it wrote, so that no kappa can be had of it."""
    says_one_thing = first == "teacher" or 0 in (
        found.both_kept + found.judge_only,
        found.person_only + found.both_dropped,
        found.both_kept + found.person_only,
        found.judge_only + found.both_dropped,
    )
    table = [[found.both_kept, found.judge_only], [found.person_only, found.both_dropped]]
    return Between(first, second, found.n, found.same, "" if says_one_thing else kappa(table))
