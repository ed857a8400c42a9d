"""The provider `gguf`: answers calls with SmolLM2-135M-Instruct, base or fine-tuned, on this machine's CPU.

How a call is put to the model depends on the call alone:
- without a schema, through the model's chat template;
- with a schema, as plain text that the model continues from the first characters of the JSON reply,
  inside a grammar made from the schema. Measured: this model hardly obeys instructions but continues examples well.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from cortex_distill.local.providers import CANCELED, NEVER, Answer, Call, CallError, Heard, Trained, Training, nobody
from cortex_distill.local.providers.gguf.base_model import NAME, base_gguf
from cortex_distill.local.providers.gguf.chat import chat_tokens, plain_tokens
from cortex_distill.local.providers.gguf.engine import Engine, Reply, Sampling
from cortex_distill.local.providers.gguf.finetune import Trainer
from cortex_distill.local.providers.gguf.grammar import compile_schema
from cortex_distill.local.providers.gguf.pool import EnginePool

DEFAULT_MAX_TOKENS = 4096  # Cortex's
DEFAULT_TOP_P = 0.95  # Cortex documents 0, which cannot be meant with a temperature above 0
MEMO_SIZE = 20_000
CUT_JSON = (
    "422 json mode output validation error: Model returned invalid JSON that cannot be parsed"
    " due to: unexpected end of JSON input"
)

MemoKey = tuple[str, tuple[int, ...], str | None, int]


class Prompt(NamedTuple):
    """What the model reads, how its reply begins, and the grammar of the rest (None: free text)."""

    tokens: list[int]
    opening: str
    grammar: str | None


class GgufProvider:
    """Loads nothing until the first call. Same call, same machine, same wheel: same reply."""

    def __init__(self, file: Path | None = None, pool: EnginePool | None = None) -> None:
        self._pool = pool or EnginePool()
        self._trainer = Trainer()
        self._memo: OrderedDict[MemoKey, Reply] = OrderedDict()
        self._memo_lock = threading.Lock()

    def complete(
        self, calls: Sequence[Call], stop: threading.Event = NEVER, heard: Heard = nobody
    ) -> list[Answer | CallError]:
        """Answer every call, in order. Calls that stand together and want one model are taken as one batch."""
        answers: list[Answer | CallError] = []
        for weights, group in groupby(calls, key=lambda call: call.weights):
            batch = list(group)
            told = partial(_told, heard, len(answers))
            try:
                with self._pool.lease(weights) as engine, engine.lock:
                    answers += self._batch(engine, batch, stop, told)
            except CallError as error:
                answers += [error] * len(batch)
        return answers

    def finetune(self, job: Training) -> Trained:
        """Train the last layers in a process of its own. Raises CallError, or Cancelled from `job.progress`."""
        with self._pool.lease(None) as engine:
            tokenize = engine.tokenize
            return self._trainer.run(job, tokenize, base_gguf(), NAME)

    def count_tokens(self, text: str, model: str = "") -> int:
        """Tokens of the bare text, without the marks of a chat. Loads the base model."""
        with self._pool.lease(None) as engine:
            return len(engine.tokenize(text))

    def served_by(self, model: str) -> str:
        """The one base model, whatever it is called."""
        return f"gguf:{NAME}"

    def close(self) -> None:
        """Stop trainings and free the models."""
        self._trainer.close()
        self._pool.close()

    def _batch(
        self, engine: Engine, calls: Sequence[Call], stop: threading.Event, heard: Heard
    ) -> list[Answer | CallError]:
        """Asked in the order of their prompts: llama.cpp need not read again what a prompt shares with the last one.

        No reply depends on that order (see `engine`), so the answers are those of the order given.
        """
        prompts = [_prompt(engine, call) for call in calls]
        answers: dict[int, Answer | CallError] = {}
        for at in sorted(range(len(calls)), key=lambda at: _tokens(prompts[at])):
            prompt = CallError(CANCELED) if stop.is_set() else prompts[at]
            answer = prompt if isinstance(prompt, CallError) else self._answer(engine, calls[at], prompt)
            answers[at] = answer
            if isinstance(answer, Answer):
                heard(at, answer)
        return [answers[at] for at in range(len(calls))]

    def _answer(self, engine: Engine, call: Call, prompt: Prompt) -> Answer | CallError:
        try:
            if self._pool.closed:
                raise CallError("500 the model provider has been closed")
            reply = self._reply(engine, prompt.tokens, _sampling(call, prompt.grammar))
        except CallError as error:
            return error
        if reply.cut and call.schema is not None:
            return CallError(CUT_JSON)
        return Answer(prompt.opening + reply.text, len(prompt.tokens), reply.tokens, _served_by(engine, call))

    def _reply(self, engine: Engine, prompt: list[int], sampling: Sampling) -> Reply:
        """Greedy replies are remembered: teacher and base student are the same weights, so they share them."""
        if sampling.temperature > 0:
            return engine.reply(prompt, sampling)
        key = (engine.sha256, tuple(prompt), sampling.grammar, sampling.max_tokens)
        with self._memo_lock:
            known = self._memo.get(key)
        if known is not None:
            return known
        reply = engine.reply(prompt, sampling)
        with self._memo_lock:
            self._memo[key] = reply
            if len(self._memo) > MEMO_SIZE:
                self._memo.popitem(last=False)
        return reply


def _told(heard: Heard, first: int, place: int, answer: Answer) -> None:
    heard(first + place, answer)


def _prompt(engine: Engine, call: Call) -> Prompt | CallError:
    if call.schema is None:
        return Prompt(chat_tokens(call.messages, engine.tokenize, default_system=call.weights is None), "", None)
    try:
        opening, rules = compile_schema(call.schema)
    except CallError as error:
        return error
    return Prompt(plain_tokens(call.messages, opening, engine.tokenize), opening, rules)


def _tokens(prompt: Prompt | CallError) -> list[int]:
    return [] if isinstance(prompt, CallError) else prompt.tokens


def _sampling(call: Call, grammar: str | None) -> Sampling:
    given = call.parameters
    return Sampling(
        max_tokens=int(given.get("max_tokens") or DEFAULT_MAX_TOKENS),
        temperature=float(given.get("temperature") or 0),
        top_p=float(given.get("top_p") or DEFAULT_TOP_P),
        seed=_seed(call),
        grammar=grammar,
    )


def _seed(call: Call) -> int:
    """A number from 0 to 2^31 - 1 that depends on all that was asked."""
    asked = [call.model, [dict(m) for m in call.messages], dict(call.parameters), call.schema, call.draw]
    text = json.dumps(asked, sort_keys=True, default=str)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1


def _served_by(engine: Engine, call: Call) -> str:
    tuned = "" if call.weights is None else f"+light-{engine.sha256[:8]}"
    return f"gguf:{NAME}{tuned}"
