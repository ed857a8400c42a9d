"""Where a tuned student is weak: pairs of categories of which it takes one for the other."""

from collections.abc import Sequence
from typing import NamedTuple

from cortex_distill.markup import one_line

SHOWN = 10  # pairs in the report


class WeakSpot(NamedTuple):
    """Rows of one category that were answered with another."""

    category: str
    answer: str
    rows: int
    of: int  # rows of the category
    requests: tuple[str, ...]  # some of them

    @property
    def text(self) -> str:
        """`Refund taken for Wrong size: 3 of 12 (25 %)`."""
        names = f"{one_line(self.category, 100)} taken for {one_line(self.answer, 100)}"
        return f"{names}: {self.rows:,} of {self.of:,} ({self.rows / self.of:.0%})"


class WeakSpots(NamedTuple):
    """The pairs of one evaluation set, most rows first."""

    evaluation_set: str
    n: int  # rows that the student was asked about
    wrong: int  # of those, answered with another category, or with none
    pairs: Sequence[WeakSpot]


def used_up(sets: Sequence[str], where: str = "") -> str:
    """The caution that figures are of rows that an experiment was changed by."""
    named = " and ".join(sets)
    return f"refine chose its pairs by the {named}{where}: its figures are no longer of untouched rows, and may flatter"
