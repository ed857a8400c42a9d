"""Step 8: what the run found, as a Prefect artifact.

In:   what the steps returned, TICKETS, PREDICTIONS
Out:  a Markdown artifact `report-<experiment>`, and the Summary that the command line prints
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from prefect import task
from prefect.artifacts import create_markdown_artifact

from cortex_distill.diversity import diversity
from cortex_distill.labelled import Labelled
from cortex_distill.ledger import Asked
from cortex_distill.lost_replies import Lost, lost_answers, lost_answers_sql
from cortex_distill.markup import escaped
from cortex_distill.report import key, markdown
from cortex_distill.run import Run
from cortex_distill.scores import Score
from cortex_distill.standings import earlier_runs
from cortex_distill.summary import Stage, Summary
from tasks.agreement import trust_in_labels
from tasks.check_judge import JudgeCheck
from tasks.compare_arms import compare_arms
from tasks.deduplicate import Deduplicated
from tasks.fine_tune import TunedStudent
from tasks.generate import Generated
from tasks.judge import Judged
from tasks.leaks import find_leaks
from tasks.live_links import live
from tasks.planned import planned_against
from tasks.prepare import Prepared
from tasks.quota import quotas_found
from tasks.report_rows import sample_tickets, what_was_spent, worst_mistakes
from tasks.review import Reviewed
from tasks.source import source_of
from tasks.split import Shares
from tasks.step import ON_CORTEX, log
from tasks.vote import Voted
from tasks.weak_spots import find_weak_spots

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

    @property
    def calls(self) -> list[Asked]:
        """What was asked of models, step by step."""
        further = [step.calls for step in (self.voted, self.checked) if step]
        return [self.generated.calls, self.judged.calls, *self.judged.further, *further, *self.answers]

    @property
    def lost_replies(self) -> list[Lost]:
        """Replies that could not be used, step by step."""
        return [*self.generated.lost, *self.judged.lost, *(self.voted.lost if self.voted else ())]


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
        calls=found.calls,
        scores=found.scores,
        compared=compare_arms(run, found.scores),
        tickets=sample_tickets(run),
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
        lost=[*found.lost_replies, *lost_answers(run.query(lost_answers_sql(run.id)))],
        trust=trust_in_labels(run, found.voted, found.reviewed is not None),
        leaks=find_leaks(run),
        repeats=found.repeats.text if found.repeats else "",
        together=found.shares.groups.text,
        weak=[find_weak_spots(run.query, run.id, name) for name in dict.fromkeys((sets[0], "validation"))],
        refined_on=sorted({pair.seen_on for pair in run.config.refine.pairs}) if run.config.refine else (),
        quotas=quotas_found(run, found.generated) if isinstance(found.generated, Generated) else None,
        diversity=diversity(run.query, run.id),
    )
    page: Any = create_markdown_artifact(
        live(markdown(summary)), key=key(summary.experiment), description=escaped(summary.headline)
    )
    log("%s", summary.headline)
    return summary._replace(artifact=str(page))


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
