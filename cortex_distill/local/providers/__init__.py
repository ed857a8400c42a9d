"""What answers when the local engine is asked for a model: the provider protocol and the list of providers."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol


class Call(NamedTuple):
    """One model call: one row of one statement."""

    model: str
    """The name that the statement used, e.g. `llama3.1-8b` or `DB.SCHEMA.MY_TUNED_MODEL`."""
    messages: Sequence[Mapping[str, str]]
    """`role` and `content`, in time order; a plain prompt is one `user` message."""
    parameters: Mapping[str, Any]
    """`temperature`, `top_p`, `max_tokens`, as Cortex names them; what is absent has Cortex's default."""
    schema: Mapping[str, Any] | None
    """JSON schema that the reply must follow; None for free text."""
    weights: Path | None
    """Folder of a fine-tuned model's files; None for the provider's own base model."""
    draw: int = 0
    """How often the engine was asked the very same before, where temperature makes that another draw; else 0."""


class Answer(NamedTuple):
    """A reply, and what it took."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    served_by: str
    """Provider and real model, e.g. `gguf:SmolLM2-135M-Instruct-Q4_1-as-Q8_0`; never the name that was asked for."""


Heard = Callable[[int, Answer], None]
"""Told of an answer as soon as it is there: the place of its call in the batch, and the answer. From any thread."""


def nobody(place: int, answer: Answer) -> None:
    """For those who wait until the batch is done."""


class CallError(Exception):
    """One call failed. The text goes into the row's error or the statement's, as Cortex would put it."""


CANCELED = "the statement was canceled before this call began"


class Advance(NamedTuple):
    """How far a training has come."""

    share: float
    """Of all the work, 0 to 1."""
    training_loss: float | None = None
    """Mean of the last whole epoch, in nats per completion token; None before the first is done."""
    validation_loss: float | None = None
    trained_tokens: int | None = None
    """So far; prompts and completions, once per epoch."""


class Training(NamedTuple):
    """One fine-tuning job, with the rows that its two queries returned."""

    base_model: str
    train: Sequence[tuple[str, str]]
    """(prompt, completion) pairs."""
    validation: Sequence[tuple[str, str]]
    max_epochs: int | None
    folder: Path
    """Where the tuned model's files go. It exists; an earlier attempt at this job may have left something."""
    progress: Callable[[Advance], None]
    """To be called now and then; raises `Cancelled` when the job was cancelled."""


class Cancelled(Exception):
    """The fine-tuning job was cancelled while it ran."""


class Trained(NamedTuple):
    """What DESCRIBE reports of a finished job."""

    training_loss: float
    validation_loss: float | None
    trained_tokens: int


NEVER = threading.Event()
"""For calls that nobody can cancel; it is never set."""


class Provider(Protocol):
    """Answers calls and trains models. Thread-safe; `complete` may be called from several statements at once."""

    def complete(
        self, calls: Sequence[Call], stop: threading.Event = NEVER, heard: Heard = nobody
    ) -> list[Answer | CallError]:
        """Answer every call, in order; a call that fails yields its CallError and spoils no other.

        Once `stop` is set no call begins any more: those left yield `CallError(CANCELED)`.
        """

    def finetune(self, job: Training) -> Trained:
        """Train, write the tuned model into `job.folder`, return the losses. Raises CallError if it cannot."""

    def count_tokens(self, text: str, model: str = "", *, asked: bool = False) -> int:
        """Number of tokens of `text` for the model that answers to that name; where it is `asked`, in a call without a
        schema, with whatever a base model's chat puts around it. Raises CallError if it cannot be told."""

    def served_by(self, model: str) -> str:
        """Who would answer to that name of a base model; another text whenever its answers may be others."""

    def close(self) -> None:
        """Release memory and processes; no call may follow."""
