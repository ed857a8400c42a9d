"""How a call is put to a model, and what its reply means.

Without a schema: through a chat template. With a schema: inside a grammar made from it, from the first characters of
the JSON reply, which are certain. SmolLM2-135M reads such a call as plain text to be continued: measured, it hardly
obeys instructions but continues examples well. Other files are asked through their template there, too.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from cortex_distill.local.providers import Call
from cortex_distill.local.providers.gguf.chat import chat_tokens, plain_tokens
from cortex_distill.local.providers.gguf.grammar import ANY_TEXT, compile_schema
from cortex_distill.local.providers.gguf.server import Reply, Sampling, Server, shared
from cortex_distill.local.providers.gguf.template import templated_tokens

DEFAULT_MAX_TOKENS = 4096  # Cortex's
DEFAULT_TOP_P = 0.95  # Cortex documents 0, which cannot be meant with a temperature above 0


class Prompt(NamedTuple):
    """What the model reads, how its reply begins, and the grammar of the rest (None: free text) with all endings that
    it allows, where those are few."""

    tokens: list[int]
    opening: str = ""
    grammar: str | None = None
    endings: tuple[str, ...] = ()


Ask = Callable[[Server, Call], Prompt]
"""Raises CallError if the schema cannot be read, or a template refuses the messages."""


def ask_smollm2(server: Server, call: Call) -> Prompt:
    """SmolLM2-135M-Instruct, or what was fine-tuned from it."""
    if call.schema is None:
        return Prompt(chat_tokens(call.messages, server.tokens, default_system=call.weights is None))
    opening, rules, endings = compile_schema(call.schema)
    return Prompt(plain_tokens(call.messages, opening, server.tokens), opening, rules, endings)


def ask_by_template(server: Server, call: Call) -> Prompt:
    """Any other model."""
    tokens = templated_tokens(call.messages, server)
    if call.schema is None:
        return Prompt(tokens)
    opening, rules, endings = compile_schema(call.schema, ANY_TEXT)
    return Prompt([*tokens, *server.tokens(opening)], opening, rules, endings)


def answered(server: Server, prompt: Prompt, sampling: Sampling) -> Reply:
    """The model's reply, without the opening.

    Where the endings are few, only as many tokens are asked for as tell them apart: a label of five tokens is mostly
    certain after its first. The reply is the same as if all had been, and its tokens are counted as if it were.
    """
    if not prompt.endings:
        return server.reply(prompt.tokens, sampling)
    tokens = {ending: server.tokens(ending) for ending in prompt.endings}
    telling = min(sampling.max_tokens, _telling(list(tokens.values())))
    begun = server.reply(prompt.tokens, sampling._replace(max_tokens=telling)).text
    fits = [ending for ending in prompt.endings if ending.startswith(begun)]
    if len(fits) != 1:  # the model spells in other tokens than the tokenizer
        return server.reply(prompt.tokens, sampling)
    count = len(tokens[fits[0]])
    return Reply(fits[0], count, count > sampling.max_tokens)


def sampling_of(call: Call, grammar: str | None) -> Sampling:
    """Cortex's parameters with its defaults, and a seed that depends on all that was asked."""
    given = call.parameters
    return Sampling(
        max_tokens=int(given.get("max_tokens") or DEFAULT_MAX_TOKENS),
        temperature=float(given.get("temperature") or 0),
        top_p=float(given.get("top_p") or DEFAULT_TOP_P),
        seed=_seed(call),
        grammar=grammar,
    )


def order_of(calls: Sequence[Call]) -> list[int]:
    """Places sorted so that neighbours share the beginnings of their prompts, as far as that can be had by sorting."""
    return sorted(range(len(calls)), key=lambda at: (calls[at].schema is None, _text(calls[at].messages)))


def _text(messages: Sequence[Mapping[str, str]]) -> list[str]:
    return [text for message in messages for text in (message["role"], message["content"])]


def _telling(texts: list[list[int]]) -> int:
    """Number of first tokens that are different for each of the texts."""
    return 1 + max((shared(*pair) for pair in pairwise(sorted(texts))), default=0)


def _seed(call: Call) -> int:
    """A number from 0 to 2^31 - 1."""
    asked: list[Any] = [call.model, [dict(m) for m in call.messages], dict(call.parameters), call.schema, call.draw]
    text = json.dumps(asked, sort_keys=True, default=str)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1
