"""Step 8: what the run found, as a Prefect artifact.

In:   what the steps returned, TICKETS, PREDICTIONS
Out:  a Markdown artifact `report-<experiment>`, and the Summary that the command line prints
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from prefect import task
from prefect.artifacts import create_markdown_artifact

from cortex_distill.diversity import diversity
from cortex_distill.labelled import Labelled
from cortex_distill.ledger import REPLY, Asked
from cortex_distill.lost_replies import Lost, lost_answers, lost_answers_sql
from cortex_distill.markup import escaped
from cortex_distill.report import key, markdown
from cortex_distill.run import Run
from cortex_distill.scores import Score
from cortex_distill.standings import earlier_runs
from cortex_distill.summary import DISTILLED, Compared, Mistake, Sample, Spent, Stage, Summary
from cortex_distill.verdicts import verdicts
from tasks.agreement import trust_in_labels
from tasks.check_judge import JudgeCheck
from tasks.deduplicate import Deduplicated
from tasks.fine_tune import TunedStudent
from tasks.generate import Generated
from tasks.judge import Judged
from tasks.leaks import find_leaks
from tasks.pairs import Answers, count_pairs
from tasks.planned import planned_against
from tasks.prepare import Prepared
from tasks.quota import quotas_found
from tasks.review import Reviewed
from tasks.source import source_of
from tasks.split import Shares
from tasks.step import ON_CORTEX, log
from tasks.vote import Voted
from tasks.weak_spots import find_weak_spots

MISTAKES_SHOWN = 10
EARLIER_SHOWN = 5
_LEARNT = {"tickets": "tickets of this run", "examples": "the examples", "both": "tickets of this run and the examples"}


class Found(NamedTuple):
    """What the steps before returned."""

    generated: Generated | Labelled
    judged: Judged
    checked: JudgeCheck | None
    shares: Shares
    tuned: TunedStudent
    answers: Sequence[Asked]
    scores: list[Score]
    reviewed: Reviewed | None = None
    prepared: Prepared | None = None
    voted: Voted | None = None
    repeats: Deduplicated | None = None


@task(name="report", **ON_CORTEX)
def report_run(run: Run, found: Found) -> Summary:
    """Gather, write the artifact, return the Summary."""
    holdout = run.config.holdout
    sets = [score.evaluation_set for score in found.scores]
    labelled = found.generated if isinstance(found.generated, Labelled) else None
    summary = Summary(
        experiment=run.config.name,
        run_id=run.id,
        engine=run.engine,
        categories=list(run.config.categories),
        holdout_about=holdout.told(found.prepared.left_out if found.prepared else 0) if holdout else "",
        stages=funnel(found.generated, found.judged, found.shares, found.reviewed, found.voted, found.repeats),
        calls=[
            found.generated.calls,
            found.judged.calls,
            *found.judged.further,
            *([found.voted.calls] if found.voted else []),
            *([found.checked.calls] if found.checked else []),
            *found.answers,
        ],
        scores=found.scores,
        compared=compare_arms(run, found.scores),
        tickets=_tickets(run),
        mistakes=worst_mistakes(run, sets[0]),
        training=training(run, found),
        judge_check=found.checked.text if found.checked else "",
        judge_can_tell=found.checked.can_tell if found.checked else None,
        review=found.reviewed.text if found.reviewed else "",
        prompts=dict(run.config.prompts),
        spent=(spent := what_was_spent(run)),
        planned=planned_against(run, spent),
        earlier=earlier_runs(run.session, run.engine, run.config.name, run.id, EARLIER_SHOWN),
        constrained=list(run.config.evaluate.constrained),
        requests=labelled.told(str(source_of(run).file or source_of(run).table)) if labelled else None,
        lost=[*_lost(found), *lost_answers(run.query(lost_answers_sql(run.id)))],
        trust=trust_in_labels(run, found.voted, found.reviewed is not None),
        leaks=find_leaks(run),
        repeats=found.repeats.text if found.repeats else "",
        together=found.shares.groups.text,
        weak=[find_weak_spots(run.query, run.id, name) for name in dict.fromkeys((sets[0], "validation"))],
        refined_on=sorted({pair.seen_on for pair in run.config.refine.pairs}) if run.config.refine else (),
        quotas=quotas_found(run, found.generated) if isinstance(found.generated, Generated) else None,
        diversity=diversity(run.query, run.id),
    )
    create_markdown_artifact(markdown(summary), key=key(summary.experiment), description=escaped(summary.headline))
    log("%s", summary.headline)
    return summary


def _lost(found: Found) -> list[Lost]:
    return [*found.generated.lost, *found.judged.lost, *(found.voted.lost if found.voted else ())]


def funnel(
    generated: Generated | Labelled,
    judged: Judged,
    shares: Shares,
    reviewed: Reviewed | None = None,
    voted: Voted | None = None,
    repeats: Deduplicated | None = None,
) -> list[Stage]:
    """From the tickets that were asked for to those that were split, with what was lost on the way."""
    below = [f"{judged.below} below a threshold"] if judged.below else []
    below += [f"{judged.unreadable} ratings unreadable"] if judged.unreadable else []
    leaked = f"{shares.in_holdout} also in the holdout, or nearly" if shares.in_holdout else ""
    split = shares.train + shares.validation + shares.test
    return [
        *(generated.stages() if isinstance(generated, Labelled) else _written(generated)),
        *([Stage("unique", repeats.tickets - repeats.exact - repeats.near, repeats.text)] if repeats else []),
        Stage("kept by the judge", judged.kept, ", ".join(below)),
        *([Stage("agreed by the vote", voted.kept, voted.lost_words)] if voted else []),
        *([Stage("kept after review", reviewed.kept, reviewed.moved)] if reviewed and reviewed.moved else []),
        Stage("split", split, leaked),
        Stage("train", shares.train, ""),
        Stage("validation", shares.validation, ""),
        *([Stage("test", shares.test, "")] if shares.test else []),
    ]


def _written(generated: Generated) -> Iterator[Stage]:
    unreadable = f"{generated.unreadable} replies without a ticket" if generated.unreadable else ""
    yield Stage("asked for", generated.asked, "")
    yield Stage("written", generated.written, unreadable)


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


def worst_mistakes(run: Run, evaluation_set: str) -> list[Mistake]:
    """The worst ones: first those that most of the other arms, hence teacher and base student, got right."""
    rows = run.sql(
        f"""SELECT t.category, t.request, COALESCE(t.prediction, t.response, t.error, ''),
            COUNT(o.role = 'teacher' AND o.correct OR NULL), COUNT(o.role = 'teacher' OR NULL),
            COUNT(o.role = 'base student' AND o.correct OR NULL), COUNT(o.role = 'base student' OR NULL)
        FROM PREDICTIONS t LEFT JOIN PREDICTIONS o ON o.run_id = t.run_id AND o.evaluation_set = t.evaluation_set
            AND o.row_key = t.row_key AND o.role <> t.role
        WHERE t.run_id = ? AND t.role = 'tuned student' AND t.evaluation_set = ? AND NOT t.correct
        GROUP BY t.row_key, 1, 2, 3 ORDER BY COUNT(o.correct OR NULL) DESC, t.row_key LIMIT {MISTAKES_SHOWN}""",
        run.id,
        evaluation_set,
    )
    return [Mistake._make((*row[:3], tuple(map(int, row[3:5])), tuple(map(int, row[5:7])))) for row in rows]


def what_was_spent(run: Run) -> list[Spent]:
    """What this run paid for, in the order of the first calls; a call that failed has no tokens."""
    rows = run.sql(
        f"""SELECT step, model,
            COALESCE(LISTAGG(DISTINCT served_by, ', ') WITHIN GROUP (ORDER BY served_by), ''), COUNT(*),
            COUNT(reply IS NULL OR NULL), COALESCE(SUM(prompt_tokens), 0), COALESCE(SUM(completion_tokens), 0)
        FROM (
            SELECT c.step, c.model, c.answered_at, {REPLY} AS reply, c.answer:value:model::STRING AS served_by,
                c.answer:value:usage:prompt_tokens::NUMBER AS prompt_tokens,
                c.answer:value:usage:completion_tokens::NUMBER AS completion_tokens
            FROM COMPLETIONS c WHERE c.run_id = ?
        ) GROUP BY step, model ORDER BY MIN(answered_at), step, model""",
        run.id,
    )
    return [Spent(*row[:3], *map(int, row[3:])) for row in rows]
