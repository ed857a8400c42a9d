"""A MessageSummary as Markdown that renders in both Prefect UIs. Text of tickets and models is escaped."""

from collections.abc import Sequence

from cortex_distill.funnel import funnel_chart, funnel_words
from cortex_distill.markup import artifact_key, breakable, escaped, fenced, run_link, table
from cortex_distill.message_summary import NOT_SENT, MessageSummary, Shown

_FLAGS = (
    "Flagged: a gap that was left unfilled ([Your Name]), a greeting of nobody (Dear ,), or the name or address of"
    " another customer of this inbox. A name of one word is looked for as it is written, so that a customer called May"
    " is found in every month of May: a flag asks somebody to look."
)
_REDACTED = (
    "Forms are known, not meanings: names and street addresses stay, and so does a number that is written in words."
)
LONGEST = 1200  # characters of a message that is shown


def key(experiment: str) -> str:
    """The artifact's key."""
    return artifact_key("messages", experiment)


def markdown(summary: MessageSummary) -> str:
    """The whole report. What was not done stands above everything: nothing was sent."""
    parts = [
        "\n\n".join(f"⚠️ **{escaped(warning[:1].upper() + warning[1:])}.**" for warning in summary.warnings),
        f"# Messages of {breakable(escaped(summary.experiment))}\n\n**{escaped(summary.headline)}**",
        f"{NOT_SENT}.",
        f"{run_link('This run', summary.run_id)} {summary.run_id[:8]}",
        _tickets(summary),
        _lengths(summary),
        _compared(summary),
        _messages("To be looked at", summary.marked),
        _messages("Examples", summary.examples),
        _calls(summary),
        _prompts(summary),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _tickets(summary: MessageSummary) -> str:
    same = f" {summary.same_id} tickets have the id of another one; each was answered." if summary.same_id else ""
    rows = [[breakable(escaped(category)), f"{tickets:,}"] for category, tickets in summary.by_category]
    return "\n\n".join(
        [
            "## Tickets",
            funnel_chart(summary.stages, "From the inbox to messages that nobody has to look at"),
            escaped(funnel_words(summary.stages), 2000),
            f"{breakable(escaped(f'{summary.inbox}, sorted by {summary.student}', 600))}.{same}",
            table(["category", "tickets"], rows),
        ]
    )


def _lengths(summary: MessageSummary) -> str:
    header = ["variant", "channel", "messages", "ok", "too long", "flagged", "silent", "asked again"]
    header += ["limit", "longest", "mean words"]
    rows = [
        [
            *(breakable(escaped(cell)) for cell in (one.variant, one.channel)),
            *(f"{n:,}" for n in one[2:10]),
            f"{one.mean:.1f}",
        ]
        for one in summary.kept
    ]
    again = "A message with too many words was asked for once more; what is still too long is marked, not cut."
    return "\n\n".join(["## Word limits and flags", table(header, rows, left=2), again, _FLAGS])


def _compared(summary: MessageSummary) -> str:
    lines = []
    for one in sorted(summary.compared, key=lambda one: not one.verdict.is_shown):
        bold = "**" * one.verdict.is_shown
        bias = f" Order: {escaped(one.bias, 600)}." if one.bias else ""
        lines.append(f"- {bold}{escaped(one.text, 600)}{bold}.{bias}")
    return "\n\n".join(["## Variants side by side", "\n".join(lines)]) if lines else ""


def _messages(title: str, messages: Sequence[Shown]) -> str:
    if not messages:
        return ""
    parts = [f"## {title}"]
    for one in messages:
        head = ", ".join(filter(None, (one.ticket_id, one.category, one.channel, one.variant, f"{one.words} words")))
        parts += [f"{breakable(escaped(head))} — {escaped(one.remark)}", f"Request: {escaped(one.request)}"]
        parts.append(fenced(one.message[:LONGEST] or "(no message)"))
    return "\n\n".join(parts)


def _calls(summary: MessageSummary) -> str:
    needed = sum(asked.rows for asked in summary.calls)
    said = f"This run needed {needed:,} replies and made {summary.calls_made:,} calls; the others had been answered."
    header = ["step", "model", "rows", "calls", "failed", "tokens in", "tokens out"]
    rows = [
        [
            escaped(one.step),
            breakable(escaped(one.model)),
            *(f"{n:,}" for n in (one.rows, one.made, one.failed, one.prompt_tokens, one.completion_tokens)),
        ]
        for one in summary.calls
    ]
    credits = [one.credits for one in summary.spent if one.credits is not None]
    spent = (
        f"About {sum(credits):.4f} credits by the price list." if credits else "No credits: no price, or a stand-in."
    )
    return "\n\n".join(["## Model calls", said, table(header, rows, left=2), spent])


def _prompts(summary: MessageSummary) -> str:
    hidden = f"Replaced before a model saw it: {escaped(', '.join(summary.redacted))}. {_REDACTED}"
    none = "Nothing was replaced in what the templates name (messages.redact)."
    parts = ["## Prompts", f"Written by {breakable(escaped(summary.model))}.", hidden if summary.redacted else none]
    for variant, template in summary.prompts.items():
        parts += [f"### {breakable(escaped(variant))}", fenced(template)]
    return "\n\n".join(parts)
