"""Numbers about one arm with their uncertainty: accuracies with intervals, scores per category."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sklearn.metrics import precision_recall_fscore_support
from statsmodels.stats.proportion import proportion_confint

Confusion = Mapping[tuple[str, str], int]
"""(category, prediction) → rows; prediction '' stands for an answer that names no category."""


class Interval(NamedTuple):
    """Bounds of a share, in [0, 1]."""

    low: float
    high: float


def figure(value: float, low: float, high: float) -> str:
    """`0.73 (0.64–0.81)`: a number with its interval, as people are shown it."""
    return f"{value:.2f} ({low:.2f}–{high:.2f})"


class ClassScores(NamedTuple):
    """How one category fared; shares in [0, 1], `support` is its number of rows."""

    category: str
    precision: float
    recall: float
    f1: float
    support: int


def wilson_interval(correct: int, n: int, design_effect: float = 1.0) -> Interval:
    """95 % interval of an accuracy; stays in [0, 1], holds the accuracy also after rounding (7 of 7), and keeps a width
    at 17 of 17 (0.82 to 1.00).

    Where rows resemble each other, n counts for as little as n over the design effect.
    Raises ValueError if n < 1. Source: Wilson (1927), JASA 22, 209–212, as statsmodels computes it.
    """
    if n < 1:
        raise ValueError("an accuracy needs at least one row")
    low, high = proportion_confint(correct / design_effect, n / design_effect, alpha=0.05, method="wilson")
    return Interval(min(float(low), correct / n), max(float(high), correct / n))


def design_effect(groups: Iterable[tuple[int, int, int]]) -> float:
    """By how much the variance of an accuracy grows because rows of one call resemble each other; at least 1.

    `groups`: (rows of a call, right ones, calls of that kind). All rows in one call count as a single row; where
    all are right, or all wrong, nothing is known and 1 comes back.
    Source: Kish (1965), Survey Sampling, section 6.2: the ratio estimator of clusters of unequal size.
    """
    listed = list(groups)
    n, correct, calls = (sum(column) for column in zip(*((m * k, x * k, k) for m, x, k in listed), strict=True))
    share = correct / n
    if calls == 1:
        return float(n)
    if share in (0, 1) or calls == n:
        return 1.0
    spread = sum(k * (x - m * share) ** 2 for m, x, k in listed) * calls / (calls - 1)
    return max(1.0, float(spread / (n * share * (1 - share))))


def class_scores(confusion: Confusion, categories: Sequence[str]) -> list[ClassScores]:
    """Precision, recall and F1 of each category, 0 where a denominator is 0; answers off the list are wrong."""
    pairs = list(confusion)
    scores = precision_recall_fscore_support(
        [category for category, _ in pairs],
        [prediction for _, prediction in pairs],
        labels=list(categories),
        sample_weight=[confusion[pair] for pair in pairs],
        zero_division=0,
    )
    rows = zip(categories, *scores, strict=True)
    return [ClassScores(name, float(p), float(r), float(f), round(n)) for name, p, r, f, n in rows]


def macro_f1(confusion: Confusion, categories: Sequence[str]) -> float:
    """Mean F1 over the categories that have rows; one that was never asked about says nothing."""
    present = [scores.f1 for scores in class_scores(confusion, categories) if scores.support]
    return sum(present) / len(present) if present else 0.0
