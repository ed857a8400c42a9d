"""What the checks on an account cost at most, by the price list of the project: said before the first one starts."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cortex_distill.prices import expected, prices_of

# Calls of the conformance suite, as the local engine counts them; a test of it holds the line. Most name no max_tokens.
CONFORMANCE = {"llama3.1-8b": 27, "llama3.3-70b": 6, "AI_CLASSIFY": 8, "AI_FILTER": 6}
LONGEST = 4096 + 200  # tokens: AI_COMPLETE's default for a reply, and a prompt


class Bill(NamedTuple):
    """Calls of one model, and what they cost at most."""

    model: str
    calls: int
    credits: float | None
    """None where no price is known."""


def bills(paid: Iterable[tuple[str, int, int]]) -> list[Bill]:
    """One for each model of (model, calls, tokens of a call at most)."""
    calls: dict[str, int] = {}
    tokens: dict[str, int] = {}
    for model, number, most in paid:
        calls[model] = calls.get(model, 0) + number
        tokens[model] = tokens.get(model, 0) + number * most
    return [Bill(model, number, expected(model, tokens[model])) for model, number in calls.items() if number]


def total(found: Sequence[Bill]) -> float:
    """Credits at most, of all whose price is known."""
    return sum(bill.credits or 0.0 for bill in found)


def lines(found: Sequence[Bill], training: bool) -> list[str]:
    """What is said before the first statement."""
    said = [
        f"  {bill.model}: {bill.calls} calls, "
        + ("no price known" if bill.credits is None else f"{bill.credits:.3f} credits at most (prices {_of(bill)})")
        for bill in found
    ]
    trained = "4 small FINETUNE jobs, no price known" if training else "no FINETUNE (DISTILL_TEST_FINETUNE=1 adds it)"
    return [
        f"Model calls cost at most {total(found):.3f} credits, as far as prices are known:",
        *said,
        f"  {trained}",
        "  and the warehouse for as long as it runs: some 2,000 small statements",
    ]


def _of(bill: Bill) -> str:
    return str(prices_of(bill.model)).split(":")[0]
