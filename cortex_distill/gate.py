"""Whether a run's figures reach the bars of its file (`gate:`), for `distill run --gate` in continuous integration."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cortex_distill.config_gate import Gate
from cortex_distill.errors import StepError
from cortex_distill.scores import Score


class Checked(NamedTuple):
    """One bar, and the score that was held to it."""

    bar: Gate
    score: Score

    @property
    def missing(self) -> list[str]:
        """What the score lacks; empty if the bar is reached."""
        return self.bar.missing(self.score.accuracy, self.score.interval[0])

    @property
    def text(self) -> str:
        """`gate failed: teacher with list_only: 0.59 (0.49–0.68) on holdout, n = 100; accuracy … is … below 0.9`."""
        score = self.score
        who = score.role if score.role == "tuned student" else f"{score.role} with {score.variant}"
        said = "; ".join(self.missing) or f"needs {self.bar.wanted}"
        outcome = "failed" if self.missing else "passed"
        return f"gate {outcome}: {who}: {score.figure} on {score.evaluation_set}, n = {score.n}; {said}"


def check_gate(bars: Sequence[Gate], scores: Iterable[Score]) -> list[Checked]:
    """Each bar with the score it is about: the named prompt's, else the best of the role.

    Raises StepError if nobody was measured so.
    """
    measured = list(scores)
    return [Checked(bar, _score(bar, measured)) for bar in bars]


def _score(bar: Gate, scores: Sequence[Score]) -> Score:
    found = [
        score
        for score in scores
        if (score.role, score.evaluation_set) == (bar.who, bar.set) and bar.prompt in (None, score.variant)
    ]
    if not found:
        of = f"{bar.who} with {bar.prompt}" if bar.prompt else bar.who
        raise StepError(f"gate: {of} was not measured on {bar.set}; name another set, or look at the run's report")
    return max(found, key=lambda score: score.accuracy)
