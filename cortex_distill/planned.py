"""Planned against actual: what a run's plan said before its first call, and what the run then made.

The plan is written down once for each run, and a run that goes on after a crash keeps its first one. So both sides
cover the same: every call that carries the run's id, before the crash and after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cortex_distill.plan import Plan

FINE_TUNE = "fine-tune"


class Planned(NamedTuple):
    """A row of PLANS: the calls to make of one model in one step, at most."""

    step: str
    model: str
    calls: int
    tokens: int
    credits: float | None  # on Cortex; None without a price


class Made(NamedTuple):
    """What became of them."""

    step: str
    model: str
    calls: int
    tokens: int
    credits: float | None  # None for a stand-in, and without a price


class Against(NamedTuple):
    """Both sides; None where a side has nothing."""

    step: str
    model: str
    planned: Planned | None
    made: Made | None


def planned_of(plan: Plan) -> list[Planned]:
    """The rows of PLANS for a plan."""
    rows = [
        Planned(line.step, line.model, line.to_make, line.prompt_tokens + line.completion_tokens, plan.credits_of(line))
        for line in plan.lines
    ]
    training = plan.training
    if training is None:
        return rows
    tokens = 0 if training.started_before else training.tokens
    return [*rows, Planned(FINE_TUNE, training.model, 0, tokens, plan.credits_of(training))]


def against(planned: Sequence[Planned], made: Sequence[Made]) -> list[Against]:
    """Side by side, in the order of the plan. A tuned student has its name only when it is trained: what was made of a
    model that nobody planned belongs to the one whose name was not known."""
    known = {(one.step, one.model) for one in planned}
    found: dict[tuple[str, str], Made] = {}
    for one in made:
        key = (one.step, one.model)
        if key not in known:
            key = next((name for name in known if name[0] == one.step and name[1].startswith("tuned ")), key)
        before = found.get(key)
        found[key] = one._replace(model=key[1]) if before is None else _sum(before, one)
    rows = [Against(one.step, one.model, one, found.pop((one.step, one.model), None)) for one in planned]
    return rows + [Against(*key, None, one) for key, one in found.items()]


def _sum(first: Made, second: Made) -> Made:
    credits = [one.credits for one in (first, second) if one.credits is not None]
    return first._replace(
        calls=first.calls + second.calls,
        tokens=first.tokens + second.tokens,
        credits=sum(credits) if credits else None,
    )


def cells(one: Against) -> list[str]:
    """Step, model, then planned and made of calls, tokens and credits."""
    sides = (one.planned, one.made)
    numbers = [_number(side and getattr(side, name)) for name in ("calls", "tokens", "credits") for side in sides]
    return [one.step, one.model, *numbers]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}" if isinstance(value, float) else f"{value:,}"


HEADER = ("step", "model", "calls planned", "made", "tokens planned", "used", "credits planned", "spent")
ABOUT = (
    "Planned calls are at most, without refills: as if every ticket were written, unique and kept. Tokens of texts that"
    " are yet to be written are a guess. Where stand-ins answer, credits planned are what Cortex would take for all"
    " calls, answered ones included."
)
