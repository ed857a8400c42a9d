"""Which arms of a run are held against each other for its report: two families of tests, on the rows they share.

In:   the scores of the run, PREDICTIONS
Out:  verdicts, for the report and the terminal
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from cortex_distill.run import Run
from cortex_distill.scores import Score
from cortex_distill.summary import DISTILLED, Compared
from cortex_distill.verdicts import verdicts
from tasks.pairs import Answers, count_pairs


def compare_arms(run: Run, scores: Sequence[Score]) -> list[Compared]:
    """Two families of tests per evaluation set, each corrected by itself: which prompt (the variants of each model
    against each other), and did it help (the tuned student against the best of teacher and base student)?"""
    found = []
    for name in dict.fromkeys(score.evaluation_set for score in scores):
        mine = [score for score in scores if score.evaluation_set == name]
        asked = [(a.role, _arm(run, a), _arm(run, b)) for a, b in combinations(mine, 2) if a.role == b.role]
        both = asked + list(_distilled(run, mine))
        counted = count_pairs(run.query, [(a, b) for _, a, b in both], name)
        tested = verdicts(counted[: len(asked)]) + verdicts(counted[len(asked) :])
        found += [Compared(role, name, verdict) for (role, *_), verdict in zip(both, tested, strict=True)]
    return found


def _distilled(run: Run, scores: Sequence[Score]) -> Iterator[tuple[str, Answers, Answers]]:
    tuned = [score for score in scores if score.role == "tuned student"]
    for role in ("base student", "teacher"):
        others = [score for score in scores if score.role == role]
        for one in tuned if others else []:
            best = max(others, key=lambda score: score.accuracy)
            yield DISTILLED, _arm(run, one, "the tuned student"), _arm(run, best, f"the {role} with {best.variant}")


def _arm(run: Run, score: Score, name: str = "") -> Answers:
    return Answers(name or score.variant, run.id, score.role, score.variant)
