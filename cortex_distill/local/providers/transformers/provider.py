"""The provider `transformers`: calls go to a model in a Hugging Face folder, in batches of like length.

Replies may change in rare cases with what else is in the batch, as sums are then rounded in another order.
"""

import threading
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from cortex_distill.local.providers import CANCELED, NEVER, Answer, Call, CallError, Heard, Trained, Training, nobody
from cortex_distill.local.providers.transformers import folder as model_folder
from cortex_distill.local.providers.transformers.asked import Asked, asked, batches
from cortex_distill.local.providers.transformers.chat import chat_tokens
from cortex_distill.local.providers.transformers.finetune import Trainer
from cortex_distill.local.providers.transformers.quiet import import_quietly
from cortex_distill.local.providers.transformers.replies import INVALID, checked

_LOADED = "cortex_distill.local.providers.transformers.model"  # imported on first use: PyTorch takes seconds

Answers = dict[int, Answer | CallError]


class TransformersProvider:
    """Loads nothing until the first call. One batch runs at a time."""

    def __init__(self, folder: Path) -> None:
        """Raises SetupError if the folder holds no model or PyTorch is not installed."""
        model_folder.check(folder)
        self._folder = folder.resolve()
        self._name = f"transformers:{self._folder.name}"
        self._using, self._loading = threading.Lock(), threading.Lock()
        self._model: Any = None
        self._trainer = Trainer(self._folder, self._name)
        self._closed = False
        self._identity: str | None = None

    def complete(
        self, calls: Sequence[Call], stop: threading.Event = NEVER, heard: Heard = nobody
    ) -> list[Answer | CallError]:
        """Answer every call, in order; calls for one tuned model, or for the base model, go together."""
        answers: Answers = {}
        places = sorted(range(len(calls)), key=lambda at: str(calls[at].weights or ""))
        for weights, group in groupby(places, key=lambda at: calls[at].weights):
            part = {at: calls[at] for at in group}
            try:
                self._answer(part, weights, answers, stop, heard)
            except CallError as error:
                answers |= {at: error for at in part if at not in answers}
        return [answers[at] for at in range(len(calls))]

    def finetune(self, job: Training) -> Trained:
        """Train a LoRA in a process of its own. Raises CallError, or Cancelled from `job.progress`."""
        return self._trainer.run(job)

    def count_tokens(self, text: str, model: str = "", *, asked: bool = False) -> int:
        """Tokens of the bare text, or of the chat that asks it. Loads the model."""
        tokenizer = self._loaded().tokenizer
        if asked:
            return len(chat_tokens([{"role": "user", "content": text}], tokenizer))
        return len(tokenizer(text, add_special_tokens=False).input_ids)

    def served_by(self, model: str) -> str:
        """Folder, fingerprint of its content, and device: bfloat16 on a GPU answers otherwise than a CPU."""
        with self._loading:
            if self._identity is None:
                device = import_quietly(_LOADED).device()
                self._identity = f"{self._name} {model_folder.fingerprint(self._folder)} on {device}"
            return self._identity

    def close(self) -> None:
        """Stop trainings and free the model."""
        self._closed = True
        self._trainer.close()
        with self._using:
            self._model = None

    def _loaded(self) -> Any:
        with self._loading:
            if self._closed:
                raise CallError("500 the model provider has been closed")
            if self._model is None:
                self._model = import_quietly(_LOADED).LoadedModel(self._folder)
            return self._model

    def _answer(
        self, calls: Mapping[int, Call], weights: Path | None, answers: Answers, stop: threading.Event, heard: Heard
    ) -> None:
        """Answer calls that want one model, into `answers`. Other statements get their turn between two batches."""
        model = self._loaded()
        ready = [(at, asked(at, call, model.tokenizer, model.context)) for at, call in calls.items()]
        answers |= {at: call for at, call in ready if isinstance(call, CallError)}
        for batch in batches([call for _, call in ready if isinstance(call, Asked)]):
            if stop.is_set() or self._closed:
                answers |= {call.place: CallError(CANCELED) for call in batch}
                continue
            with self._using, model.tuned(weights) as adapter:
                served_by = f"{self._name}+lora-{adapter[:8]}" if adapter else self._name
                said = _said(model, batch, served_by)
            for call, answer in zip(batch, said, strict=True):
                answers[call.place] = answer
                if isinstance(answer, Answer):
                    heard(call.place, answer)


def _said(model: Any, batch: Sequence[Asked], served_by: str) -> Sequence[Answer | CallError]:
    try:
        if batch[0].replies is not None:
            (call,) = batch
            text, tokens = model.choose(call.tokens, call.replies, call.luck)
            return [Answer(text, len(call.tokens), tokens, served_by)]
        replies = model.generate([call.tokens for call in batch], [call.luck for call in batch], batch[0].most)
    except RuntimeError as error:  # PyTorch's, for instance a GPU that is full
        return [CallError(f"500 {error}")] * len(batch)
    return [_written(call, reply, served_by) for call, reply in zip(batch, replies, strict=True)]


def _written(call: Asked, reply: Any, served_by: str) -> Answer | CallError:
    if call.schema is None:
        return Answer(reply.text, len(call.tokens), reply.tokens, served_by)
    if reply.cut:
        return CallError(f"{INVALID}unexpected end of JSON input")
    try:
        return Answer(checked(reply.text, call.schema), len(call.tokens), reply.tokens, served_by)
    except CallError as error:
        return error
