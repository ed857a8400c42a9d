"""In which order rows are trained, how many at a time, and at which rate."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

POOL = 8  # steps whose rows are sorted by length among each other

T = TypeVar("T")


def steps(rows: Sequence[T], size: int, draw: random.Random, length: Callable[[T], int]) -> list[list[T]]:
    """Shuffled; rows of like length share a step within each 8 steps, which saves padding."""
    shuffled = list(rows)
    draw.shuffle(shuffled)
    pools = [shuffled[at : at + POOL * size] for at in range(0, len(shuffled), POOL * size)]
    sorted_rows = [row for pool in pools for row in sorted(pool, key=length)]
    return [sorted_rows[at : at + size] for at in range(0, len(sorted_rows), size)]


def by_tokens(items: Sequence[T], length: Callable[[T], int], limit: int) -> Iterator[list[T]]:
    """The items, shortest first, in parts whose count × longest stays within the limit (or of one item)."""
    part: list[T] = []
    for item in sorted(items, key=length):
        if part and (len(part) + 1) * length(item) > limit:
            yield part
            part = []
        part.append(item)
    if part:
        yield part


def rate_at(step: int, steps: int, highest: float) -> float:
    """The learning rate of a step, counted from 1: up over a tenth of the steps, then down to a twentieth."""
    warm = min(1.0, step / max(1.0, steps * 0.1))
    return highest * warm * max(0.05, 1 - (step - 1) / steps)
