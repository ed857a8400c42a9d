"""Step 8: what the run found, as a Prefect artifact.

In:   what the steps returned, TICKETS, PREDICTIONS
Out:  a Markdown artifact `report-<experiment>`, and the Summary that the command line prints
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from prefect import task
from prefect.artifacts import create_markdown_artifact

from cortex_distill.ledger import Asked
from cortex_distill.metrics import Pair, verdicts
from cortex_distill.report import markdown
from cortex_distill.run import Run
from cortex_distill.scores import Score
from cortex_distill.summary import Compared, Sample, Stage, Summary
from tasks.check_judge import JudgeCheck
from tasks.fine_tune import TunedStudent
from tasks.generate import Generated
from tasks.judge import Judged
from tasks.review import Reviewed
from tasks.split import Shares
from tasks.step import ON_CORTEX, log

MISTAKES_SHOWN = 10
_LEARNT = {"tickets": "tickets of this run", "examples": "the examples", "both": "tickets of this run and the examples"}


class Found(NamedTuple):
    """What the steps before returned."""

    generated: Generated
    judged: Judged
    checked: JudgeCheck | None
    shares: Shares
    tuned: TunedStudent
    answers: Sequence[Asked]
    scores: list[Score]
    reviewed: Reviewed | None = None


@task(name="report", **ON_CORTEX)
def report_run(run: Run, found: Found) -> Summary:
    """Gather, write the artifact, return the Summary."""
    holdout = run.config.holdout
    summary = Summary(
        experiment=run.config.name,
        run_id=run.id,
        engine=run.engine,
        categories=list(run.config.categories),
        holdout_about=holdout.about if holdout else "",
        stages=funnel(found.generated, found.judged, found.shares, found.reviewed),
        calls=[
            found.generated.calls,
            found.judged.calls,
            *([found.checked.calls] if found.checked else []),
            *found.answers,
        ],
        scores=found.scores,
        compared=_compare(run),
        tickets=_tickets(run),
        mistakes=_mistakes(run, found.scores[0].evaluation_set),
        training=training(run, found),
        judge_check=found.checked.text if found.checked else "",
        judge_can_tell=found.checked.can_tell if found.checked else None,
        trained_rows=found.tuned.rows,
        review=found.reviewed.text if found.reviewed else "",
        prompts=dict(run.config.prompts),
    )
    key = f"report-{run.config.name.replace('_', '-')}"
    create_markdown_artifact(markdown(summary), key=key, description=summary.headline)
    log("%s", summary.headline)
    return summary


def funnel(generated: Generated, judged: Judged, shares: Shares, reviewed: Reviewed | None = None) -> list[Stage]:
    """From the tickets that were asked for to those that were split, with what was lost on the way."""
    unreadable = f"{generated.unreadable} replies without a ticket" if generated.unreadable else ""
    repeats = f"{generated.duplicates} repeat another ticket" if generated.duplicates else ""
    below = [f"{judged.below} below a threshold"] if judged.below else []
    below += [f"{judged.unreadable} ratings unreadable"] if judged.unreadable else []
    leaked = f"{shares.in_holdout} also in the holdout" if shares.in_holdout else ""
    split = shares.train + shares.validation + shares.test
    return [
        Stage("asked for", generated.asked, ""),
        Stage("written", generated.written, unreadable),
        Stage("unique", generated.written - generated.duplicates, repeats),
        Stage("kept by the judge", judged.kept, ", ".join(below)),
        *([Stage("kept after review", reviewed.kept, reviewed.moved)] if reviewed and reviewed.moved else []),
        Stage("split", split, leaked),
        Stage("train", shares.train, ""),
        Stage("validation", shares.validation, ""),
        *([Stage("test", shares.test, "")] if shares.test else []),
    ]


def training(run: Run, found: Found) -> str:
    """One sentence about the job; every number in it is the engine's."""
    tuned = found.tuned
    losses = ", ".join(
        f"{name} loss {value:.3f}"
        for name, value in (("training", tuned.training_loss), ("validation", tuned.validation_loss))
        if value is not None
    )
    tokens = f", {tuned.trained_tokens:,} trained tokens" if tuned.trained_tokens else ""
    return (
        f"Fine-tuned {tuned.model} on {tuned.rows} rows ({_LEARNT[run.config.fine_tune.rows]}) in {tuned.seconds:.0f} s"
        f" (job {tuned.job_id}{', ' if losses else ''}{losses}{tokens})"
    )


def _compare(run: Run) -> list[Compared]:
    rows = run.sql(
        """SELECT a.role, a.evaluation_set, a.variant, b.variant, COUNT_IF(a.correct AND b.correct),
            COUNT_IF(a.correct AND NOT b.correct), COUNT_IF(b.correct AND NOT a.correct),
            COUNT_IF(NOT a.correct AND NOT b.correct)
        FROM PREDICTIONS a JOIN PREDICTIONS b ON b.run_id = a.run_id AND b.role = a.role
            AND b.evaluation_set = a.evaluation_set AND b.row_key = a.row_key AND a.variant < b.variant
        WHERE a.run_id = ? GROUP BY 1, 2, 3, 4 ORDER BY 2, 1 DESC, 3, 4""",
        run.id,
    )
    tested = verdicts(Pair(*row[2:4], *map(int, row[4:])) for row in rows)
    return [Compared(row[0], row[1], verdict) for row, verdict in zip(rows, tested, strict=True)]


def _tickets(run: Run) -> list[Sample]:
    rows = run.sql(
        """SELECT t.category, t.request, t.rating FROM TICKETS t
        JOIN CATEGORIES c ON c.run_id = t.run_id AND c.category = t.category
        WHERE t.run_id = ? AND t.kept
        QUALIFY ROW_NUMBER() OVER (PARTITION BY t.category ORDER BY t.ticket_id) = 1 ORDER BY c.position""",
        run.id,
    )
    return [Sample(category, request, _rating(rating)) for category, request, rating in rows]


def _rating(cell: str | None) -> str:
    rating = json.loads(cell) if cell else {}
    return ", ".join(f"{name} {value}" for name, value in rating.items() if name != "reason")


def _mistakes(run: Run, evaluation_set: str) -> list[Sample]:
    rows = run.sql(
        f"""SELECT category, request, COALESCE(prediction, response, error, '') FROM PREDICTIONS
        WHERE run_id = ? AND role = 'tuned student' AND evaluation_set = ? AND NOT correct
        ORDER BY row_key LIMIT {MISTAKES_SHOWN}""",
        run.id,
        evaluation_set,
    )
    return [Sample(*row) for row in rows]
