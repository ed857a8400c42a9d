"""What a run will ask for, before anybody pays: calls, tokens and credits by step and model. Gathered by tasks/plan.py.

Numbers say where they come from. What depends on texts that the teacher has yet to write is an estimate, and at most:
as if every ticket that is asked for were written, unique and kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cortex_distill.prices import MILLION, NO_PRICE, expected, price, prices_of

DISCORDANT = 0.2  # share of rows on which one of two prompts alone is right, where `smallest` has to assume one


class Part(NamedTuple):
    """Calls of one model in one step that are known, or estimated, in the same way."""

    step: str
    model: str
    what: str  # which rows, which prompt
    calls: int  # that the step needs; at most, where it is an estimate
    free: int | None  # of those, answered already; None: nobody knows before earlier steps have been answered
    prompt_tokens: int  # of the calls that are left to make
    completion_tokens: int
    basis: str  # where calls and tokens come from
    needed: tuple[int, int] = (0, 0)  # tokens of all calls, read and written, as if none were answered


class Training(NamedTuple):
    """The fine-tuning job."""

    model: str  # the base
    rows: int
    epochs: int
    tokens: int  # trained tokens: rows and epochs
    started_before: bool | None  # and so not paid again; None: its rows are not known yet
    basis: str

    @property
    def credits(self) -> float | None:
        """Of a job that is to be started; None without a price."""
        return 0.0 if self.started_before else self.credits_on_cortex

    @property
    def credits_on_cortex(self) -> float | None:
        """As if no job had been started."""
        known = price(self.model)
        return self.tokens * known.training / MILLION if known and known.training is not None else None


class Difference(NamedTuple):
    """What n rows of an evaluation set can show."""

    evaluation_set: str
    n: int
    tests: int  # pairs of prompts, between which Holm's correction shares the 5 %
    smallest: float | None  # the true difference that is found 4 times in 5; None: such n can show none


class Line(NamedTuple):
    """All calls of one model in one step."""

    step: str
    model: str
    calls: int
    free: int
    is_open: bool  # some of the calls may turn out to be free
    prompt_tokens: int
    completion_tokens: int
    needed: tuple[int, int] = (0, 0)

    @property
    def to_make(self) -> int:
        """Calls that somebody pays."""
        return self.calls - self.free

    @property
    def credits(self) -> float | None:
        """Of the calls to make; None for a model without a price."""
        return expected(self.model, self.prompt_tokens, self.completion_tokens) if self.to_make else 0.0

    @property
    def credits_on_cortex(self) -> float | None:
        """Of all calls, for an engine whose answers are not Cortex's: an account has none of them."""
        return expected(self.model, *self.needed)


class Plan(NamedTuple):
    """Everything that `distill plan` says."""

    experiment: str
    engine: str
    parts: Sequence[Part]
    training: Training | None  # None: nothing is trained, as messages are written by models that are there
    differences: Sequence[Difference]
    served_by: dict[str, str]  # model → who answers to its name
    is_local: bool
    like: str  # which texts stand in for those that are yet to be written; '' if none do
    max_credits: float | None = None
    refills: str = ""  # what later rounds of tickets may add to all of this; '' if nothing

    @property
    def lines(self) -> list[Line]:
        """By step and model, in the order of the steps."""
        return lines(self.parts)

    @property
    def calls(self) -> int:
        """Calls to make, at most."""
        return sum(line.to_make for line in self.lines)

    @property
    def free(self) -> int:
        """Calls that COMPLETIONS is known to answer."""
        return sum(line.free for line in self.lines)

    @property
    def tokens(self) -> int:
        """Read and written by the calls to make, without training."""
        return sum(line.prompt_tokens + line.completion_tokens for line in self.lines)

    @property
    def credits(self) -> float:
        """What has a price, training included. See `without_price`."""
        each = [*map(self.credits_of, self.lines), self.credits_of(self.training) if self.training else 0.0]
        return sum(amount for amount in each if amount is not None)

    def credits_of(self, one: Line | Training) -> float | None:
        """What it costs here; on this machine, where stand-ins cost nothing, what all of it would cost on Cortex."""
        return one.credits_on_cortex if self.is_local else one.credits

    @property
    def without_price(self) -> list[str]:
        """What is missing in `credits`, in words."""
        missing = [f"{line.step} ({line.model})" for line in self.lines if self.credits_of(line) is None]
        if self.training and self.credits_of(self.training) is None:
            missing.append(f"training of {self.training.model}")
        return missing

    @property
    def prices(self) -> list[tuple[str, str | None]]:
        """Each model with date and source of its price, or None."""
        return [(model, prices_of(model)) for model in dict.fromkeys(part.model for part in self.parts)]

    @property
    def is_over_budget(self) -> bool:
        """Whether the file's `budget.max_credits` would stop the run; a stand-in on this machine costs nothing."""
        return self.max_credits is not None and not self.is_local and self.credits > self.max_credits

    @property
    def headline(self) -> str:
        """One sentence: calls, tokens, credits."""
        free = f" ({self.free:,} more are answered already)" if self.free else ""
        most = "at most " if any(line.is_open for line in self.lines) else ""
        more = f" and what has {NO_PRICE}" if self.without_price else ""
        cost = f"{most}{self.credits:.3f} credits{more}" if self.credits or not more else NO_PRICE
        paid = f"free here, where stand-ins answer; all of it on Cortex: {cost}" if self.is_local else cost
        before = " before refills" if self.refills else ""
        nothing = f"0 calls to make, all {self.free:,} are answered"
        made = f"{most}{self.calls:,} calls{before}{free}" if self.calls else nothing
        return f"{self.experiment} on {self.engine}: {made}; {self.tokens:,} tokens; {paid}"


def lines(parts: Iterable[Part]) -> list[Line]:
    """Parts added up by step and model."""
    found: dict[tuple[str, str], Line] = {}
    for part in parts:
        key = (part.step, part.model)
        one = found.get(key, Line(*key, 0, 0, False, 0, 0))
        found[key] = one._replace(
            calls=one.calls + part.calls,
            free=one.free + (part.free or 0),
            is_open=one.is_open or part.free is None,
            prompt_tokens=one.prompt_tokens + part.prompt_tokens,
            completion_tokens=one.completion_tokens + part.completion_tokens,
            needed=(one.needed[0] + part.needed[0], one.needed[1] + part.needed[1]),
        )
    return list(found.values())
