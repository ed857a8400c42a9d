"""What a step hands to the ledger, what it hears meanwhile, and what it gets back."""

from __future__ import annotations

from collections.abc import Mapping
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


class Progress(NamedTuple):
    """How far an Ask is: calls to make, made, and of those failed."""

    step: str
    model: str
    calls: int
    done: int
    failed: int
    seconds: float
