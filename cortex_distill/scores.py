"""How one arm did on one evaluation set, and the order in which people read such scores."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cortex_distill.metrics import Confusion, Interval, figure, macro_f1, wilson_interval

# Rows that people labelled come first: on the teacher's own tickets everybody looks better.
SETS = ("holdout", "test", "validation")
ROLES = ("teacher", "base student", "tuned student")


class Score(NamedTuple):
    """One arm on one evaluation set."""

    role: str
    model: str
    variant: str
    evaluation_set: str
    served_by: str
    n: int
    correct: int
    off_list: int
    unanswered: int
    prompt_tokens: int
    completion_tokens: int
    confusion: Confusion
    calls: int = 0  # to the teacher that wrote the rows; as many as rows where people wrote them
    design_effect: float = 1.0  # by how much rows of one call resemble each other

    @property
    def accuracy(self) -> float:
        """Share of the n rows that were right, in [0, 1]."""
        return self.correct / self.n

    @property
    def interval(self) -> Interval:
        """95 % interval of the accuracy, wider where rows of one call resemble each other."""
        return wilson_interval(self.correct, self.n, self.design_effect)

    def macro_f1(self, categories: Sequence[str]) -> float:
        """Mean F1 over the categories that have rows."""
        return macro_f1(self.confusion, categories)

    @property
    def figure(self) -> str:
        """Accuracy with its interval, as people are shown it."""
        return figure(self.accuracy, *self.interval)


def ranked(scores: Iterable[Score], variants: Sequence[str]) -> list[Score]:
    """By evaluation set, role and variant, in the orders above and that of the file; `tuned` comes last."""
    places = {name: place for place, name in enumerate(variants)}
    return sorted(
        scores,
        key=lambda s: (
            SETS.index(s.evaluation_set),
            ROLES.index(s.role),
            places.get(s.variant, len(places)),
            s.variant,
        ),
    )
