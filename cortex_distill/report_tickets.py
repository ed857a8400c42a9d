"""The report's part about tickets and what they cost: funnel, samples with ratings, model calls."""

from collections.abc import Sequence

from cortex_distill.funnel import funnel_chart, funnel_words
from cortex_distill.markup import breakable, escaped, table
from cortex_distill.planned import ABOUT, HEADER, cells
from cortex_distill.prices import prices_of
from cortex_distill.summary import Spent, Summary

NONE = "–"


def tickets(summary: Summary) -> str:
    """Funnel, what the judge is worth, and a ticket of each category."""
    rows = [[escaped(one.category), escaped(one.remark), escaped(one.request)] for one in summary.tickets]
    first = "requests" if summary.requests else "tickets asked for"
    parts = [
        "## Tickets",
        funnel_chart(summary.stages, f"From {first} to tickets learnt from"),
        escaped(funnel_words(summary.stages), 2000),
        f"Judge: {escaped(summary.judge_check)}." if summary.judge_check else "",
        f"Review: {escaped(summary.review)}." if summary.review else "",
        "One of each category, with the judge's rating:" if rows else "",
        table(["category", "rating", "request"], rows, left=3) if rows else "",
    ]
    return "\n\n".join(part for part in parts if part)


def spent(summary: Summary) -> str:
    """What this run called for itself, by step and model; what earlier runs had asked already cost nothing."""
    asked = sum(one.rows for one in summary.calls)
    made = sum(one.calls for one in summary.spent)
    said = f"This run needed {asked:,} replies and made {made:,} calls; the others had been answered before."
    lists = dict.fromkeys(prices_of(one.model) for one in summary.spent if one.credits is not None)
    by = f" by a price list ({escaped('; '.join(filter(None, lists)))})" if lists else ""
    prices = f"Credits are an estimate{by}, without training; {NONE}: a stand-in, or no price."
    header = ["step", "model", "calls", "failed", "tokens in", "tokens out", "credits"]
    rows = [_row(one) for one in summary.spent]
    rows += [_total(summary.spent)] if rows else []
    return "\n\n".join(
        ["## Model calls", said, *([table(header, rows, left=2), prices] if rows else []), *_planned(summary)]
    )


def _planned(summary: Summary) -> list[str]:
    rows = [[breakable(escaped(cell)) for cell in cells(one)] for one in summary.planned]
    return ["### Planned against actual", table(list(HEADER), rows, left=2), ABOUT] if rows else []


def _row(one: Spent) -> list[str]:
    by = f" ({breakable(escaped(one.served_by))})" if one.served_by != one.model else ""
    numbers = (one.calls, one.failed, one.prompt_tokens, one.completion_tokens)
    return [escaped(one.step), breakable(escaped(one.model)) + by, *(f"{n:,}" for n in numbers), _credits(one.credits)]


def _total(spent: Sequence[Spent]) -> list[str]:
    sums = [sum(numbers) for numbers in zip(*(one[3:7] for one in spent), strict=True)]
    known = [one.credits for one in spent if one.credits is not None]
    return ["**all**", "", *(f"**{n:,}**" for n in sums), f"**{_credits(sum(known) if known else None)}**"]


def _credits(value: float | None) -> str:
    return NONE if value is None else f"{value:.4f}"
