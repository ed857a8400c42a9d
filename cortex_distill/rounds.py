"""Rounds of tickets: what each category is asked for, until it has its number of kept tickets. Plain numbers, no SQL.

The first round asks each category for `per_category`. A refill asks for what is missing, by the category's own yield:
kept of asked, so that replies without a ticket, repeats and low ratings all count. It asks for one standard deviation
more than it takes on average, since a round costs time as well, and never for more than the first round. So a run
asks for `rounds` times the first round at most, and a category is filled where it keeps more than 1 in `rounds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, sqrt
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cortex_distill.config import ExperimentConfig


class Wanted(NamedTuple):
    """What a round asks one category for."""

    tickets: int
    first_call: int = 0  # its number: a category's calls are counted through all rounds, so that no key comes twice
    asked: int = 0  # tickets, in the rounds before


class Round(NamedTuple):
    """One time around: generate, judge, and what stands between and after them."""

    number: int  # from 1
    wanted: Mapping[str, Wanted]  # every category, in the order of the file
    refining: int = 0  # tickets that `refine` asks for in the first round; they are beside the quotas

    def title(self, step: str) -> str:
        """What a step of this round is called; nothing special in the first."""
        return step if self.number == 1 else f"{step}, round {self.number}"

    @property
    def tickets(self) -> int:
        """Asked for in this round."""
        return sum(one.tickets for one in self.wanted.values()) + self.refining


def first_round(config: ExperimentConfig) -> Round:
    """`per_category` tickets of each category, and what `refine` asks for."""
    wanted = dict.fromkeys(config.categories, Wanted(config.generate.per_category))
    return Round(1, wanted, sum(pair.tickets for pair in config.refine.pairs) if config.refine else 0)


def next_round(config: ExperimentConfig, last: Round, kept: Mapping[str, int]) -> Round | None:
    """What to ask for after a round that left so many kept tickets; None if nothing is short or rounds are spent."""
    if last.number >= config.generate.rounds:
        return None
    wanted = {}
    for category, before in last.wanted.items():
        asked, calls = before.asked + before.tickets, ceil(before.tickets / config.generate.per_call)
        tickets = refill(config.generate.per_category, kept.get(category, 0), asked)
        wanted[category] = Wanted(tickets, before.first_call + calls, asked)
    more = Round(last.number + 1, wanted)
    return more if more.tickets else None


def refill(per_category: int, kept: int, asked: int) -> int:
    """Tickets to ask one category for: n where n · yield - √(n · yield · (1 - yield)) is what is missing, rounded up,
    at most `per_category`; 0 if nothing is missing."""
    missing = per_category - kept
    if missing <= 0:
        return 0
    share = min(1.0, kept / asked) if asked else 1.0
    if not share:
        return per_category
    spread = sqrt(share * (1 - share))
    root = (spread + sqrt(spread**2 + 4 * share * missing)) / (2 * share)
    return min(per_category, ceil(root**2 - 1e-9))
