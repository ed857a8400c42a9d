"""What a plan looks like in a terminal: the headline, one table, and where its numbers come from."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.text import Text

from cortex_distill.plan import DISCORDANT, Line, Plan
from cortex_distill.prices import NO_PRICE, VARIABLE, dollars
from flows.console import console
from flows.plain_table import PlainTable, plain

NONE = "–"


def show_plan(plan: Plan) -> None:
    """What it costs first, then by step and model, then what it can show and what the numbers rest on."""
    console.print(Text("\n" + plan.headline.replace("; ", "\n  "), style="bold"))
    if plan.is_over_budget:
        console.print(Text(f"over budget: {plan.credits:.3f} of {plan.max_credits:g} credits", style="bold red"))
    console.print(Group(_calls(plan), *(Text(f"  {line}", style=style) for line, style in _remarks(plan))))


def _calls(plan: Plan) -> PlainTable:
    where = "credits on Cortex, all" if plan.is_local else "credits"
    numbers = ("calls to make", "answered", "tokens in", "tokens out", where)
    table = plain("", [("step", ""), ("model", ""), *((name, "right") for name in numbers)])
    for line in plan.lines:
        table.add_row(*map(Text, _cells(plan, line)))
    if training := plan.training:
        tokens = "0" if training.started_before else f"{training.tokens:,}"
        cells = ("fine-tune", training.model, "", "", tokens, "", _credits(plan.credits_of(training)))
        table.add_row(*map(Text, cells))
    table.add_section()
    read, wrote = (sum(numbers) for numbers in zip(*((one[5], one[6]) for one in plan.lines), strict=True))
    total = f"{plan.credits:.4f}{' +' if plan.without_price else ''}"
    every = ("all", "", f"{plan.calls:,}", f"{plan.free:,}", f"{read:,}", f"{wrote:,}", total)
    table.add_row(*(Text(cell, style="bold") for cell in every))
    return table


def _cells(plan: Plan, line: Line) -> tuple[str, ...]:
    most = "≤ " if line.is_open else ""
    free = f"{line.free:,}" + (" or more" if line.is_open else "")
    numbers = (f"{most}{line.to_make:,}", free, f"{line.prompt_tokens:,}", f"{line.completion_tokens:,}")
    return (line.step, line.model, *numbers, _credits(plan.credits_of(line)))


def _credits(amount: float | None) -> str:
    return NO_PRICE if amount is None else f"{amount:.4f}"


def _remarks(plan: Plan) -> Iterator[tuple[str, str]]:
    """Sentences, each with its style."""
    for one in plan.differences:
        shown = "no difference at all" if one.smallest is None else f"a true difference of {one.smallest:.2f} or more"
        best = "" if one.evaluation_set == "holdout" else ", at best: tickets of one call resemble each other"
        between = f"between two of {one.tests:,} pairs of prompts" if one.tests > 1 else "between two prompts"
        yield (
            f"{one.evaluation_set}, n = {one.n:,}: can show {shown} {between} (4 times in 5, if one alone is right on"
            f" {DISCORDANT:.0%} of the rows{best})",
            "yellow" if one.smallest is None or one.smallest > 0.1 else "",
        )
    if plan.refills:
        yield plan.refills, ""
    if money := dollars(plan.credits):
        yield f"about {money:,.2f} dollars at the price of a credit in the price file", ""
    if plan.without_price:
        yield f"{NO_PRICE} of {', '.join(plan.without_price)}: name a file with it in ${VARIABLE}", "yellow"
    if plan.is_local:
        who = ", ".join(f"{model}: {name}" for model, name in plan.served_by.items())
        yield f"stand-ins answer here and cost nothing ({who}); their tokens are not Cortex's", "dim"
    bases: dict[str, list[str]] = {}
    for part in plan.parts:
        if part.basis and part.step not in bases.setdefault(part.basis, []):
            bases[part.basis].append(part.step)
    for basis, steps in bases.items():
        yield f"{', '.join(steps)}: {basis}", "dim"
    if plan.training:
        yield f"fine-tune: {plan.training.rows:,} rows, {plan.training.basis}", "dim"
    if plan.like:
        yield f"texts that are yet to be written are taken to be like {plan.like}", "dim"
    yield "schemas of replies are not counted: Cortex bills them, and does not say how", "dim"
    prices: dict[str | None, list[str]] = {}
    for model, said in plan.prices:
        prices.setdefault(said, []).append(model)
    for said, models in prices.items():
        yield f"price of {', '.join(models)}: {said or NO_PRICE}", "dim"
