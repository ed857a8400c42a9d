"""Paired bootstrap of what has no exact test: the difference of two macro F1 on the same rows."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cortex_distill.metrics import Interval

DRAWS = 2000  # the interval's ends then move by less than 0.01 from seed to seed
SEED = 20_26

Cells = Mapping[tuple[str, str, str], int]
"""(category, what the first said, what the second said) → rows; '' stands for an answer that names no category."""


class Difference(NamedTuple):
    """First less second; the interval holds 95 % of the draws."""

    value: float
    interval: Interval


def f1_difference(cells: Cells, categories: Sequence[str], design_effect: float = 1.0) -> Difference:
    """Draw as many rows as there are, with both their answers, and compare; the same cells give the same interval.

    Rows are drawn as counts of cells, so memory grows with the cells, not with the rows. Where rows of one call
    resemble each other, fewer are drawn (n over the design effect). Source: Efron and Tibshirani (1993), An
    Introduction to the Bootstrap, chapter 13 (percentile interval).
    """
    counts = np.array(list(cells.values()), dtype=float)
    n = max(1, round(counts.sum() / design_effect))
    drawn = np.random.default_rng(SEED).multinomial(n, counts / counts.sum(), size=DRAWS).astype(float)
    drawn = np.vstack([counts, drawn])
    truth, first, second = (_positions([key[place] for key in cells], categories) for place in range(3))
    differences = _macro_f1(drawn, truth, first, len(categories)) - _macro_f1(drawn, truth, second, len(categories))
    low, high = np.percentile(differences[1:], (2.5, 97.5))
    return Difference(float(differences[0]), Interval(float(low), float(high)))


def _positions(labels: Sequence[str], categories: Sequence[str]) -> NDArray[np.int64]:
    places = {category: place for place, category in enumerate(categories)}
    return np.array([places.get(label, len(categories)) for label in labels])


def _macro_f1(
    counts: NDArray[np.float64], truth: NDArray[np.int64], said: NDArray[np.int64], categories: int
) -> NDArray[np.float64]:
    """Macro F1 of each line of `counts`, as `metrics.macro_f1` has it: over the categories that have rows."""
    of_truth, of_said = np.eye(categories + 1)[truth], np.eye(categories + 1)[said]
    hits = (counts @ (of_truth * of_said))[:, :categories]
    asked, named = (counts @ of_truth)[:, :categories], (counts @ of_said)[:, :categories]
    f1 = np.divide(2 * hits, asked + named, out=np.zeros_like(hits), where=asked + named > 0)
    present = asked > 0
    return np.asarray((f1 * present).sum(axis=1) / np.maximum(present.sum(axis=1), 1))
