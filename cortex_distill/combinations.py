"""Combinations of attributes for the calls of a category, all different as long as there are new ones, and even.

Call k takes value (k + offset) mod size of each attribute. All offsets 0 give lcm(sizes) combinations before the first
comes again; another block of calls has other offsets, so that nothing repeats before every combination was there.
Each block holds each value equally often, and the rest of a block takes values in turn. So after any number of calls
the counts of two combinations differ by 1 at most, and so do those of two values of one attribute.
Nothing is listed: ten attributes of ten texts are ten thousand million combinations.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from math import gcd, lcm, prod

# Calls in a row that show the same examples: a small model reads a prompt that repeats only once, and most of its
# time goes into reading. The temperature makes their tickets differ.
CALLS_PER_EXAMPLES = 5


class Combinations:
    """The combinations of one category. Its name decides in which order the values of an attribute come."""

    def __init__(self, vary: Mapping[str, Sequence[str]], category: str) -> None:
        chance = random.Random(category)
        self._values = {name: chance.sample(list(texts), len(texts)) for name, texts in vary.items()}
        self._block, self._turns = 1, []
        for texts in self._values.values():
            self._turns.append(gcd(self._block, len(texts)))
            self._block = lcm(self._block, len(texts))

    @property
    def number(self) -> int:
        """How many there are; 1 without attributes."""
        return prod(map(len, self._values.values()))

    def of(self, call: int) -> dict[str, str]:
        """Attribute → text of the category's call with this number, from 0."""
        block, found = call // self._block, {}
        for (name, texts), turns in zip(self._values.items(), self._turns, strict=True):
            block, offset = divmod(block, turns)
            found[name] = texts[(call + offset) % len(texts)]
        return found
