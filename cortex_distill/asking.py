"""What a step hands to the ledger, what it hears meanwhile, and what it gets back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cortex_distill.sql import Sql


class Ask(NamedTuple):
    """What a step wants to know of one model."""

    step: str
    rows: Sql
    """A SELECT of row_key (unique), prompt and draw (0, or the number of the draw)."""
    model: str
    parameters: Mapping[str, Any]
    """`temperature`, `top_p`, `max_tokens`."""
    schema: Mapping[str, Any] | None = None
    """JSON schema of the reply; None for free text."""


class Asked(NamedTuple):
    """What came of an Ask. `replies` names a temporary table of the session:
    row_key, completion_key, reply, error, served_by, prompt_tokens, completion_tokens; one row per row asked."""

    step: str
    model: str
    rows: int
    made: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    replies: str


def in_all(asked: Sequence[Asked]) -> Asked:
    """Several asks of one step as one: sums, and the replies of the last. Raises ValueError for none."""
    if not asked:
        raise ValueError("nothing was asked")
    return asked[-1]._replace(
        rows=sum(one.rows for one in asked),
        made=sum(one.made for one in asked),
        failed=sum(one.failed for one in asked),
        prompt_tokens=sum(one.prompt_tokens for one in asked),
        completion_tokens=sum(one.completion_tokens for one in asked),
        seconds=sum(one.seconds for one in asked),
    )


def per_model(asked: Iterable[Asked]) -> list[Asked]:
    """One for each step and model, in the order of the first: what all prompts of a step put to a model, together."""
    groups: dict[tuple[str, str], list[Asked]] = {}
    for one in asked:
        groups.setdefault((one.step, one.model), []).append(one)
    return [in_all(group) for group in groups.values()]


class Progress(NamedTuple):
    """How far an Ask is: calls to make, made, and of those failed."""

    step: str
    model: str
    calls: int
    done: int
    failed: int
    seconds: float
