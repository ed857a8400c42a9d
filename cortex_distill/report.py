"""A run's Summary as Markdown that renders in both Prefect UIs. Text from tickets, models and files is escaped."""

from collections.abc import Iterator, Sequence

from cortex_distill import leaderboard
from cortex_distill.charts import Mark, dot_plot
from cortex_distill.markup import artifact_key, breakable, escaped, run_link, table
from cortex_distill.prompt_diff import prompts_markdown
from cortex_distill.report_answers import confusions, mistakes
from cortex_distill.report_diversity import diversity
from cortex_distill.report_leaks import leaks
from cortex_distill.report_lost import lost_replies
from cortex_distill.report_quota import quotas
from cortex_distill.report_requests import requests
from cortex_distill.report_tickets import spent, tickets
from cortex_distill.report_trust import trust
from cortex_distill.report_weak_spots import weak_spots
from cortex_distill.scores import Score
from cortex_distill.summary import Summary

COLUMNS = "Accuracy with its 95 % interval; F1: macro; off list: answers that name no category"
CONSTRAINED = "can only answer with a category"


def key(experiment: str) -> str:
    """The artifact's key."""
    return artifact_key("report", experiment)


def markdown(summary: Summary) -> str:
    """The whole report. A warning that concerns every figure stands in the first line."""
    remarks = dict.fromkeys(summary.constrained, CONSTRAINED)
    parts = [
        "\n\n".join(f"⚠️ **{escaped(warning[:1].upper() + warning[1:])}.**" for warning in summary.warnings),
        f"# {breakable(escaped(summary.experiment))}\n\n**{escaped(summary.headline)}**",
        _links(summary),
        arms(summary),
        *results(summary),
        verdicts(summary),
        tickets(summary),
        requests(summary.requests),
        trust(summary),
        quotas(summary.quotas),
        diversity(summary.diversity),
        confusions(summary),
        mistakes(summary),
        leaks(summary.leaks, summary.repeats, summary.together),
        weak_spots(summary),
        lost_replies(summary.lost),
        spent(summary),
        f"## Prompts\n\n{prompts_markdown(summary.prompts, remarks)}",
        _earlier(summary),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _links(summary: Summary) -> str:
    """Relative, because that leads to the same UI as the page they stand on."""
    return (
        f"[Leaderboard](../key/{leaderboard.key(summary.engine)}) · "
        f"{run_link('this run', summary.run_id)} {summary.run_id[:8]}"
    )


def arms(summary: Summary) -> str:
    """All arms on the set that counts: the tuned student first, then teacher and base student by variant."""
    scores = [score for score in summary.scores if score.evaluation_set == summary.best_set]
    tuned = [score for score in scores if score.role == "tuned student"]
    variants = dict.fromkeys(score.variant for score in scores if score.role != "tuned student")
    ordered = tuned + [score for name in variants for score in scores if score.variant == name and score not in tuned]
    marks = [Mark(_row(score), score.role, score.accuracy, *score.interval) for score in ordered]
    title = f"Every model and prompt on the {summary.best_set}, {_n(scores)}"
    return dot_plot(marks, title) if marks else ""


def _n(scores: Sequence[Score]) -> str:
    return f"n = {'–'.join(str(n) for n in sorted({score.n for score in scores}))}"


def _row(score: Score) -> str:
    return "tuned student\nits own prompt" if score.role == "tuned student" else score.variant


def results(summary: Summary) -> Iterator[str]:
    """A table per evaluation set, the most trustworthy first."""
    yield "## Results"
    for name in dict.fromkeys(score.evaluation_set for score in summary.scores):
        scores = [score for score in summary.scores if score.evaluation_set == name]
        yield f"### On the {name if name == 'holdout' else f'{name} tickets'}, {_n(scores)}"
        if name == "holdout" and summary.holdout_about:
            yield escaped(summary.holdout_about)
        silent = any(score.unanswered for score in scores)
        header = ["model", "prompt", "accuracy", "F1", "off list", *(["silent"] if silent else []), "tokens"]
        yield table(header, [_result(summary, score, silent) for score in scores], left=2)
    said = "; silent: calls without an answer" if any(score.unanswered for score in summary.scores) else ""
    yield f"{COLUMNS}{said}."
    models = {score.role: f"{escaped(score.model)}, answered by {escaped(score.served_by)}" for score in summary.scores}
    yield "\n".join(f"- {role}: {breakable(model)}" for role, model in models.items())
    yield breakable(escaped(summary.training))


def _result(summary: Summary, score: Score, silent: bool) -> list[str]:
    bold = "**" if score.role == "tuned student" else ""
    return [
        f"{bold}{score.role.split()[0]}{bold}",
        breakable(escaped(score.variant)),
        f"{bold}{score.figure}{bold}",
        f"{score.macro_f1(summary.categories):.2f}",
        str(score.off_list),
        *([str(score.unanswered)] if silent else []),
        f"{score.prompt_tokens + score.completion_tokens:,}",
    ]


def verdicts(summary: Summary) -> str:
    """On the set that counts; differences that are shown first and in bold."""
    on = summary.best_set
    mine = sorted((c for c in summary.compared if c.evaluation_set == on), key=lambda c: not c.verdict.is_shown)
    lines = [
        f"- {c.role}: {'**' * c.verdict.is_shown}{escaped(c.verdict.text)}{'**' * c.verdict.is_shown}" for c in mine
    ]
    return f"## A/B: prompts on the same rows ({on})\n\n" + "\n".join(lines) if lines else ""


def _earlier(summary: Summary) -> str:
    rows = [leaderboard.run_cells(one) for one in summary.earlier]
    return f"## Earlier runs of this experiment\n\n{table(leaderboard.RUN_HEADER, rows, left=5)}" if rows else ""
