"""After several runs that differ in what the student learnt from: which of them learnt more?

In:   the runs' Summaries, PREDICTIONS
Out:  a Markdown artifact `ablation-<experiment>`, and the Ablation that the command line prints
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

from prefect import task
from prefect.artifacts import create_markdown_artifact

from cortex_distill.metrics import Pair, Verdict, verdicts
from cortex_distill.report import escaped, table
from cortex_distill.run import Run
from cortex_distill.scores import Score
from cortex_distill.summary import Summary
from tasks.step import ON_CORTEX

CAUTION = (
    "one training each: the intervals say how much the choice of these rows may mean, not how much another training"
    " would differ"
)


class Student(NamedTuple):
    """One student, and what it learnt from."""

    learnt_from: str
    rows: int  # of training; 0 for one that was only asked
    score: Score


class Ablation(NamedTuple):
    """Students that differ in their training rows alone, on the same evaluation rows."""

    experiment: str
    evaluation_set: str
    cautions: list[str]
    students: list[Student]
    verdicts: list[Verdict]


@task(name="compare students", **ON_CORTEX)
def compare_students(run: Run, found: Mapping[str, Summary]) -> Ablation:
    """Compare on the most trustworthy set that the runs share. `found`: what was learnt from → the run's Summary."""
    one = next(iter(found.values()))
    students = [Student(name, summary.trained_rows, _tuned(summary)) for name, summary in found.items()]
    base = [score for score in one.scores if (score.role, score.evaluation_set) == ("base student", one.best_set)]
    best = max(base, key=lambda score: score.accuracy)
    pairs = [_pair(run, one.best_set, *two) for two in combinations(found.items(), 2)]
    about = [f"{one.best_set}: {one.holdout_about}"] if one.best_set == "holdout" and one.holdout_about else []
    cautions = [*one.warnings, CAUTION, *about]
    students.append(Student(f"nothing (base student, {best.variant})", 0, best))
    ablation = Ablation(one.experiment, one.best_set, cautions, students, verdicts(pairs))
    create_markdown_artifact(markdown(ablation), key=f"ablation-{one.experiment.replace('_', '-')}")
    return ablation


def _tuned(summary: Summary) -> Score:
    wanted = ("tuned student", summary.best_set)
    return next(score for score in summary.scores if (score.role, score.evaluation_set) == wanted)


def _pair(run: Run, evaluation_set: str, first: tuple[str, Summary], second: tuple[str, Summary]) -> Pair:
    counts = run.sql(
        """SELECT COUNT_IF(a.correct AND b.correct), COUNT_IF(a.correct AND NOT b.correct),
            COUNT_IF(b.correct AND NOT a.correct), COUNT_IF(NOT a.correct AND NOT b.correct)
        FROM PREDICTIONS a JOIN PREDICTIONS b ON b.row_key = a.row_key AND b.role = a.role
            AND b.evaluation_set = a.evaluation_set
        WHERE a.run_id = ? AND b.run_id = ? AND a.evaluation_set = ? AND a.role = 'tuned student'""",
        first[1].run_id,
        second[1].run_id,
        evaluation_set,
    )[0]
    return Pair(first[0], second[0], *map(int, counts))


def markdown(ablation: Ablation) -> str:
    """The comparison for the Prefect UI; foreign text is escaped."""
    rows = [
        [escaped(student.learnt_from), f"{student.rows:,}", f"{student.score.n:,}", student.score.figure]
        for student in ablation.students
    ]
    header = ["student learnt from", "training rows", "n", "accuracy (95 % interval)"]
    parts = [
        "\n".join(f"> **{escaped(caution)}**  " for caution in ablation.cautions),
        f"# {escaped(ablation.experiment)}: what the student learns from, on {ablation.evaluation_set}",
        table(header, rows),
        "\n".join(f"- {escaped(verdict.text)}" for verdict in ablation.verdicts),
    ]
    return "\n\n".join(parts) + "\n"
