"""A run's Summary as Markdown that renders in both Prefect UIs. Text from tickets, models and files is escaped."""

import html
import re

from cortex_distill.metrics import class_scores
from cortex_distill.scores import Score
from cortex_distill.summary import Sample, Summary

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>:])")
LONGEST_TEXT = 300


def escaped(text: str) -> str:
    """Foreign text for one Markdown table cell: no markup, no link, no HTML, one line, at most LONGEST_TEXT.

    Control characters, and those that turn the direction of writing, become U+FFFD.
    """
    line = _UNSEEN.sub("\ufffd", " ".join(text.split()))
    short = line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"
    return _MARKS.sub(r"\\\1", html.escape(short, quote=False))


def markdown(summary: Summary) -> str:
    """The whole report. A warning that concerns every figure stands in the first line."""
    parts = [
        "\n".join(f"> **{escaped(warning)}**  " for warning in summary.warnings),
        f"# {escaped(summary.experiment)}\n\n{escaped(summary.headline)}",
        _results(summary),
        _verdicts(summary),
        _funnel(summary),
        *(_confusion(summary, score) for score in summary.scores if score.evaluation_set == summary.best_set),
        _samples("Tickets, one of each category", ("category", "request", "rating"), summary.tickets),
        _samples("Mistakes of the tuned student", ("category", "request", "answer"), summary.mistakes),
        _calls(summary),
        _prompts(summary),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; all columns but the first are aligned right. The cells are Markdown already."""
    lines = [header, [":--", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _results(summary: Summary) -> str:
    rows = [
        [
            score.evaluation_set,
            score.role if score.role == "tuned student" else f"{score.role} {escaped(score.model)}",  # named below
            escaped(score.variant),
            str(score.n),
            score.figure,
            str(score.off_list),
            str(score.unanswered),
            f"{score.prompt_tokens + score.completion_tokens:,}",
        ]
        for score in summary.scores
    ]
    header = ["set", "model", "prompt", "n", "accuracy (95 % interval)", "off list", "unanswered", "tokens"]
    about = f"\n\nholdout: {escaped(summary.holdout_about)}" if summary.holdout_about else ""
    return f"## Results\n\n{table(header, rows)}{about}\n\n{escaped(summary.training)}"


def _verdicts(summary: Summary) -> str:
    on = summary.best_set
    lines = [f"- {c.role}: {escaped(c.verdict.text)}" for c in summary.compared if c.evaluation_set == on]
    return f"## A/B: prompts on the same rows ({on})\n\n" + "\n".join(lines) if lines else ""


def _funnel(summary: Summary) -> str:
    rows = [[stage.name, f"{stage.tickets:,}", escaped(stage.lost)] for stage in summary.stages]
    judge = f"\n\nJudge: {escaped(summary.judge_check)}" if summary.judge_check else ""
    review = f"\n\nReview: {escaped(summary.review)}" if summary.review else ""
    return f"## Tickets\n\n{table(['stage', 'tickets', 'lost'], rows)}{judge}{review}"


def _confusion(summary: Summary, score: Score) -> str:
    others = [*summary.categories, ""]
    rows = [
        [escaped(truth), *(str(score.confusion.get((truth, said), 0)) for said in others)]
        for truth in summary.categories
    ]
    header = ["asked ↓ answered →", *map(escaped, summary.categories), "none of them"]
    scores = [
        [escaped(s.category), f"{s.precision:.2f}", f"{s.recall:.2f}", f"{s.f1:.2f}", str(s.support)]
        for s in class_scores(score.confusion, summary.categories)
    ]
    per_class = table(["category", "precision", "recall", "F1", "n"], scores)
    return f"## {score.role}, {escaped(score.variant)}, {score.evaluation_set}\n\n{table(header, rows)}\n\n{per_class}"


def _samples(title: str, header: tuple[str, str, str], samples: list[Sample]) -> str:
    rows = [[escaped(cell) for cell in sample] for sample in samples]
    return f"## {title}\n\n{table(list(header), rows)}" if rows else ""


def _calls(summary: Summary) -> str:
    rows = [
        [
            asked.step,
            escaped(asked.model),
            f"{asked.rows:,}",
            f"{asked.made:,}",
            f"{asked.failed:,}",
            f"{asked.prompt_tokens:,} + {asked.completion_tokens:,}",
            f"{asked.seconds:.1f}",
        ]
        for asked in summary.calls
    ]
    header = ["step", "model", "rows", "calls made", "failed", "tokens", "seconds"]
    return f"## Model calls: {summary.calls_made:,}\n\n{table(header, rows)}"


def _prompts(summary: Summary) -> str:
    fenced = [f"**{escaped(name)}**\n\n{_fenced(text)}" for name, text in summary.prompts.items()]
    return "## Prompts\n\n" + "\n\n".join(fenced)


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text.rstrip()}\n{fence}"
