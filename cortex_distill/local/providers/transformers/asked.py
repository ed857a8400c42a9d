"""A call, made ready for the model: its tokens, how the reply is drawn, which replies there are."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from cortex_distill.local.providers import Call, CallError
from cortex_distill.local.providers.training.schedule import by_tokens
from cortex_distill.local.providers.transformers.chat import chat_tokens
from cortex_distill.local.providers.transformers.replies import possible, told

DEFAULT_MAX_TOKENS = 4096  # Cortex's
DEFAULT_TOP_P = 0.95  # Cortex documents 0, which cannot be meant with a temperature above 0
BATCH = 16
BATCH_TOKENS = 8192
"""Of the prompts of a batch, padding included."""


class Luck(NamedTuple):
    """How a reply is drawn; temperature 0 is greedy."""

    temperature: float
    top_p: float
    seed: int


class Asked(NamedTuple):
    """A call, ready for the model."""

    place: int
    """In the batch of calls that it came with."""
    tokens: list[int]
    most: int
    """Tokens of the reply."""
    luck: Luck
    schema: Mapping[str, Any] | None
    replies: list[str] | None
    """All that follow the schema, to choose from; None: the model writes."""


def asked(place: int, call: Call, tokenizer: Any, context: int) -> Asked | CallError:
    """The call made ready; an error if it cannot be put to this model, whose prompts and replies fit in `context`."""
    given, schema = call.parameters, call.schema
    replies = None if schema is None else possible(schema)
    messages = [dict(message) for message in call.messages]
    if schema is not None and replies is None and messages:
        messages[-1]["content"] += told(schema)
    try:
        tokens = chat_tokens(messages, tokenizer)
    except CallError as error:
        return error
    if len(tokens) >= context:
        return CallError(f"400 prompt of {len(tokens)} tokens exceeds the context window of {context} tokens")
    luck = Luck(float(given.get("temperature") or 0), float(given.get("top_p") or DEFAULT_TOP_P), _seed(call))
    return Asked(place, tokens, int(given.get("max_tokens") or DEFAULT_MAX_TOKENS), luck, schema, replies)


def batches(calls: Sequence[Asked]) -> Iterator[list[Asked]]:
    """Those that choose one by one, since a choice is a batch itself; those that write by length, shortest first."""
    yield from ([call] for call in calls if call.replies is not None)
    writing = sorted((call for call in calls if call.replies is None), key=lambda call: call.most)
    for _, group in groupby(writing, key=lambda call: call.most):
        for part in by_tokens(list(group), lambda call: len(call.tokens), BATCH_TOKENS):
            yield from (part[at : at + BATCH] for at in range(0, len(part), BATCH))


def _seed(call: Call) -> int:
    """A number from 0 to 2^31 - 1 that depends on all that was asked."""
    said = [call.model, [dict(m) for m in call.messages], dict(call.parameters), call.schema, call.draw]
    text = json.dumps(said, sort_keys=True, default=str)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1
