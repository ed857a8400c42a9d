"""Numbers with their uncertainty: accuracies with intervals, per-class scores, paired tests of variants."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sklearn.metrics import precision_recall_fscore_support
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

SIGNIFICANT = 0.05

Confusion = Mapping[tuple[str, str], int]
"""(category, prediction) → rows; prediction '' stands for an answer that names no category."""


class Interval(NamedTuple):
    """Bounds of a share, in [0, 1]."""

    low: float
    high: float


class ClassScores(NamedTuple):
    """How one category fared; shares in [0, 1], `support` is its number of rows."""

    category: str
    precision: float
    recall: float
    f1: float
    support: int


class Verdict(NamedTuple):
    """Two variants on the same rows: who was right where the other was wrong."""

    first: str
    second: str
    rows: int
    only_first: int
    only_second: int
    p_value: float  # exact McNemar, Holm-corrected over all pairs that were tested together

    @property
    def is_shown(self) -> bool:
        """Whether the two differ beyond chance."""
        return self.p_value < SIGNIFICANT

    @property
    def text(self) -> str:
        """One sentence, which calls no winner inside the noise."""
        beside = f"{self.only_first} rows only {self.first} got right, {self.only_second} only {self.second}"
        figures = f"n = {self.rows}; {beside}; exact McNemar p {p_text(self.p_value)}"
        if not self.is_shown:
            return f"no difference shown between {self.first} and {self.second} ({figures})"
        better, worse = (self.first, self.second) if self.only_first > self.only_second else (self.second, self.first)
        return f"{better} is better than {worse} ({figures})"


def p_text(p_value: float) -> str:
    """`= 0.031`, or `< 0.001` where three digits would say nothing."""
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"


def wilson_interval(correct: int, n: int) -> Interval:
    """95 % interval of an accuracy; stays in [0, 1] and keeps a width at 17 of 17 (0.82 to 1.00).

    Raises ValueError if n < 1. Source: Wilson (1927), JASA 22, 209–212, as statsmodels computes it.
    """
    if n < 1:
        raise ValueError("an accuracy needs at least one row")
    low, high = proportion_confint(correct, n, alpha=0.05, method="wilson")
    return Interval(float(low), float(high))


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


class Pair(NamedTuple):
    """Two variants' answers to the same rows, counted."""

    first: str
    second: str
    both: int
    only_first: int
    only_second: int
    neither: int


def verdicts(pairs: Iterable[Pair]) -> list[Verdict]:
    """Exact McNemar test of each pair, corrected after Holm over all of them."""
    listed = list(pairs)
    if not listed:
        return []
    tables = [[[pair.both, pair.only_first], [pair.only_second, pair.neither]] for pair in listed]
    raw = [float(mcnemar(table, exact=True).pvalue) for table in tables]
    corrected = multipletests(raw, method="holm")[1]
    return [
        Verdict(pair.first, pair.second, sum(pair[2:]), pair.only_first, pair.only_second, float(p))
        for pair, p in zip(listed, corrected, strict=True)
    ]
