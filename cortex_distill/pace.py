"""How many calls go out at once: more while a model keeps up, fewer when it is throttled, none for a while after that.

As TCP does it: fast growth until the first refusal, half of it after each one, slow growth from then on.
"""

from __future__ import annotations

import os
import random
import time

from cortex_distill.errors import ConfigError

# One statement should take about this long: long enough that its own cost vanishes, short enough that progress is
# seen and little is lost. Cortex works on the rows of a statement in parallel, so large statements are fast ones.
SECONDS_PER_STATEMENT = 8.0
FIRST_STATEMENT, LARGEST_STATEMENT = 8, 5000
GROWTH, GROWTH_AFTER_REFUSAL = 16.0, 1.25  # the first is only a guard: SECONDS_PER_STATEMENT holds slow models back
REFUSED_SHARE = 0.05  # of a group's calls; fewer passing failures than that are bad luck, not throttling
ATTEMPTS = 10  # groups in a row without a single answer, until the Ask ends; with their rests some 3 minutes
FIRST_REST, LONGEST_REST = 0.5, 60.0  # seconds

sleep = time.sleep


class Pace:
    """$DISTILL_ROWS_PER_STATEMENT fixes the rows of a statement and $DISTILL_STATEMENTS_AT_ONCE (1) says how many run
    at once; throttling lowers both for a while."""

    def __init__(self) -> None:
        self._fixed = _number("DISTILL_ROWS_PER_STATEMENT", 0)
        self._most_at_once = _number("DISTILL_STATEMENTS_AT_ONCE", 1)
        self.at_once = self._most_at_once
        self.rows = self._fixed or FIRST_STATEMENT
        self.refused = 0
        self._growth, self._tired = GROWTH, False

    def statements(self, first: int, last: int, affordable: int | None = None) -> list[tuple[int, int]]:
        """The next group of statements over calls `first` to `last`: (from, before), at most `affordable` calls."""
        last = last if affordable is None else min(last, first + affordable - 1)
        return [(low, min(low + self.rows, last + 1)) for low in range(first, last + 1, self.rows)][: self.at_once]

    def answered(self, calls: int, seconds: float) -> None:
        """A group went well: the next may be larger."""
        self.refused, self._tired = 0, False
        speed = calls / self.at_once / max(seconds, 0.001)
        most = self._fixed or min(int(speed * SECONDS_PER_STATEMENT), LARGEST_STATEMENT)
        self.rows = max(1, min(most, max(self.rows + 1, int(self._growth * self.rows))))
        self.at_once = min(self._most_at_once, self.at_once + 1)

    def throttled(self, *, any_answered: bool, too_long: bool = False) -> None:
        """A group was refused, or part of it: half of it next time, and a rest before that.

        `too_long`: it was the size of a statement that was wrong, not their number.
        """
        self.refused, self._tired = 0 if any_answered else self.refused + 1, True
        self._growth = GROWTH_AFTER_REFUSAL
        if self.at_once > 1 and not too_long:
            self.at_once //= 2
        else:
            self.rows = max(1, self.rows // 2)

    @property
    def ended(self) -> bool:
        """Whether so many groups in a row got no answer that it is of no use to go on."""
        return self.refused >= ATTEMPTS

    def rest(self) -> None:
        """After a refusal wait, twice as long after each in a row, and never as long as anybody else."""
        if self._tired and not self.ended:
            sleep(random.uniform(0.5, 1.0) * min(LONGEST_REST, FIRST_REST * 2**self.refused))


def _number(variable: str, default: int) -> int:
    said = os.environ.get(variable) or str(default)
    try:
        return max(default, int(said))
    except ValueError as error:
        raise ConfigError(f"${variable} is '{said}'; write a whole number, or unset it") from error
