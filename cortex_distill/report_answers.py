"""The report's part about answers: what was confused with what, per category, and the worst mistakes."""

from collections.abc import Sequence

from cortex_distill.charts import heat_map, heat_maps
from cortex_distill.markup import breakable, escaped, table
from cortex_distill.metrics import class_scores
from cortex_distill.scores import Score
from cortex_distill.summary import Mistake, Summary


def confusions(summary: Summary) -> str:
    """Confusion matrices on the set that counts: the tuned student's large, the others' small and without names."""
    scores = [score for score in summary.scores if score.evaluation_set == summary.best_set]
    tuned = [score for score in scores if score.role == "tuned student"]
    others = [score for score in scores if score.role != "tuned student"]
    parts = [f"## What was confused with what ({summary.best_set})"]
    parts += [part for score in tuned for part in (_large(summary, score), _per_category(summary, score))]
    parts += [_others(summary, others)] if others else []
    return "\n\n".join(parts) if scores else ""


def _others(summary: Summary, scores: Sequence[Score]) -> str:
    """Teacher and base student side by side, prompt by prompt."""
    variants = list(dict.fromkeys(score.variant for score in scores))
    paired = sorted(scores, key=lambda score: variants.index(score.variant))
    panels = {f"{score.role}, {score.variant}\n{score.figure}": score.confusion for score in paired}
    title = "The others: rows and columns in the same order"
    return heat_maps(panels, summary.categories, [*summary.categories, ""], title)


def _large(summary: Summary, score: Score) -> str:
    title = "Tuned student: asked (rows) and answered (columns)"
    return heat_map(score.confusion, summary.categories, [*summary.categories, ""], title)


def _per_category(summary: Summary, score: Score) -> str:
    rows = [
        [escaped(s.category), f"{s.precision:.2f}", f"{s.recall:.2f}", f"{s.f1:.2f}", str(s.support)]
        for s in class_scores(score.confusion, summary.categories)
    ]
    return table([score.role, "precision", "recall", "F1", "n"], rows)


def mistakes(summary: Summary) -> str:
    """The worst: those that most others got right come first."""
    if not summary.mistakes:
        return ""
    scores = [s for s in summary.scores if (s.role, s.evaluation_set) == ("tuned student", summary.best_set)]
    wrong = sum(score.n - score.correct for score in scores)
    rows = [
        [escaped(one.category), _answer(one), _of(one.teachers), _of(one.bases), escaped(one.request)]
        for one in summary.mistakes
    ]
    said = (
        f"{len(rows)} of its {wrong} mistakes; first those that teacher and base student got right with most prompts."
    )
    header = ["belongs to", "it said", "teacher right", "base right", "request"]
    return f"## Worst mistakes of the tuned student\n\n{said}\n\n{table(header, rows, left=5)}"


def _answer(mistake: Mistake) -> str:
    return breakable(escaped(mistake.answer)) or "nothing"


def _of(right: tuple[int, int]) -> str:
    return f"{right[0]}\xa0of\xa0{right[1]}"
