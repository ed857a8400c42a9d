"""A deterministic, offline stand-in for language models: for tests, and for a demo that takes seconds.

It reads the prompt that it is given: labels, definitions, examples and format orders in a prompt change its answers.
Reply = pure function of model, messages, parameters and schema (and of the knobs); only `transient` counts attempts.
"""

import json
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from cortex_distill.local.providers import CANCELED, NEVER, Answer, Call, CallError, Heard, Trained, Training, nobody
from cortex_distill.local.providers.simulated import tuned
from cortex_distill.local.providers.simulated.chance import fingerprint
from cortex_distill.local.providers.simulated.classify import say
from cortex_distill.local.providers.simulated.compose import compose
from cortex_distill.local.providers.simulated.fate import BROKEN, THROTTLED, Fate
from cortex_distill.local.providers.simulated.knobs import Knobs, parse
from cortex_distill.local.providers.simulated.minds import mind_of
from cortex_distill.local.providers.simulated.structured import Filler, fill

__all__ = ["Knobs", "SimulatedProvider", "from_spec"]

DEFAULT_MAX_TOKENS = 4096  # Cortex's own; docs.snowflake.com/en/sql-reference/functions/ai_complete
CUT_SHORT = (
    "json mode output validation error: Model returned invalid JSON that cannot be parsed due to:"
    " unexpected end of JSON input"
)


def from_spec(spec: str) -> "SimulatedProvider":
    """A provider for `simulated` or `simulated:knob=value,…`; knobs: see `Knobs`. Raises SetupError."""
    return SimulatedProvider(parse(spec))


class SimulatedProvider:
    """Implements `Provider`. Knobs are all off by default."""

    def __init__(self, knobs: Knobs | None = None) -> None:
        self.knobs = knobs or Knobs()
        self._lock = threading.Lock()
        self._throttled: set[bytes] = set()
        self._answered = 0
        self._tuned: dict[tuple[Path, int], tuned.Classifier] = {}

    def complete(
        self, calls: Sequence[Call], stop: threading.Event = NEVER, heard: Heard = nobody
    ) -> list[Answer | CallError]:
        """Answer every call, in order. With `crash_after` the process may end here, in the middle of a batch."""
        answers: list[Answer | CallError] = []
        for place, call in enumerate(calls):
            answer = CallError(CANCELED) if stop.is_set() else self._complete(call)
            answers.append(answer)
            if isinstance(answer, Answer):
                heard(place, answer)
        return answers

    def finetune(self, job: Training) -> Trained:
        """Train a text classifier on the rows; its answers are whole completions that it has seen."""
        tokens = [self.count_tokens(prompt) + self.count_tokens(completion) for prompt, completion in job.train]
        return tuned.train(job, tokens)

    def count_tokens(self, text: str, model: str = "", *, asked: bool = False) -> int:
        """About four characters a token, asked or not."""
        return -(-len(text) // 4)

    def served_by(self, model: str) -> str:
        """The class of model, and the knobs that are turned."""
        turned = {
            knob.name: value for knob in fields(Knobs) if (value := getattr(self.knobs, knob.name)) != knob.default
        }
        return f"simulated:{mind_of(model).name} as {model}" + (
            f" {json.dumps(turned, sort_keys=True)}" if turned else ""
        )

    def close(self) -> None:
        """Forget the tuned models that were loaded."""
        with self._lock:
            self._tuned.clear()

    def _complete(self, call: Call) -> Answer | CallError:
        self._crash_if_due()
        if self.knobs.latency_ms:
            time.sleep(self.knobs.latency_ms / 1000)
        key = fingerprint(call)
        fate = Fate(self.knobs, key)
        try:
            self._fail_if_fated(fate)
            answer = self._answer(call, fate)
        except CallError as error:
            return error
        with self._lock:
            self._answered += 1
        return answer

    def _crash_if_due(self) -> None:
        if self.knobs.crash_after is not None and self._answered >= self.knobs.crash_after:
            os._exit(137)

    def _fail_if_fated(self, fate: Fate) -> None:
        if fate.meets("permanent"):
            raise CallError(BROKEN)
        if fate.meets("transient"):
            with self._lock:
                again = fate.key in self._throttled
                self._throttled.add(fate.key)
            if not again:
                raise CallError(THROTTLED)

    def _answer(self, call: Call, fate: Fate) -> Answer:
        weights = call.weights
        text = fate.spoiled(compose(call, fate.key, fate) if weights is None else self._learned(call, weights, fate))
        most = int(call.parameters.get("max_tokens") or DEFAULT_MAX_TOKENS)
        if self.count_tokens(text) > most:
            if call.schema is not None:
                raise CallError(CUT_SHORT)
            text = text[: most * 4]
        served_by = f"simulated:{mind_of(call.model).name if call.weights is None else 'classifier'}"
        asked = sum(self.count_tokens(str(message.get("content") or "")) for message in call.messages)
        return Answer(text, asked, self.count_tokens(text), served_by)

    def _learned(self, call: Call, weights: Path, fate: Fate) -> str:
        """What the tuned model says; a schema gets it in its first text, or as it is if it follows the schema."""
        prompt = str(call.messages[-1].get("content") or "") if call.messages else ""
        said = self._model(weights).answer(prompt)
        said = "General inquiry" if fate.meets("off_list") else said
        if call.schema is not None:
            return json.dumps(fill(call.schema, _Said(said)), ensure_ascii=False)
        return say(call.model, "", said, fate.key, wordy=True) if fate.meets("wordy") else said

    def _model(self, folder: Path) -> tuned.Classifier:
        """The tuned model of a folder, read once; a folder that was written anew is read anew."""
        try:
            stamp = (folder, (folder / "model.npz").stat().st_mtime_ns)
        except OSError as error:
            raise CallError(f"there is no tuned model in {folder.name}") from error
        with self._lock:
            model = self._tuned.get(stamp)
            if model is None:
                model = self._tuned[stamp] = tuned.load(folder)
        return model


class _Said(Filler):
    """Puts one text into a schema."""

    def __init__(self, said: str) -> None:
        self.said = said

    def text(self, name: str) -> str:
        return self.said

    def choice(self, name: str, options: Sequence[object]) -> object:
        return next((option for option in options if str(option) == self.said), options[0])
