"""The provider `gguf`: answers calls with a GGUF file, base or fine-tuned, on this machine's CPU.

Which file: SmolLM2-135M-Instruct, which comes with the package, or any other through its chat template.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from cortex_distill.local.providers import CANCELED, NEVER, Answer, Call, CallError, Heard, Trained, Training, nobody
from cortex_distill.local.providers.gguf.asking import Prompt, answered, order_of, sampling_of
from cortex_distill.local.providers.gguf.engine import Engine
from cortex_distill.local.providers.gguf.files import Shipped, UserFile
from cortex_distill.local.providers.gguf.finetune import Trainer
from cortex_distill.local.providers.gguf.pool import EnginePool, Stopped
from cortex_distill.local.providers.gguf.server import Reply, Sampling, Server

MODEL_FILE = "model.gguf"
MEMO_SIZE = 20_000
CUT_JSON = (
    "422 json mode output validation error: Model returned invalid JSON that cannot be parsed"
    " due to: unexpected end of JSON input"
)


class GgufProvider:
    """Loads nothing until the first call. Same call, same machine, same wheel: same reply, whatever else is asked."""

    def __init__(self, file: Path | None = None, pool: EnginePool | None = None) -> None:
        """`file`: None for SmolLM2-135M-Instruct. Raises SetupError if it is not there or no GGUF file."""
        self._base = Shipped() if file is None else UserFile(file)
        self._pool = pool or EnginePool()
        self._trainer = Trainer()
        self._memo: OrderedDict[bytes, Reply] = OrderedDict()
        self._memo_lock = threading.Lock()

    def complete(
        self, calls: Sequence[Call], stop: threading.Event = NEVER, heard: Heard = nobody
    ) -> list[Answer | CallError]:
        """Answer every call, in order; those that want one model are shared out among the machine's cores."""
        answers: dict[int, Answer | CallError] = {}
        for weights in dict.fromkeys(call.weights for call in calls):
            places = [at for at in order_of(calls) if calls[at].weights == weights]
            self._answer_all(weights, calls, places, answers, stop, heard)
        return [answers[at] for at in range(len(calls))]

    def finetune(self, job: Training) -> Trained:
        """Train the last layers in a process of its own. Raises CallError, or Cancelled from `job.progress`."""
        base = self._base
        return self._trainer.run(job, self._tokens, base.path, base.name, **base.training(self._pool))

    def count_tokens(self, text: str, model: str = "", *, asked: bool = False) -> int:
        """Tokens of the bare text, or of the chat that asks it. Loads the base model. Raises CallError if it cannot."""
        if not asked:
            return len(self._tokens(text))
        with self._pool.lease(self._base.path) as engine:
            question = Call(model, [{"role": "user", "content": text}], {}, None, None)
            return len(self._base.ask(engine.reader, question).tokens)

    def served_by(self, model: str) -> str:
        """The one file, whatever the model is called. Raises CallError if it has gone."""
        return f"gguf:{self._base.identity()}"

    def close(self) -> None:
        """Stop trainings and free the models, those of other providers in the same pool, too."""
        self._trainer.close()
        self._pool.close()

    def _tokens(self, text: str) -> list[int]:
        with self._pool.lease(self._base.path) as engine:
            return engine.reader.tokens(text)

    def _answer_all(
        self,
        weights: Path | None,
        calls: Sequence[Call],
        places: Sequence[int],
        answers: dict[int, Answer | CallError],
        stop: threading.Event,
        heard: Heard,
    ) -> None:
        """Answer the calls at these places, which want one model."""
        left = CallError(CANCELED)

        def work(server: Server, place: int) -> None:
            if stop.is_set():
                return
            answers[place] = answer = self._answer(engine, server, calls[place])
            if isinstance(answer, Answer):
                heard(place, answer)

        try:
            with self._pool.lease(self._file(weights), stop) as engine:
                engine.share(places, work, stop)
        except Stopped:
            pass  # no call has begun
        except CallError as error:
            left = error
        for place in places:
            answers.setdefault(place, left)

    def _file(self, weights: Path | None) -> Path:
        if weights is None:
            return self._base.path
        if not (weights / MODEL_FILE).is_file():
            raise CallError(f"500 the fine-tuned model's file {weights / MODEL_FILE} is missing; fine-tune it again")
        return weights / MODEL_FILE

    def _answer(self, engine: Engine, server: Server, call: Call) -> Answer | CallError:
        try:
            if self._pool.closed:
                raise CallError("500 the model provider has been closed")
            prompt = self._base.ask(server, call)
            reply = self._reply(engine, server, prompt, sampling_of(call, prompt.grammar))
        except CallError as error:
            return error
        if reply.cut and call.schema is not None:
            return CallError(CUT_JSON)
        tuned = "" if call.weights is None else f"+light-{engine.digest[:8]}"
        served_by = f"gguf:{self._base.name}{tuned}"
        return Answer(prompt.opening + reply.text, len(prompt.tokens), reply.tokens, served_by)

    def _reply(self, engine: Engine, server: Server, prompt: Prompt, sampling: Sampling) -> Reply:
        """Greedy replies are remembered: teacher and base student are the same weights, so they share them."""
        if sampling.temperature > 0:
            return answered(server, prompt, sampling)
        asked = (engine.identity, prompt.tokens, prompt.grammar, sampling.max_tokens)
        key = blake2b(repr(asked).encode(), digest_size=16).digest()
        with self._memo_lock:
            known = self._memo.get(key)
        if known is not None:
            return known
        reply = answered(server, prompt, sampling)
        with self._memo_lock:
            self._memo[key] = reply
            if len(self._memo) > MEMO_SIZE:
                self._memo.popitem(last=False)
        return reply
