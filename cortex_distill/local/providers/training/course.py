"""The epochs of a training: their losses, which epoch's model is taken, and how far it has come.

With validation rows the epoch with the lowest validation loss is taken, the earlier of two; without them the last.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from cortex_distill.local.providers import Advance, CallError


class Course:
    """The epochs so far. `tokens`: of prompts and completions, in one epoch."""

    def __init__(self, epochs: int, tokens: int, losses: Sequence[float] = (), checks: Sequence[float] = ()) -> None:
        self.epochs, self.tokens, self.losses, self.checks = epochs, tokens, list(losses), list(checks)

    @property
    def taken(self) -> int:
        """The epoch, counted from 1, whose model is the one to keep."""
        return self.checks.index(min(self.checks)) + 1 if self.checks else len(self.losses)

    def advance(self, prepared: float, part: float = 0.0) -> Advance:
        """`prepared`: share of what comes before the first epoch, worth an epoch; `part`: of the epoch under way."""
        done = len(self.losses) + part
        last = self.losses[-1] if self.losses else None
        check = self.checks[-1] if self.checks else None
        return Advance(round((prepared + done) / (self.epochs + 1), 4), last, check, int(self.tokens * done))

    def result(self) -> dict[str, Any]:
        """For `training.json` and for DESCRIBE; the two losses are those of the epoch taken."""
        taken = self.taken
        return {
            "epochs": self.epochs,
            "losses": self.losses,
            "validation_losses": self.checks,
            "epoch_taken": taken,
            "taken_because": "lowest validation loss" if self.checks else "last epoch: no validation rows",
            "training_loss": self.losses[taken - 1],
            "validation_loss": self.checks[taken - 1] if self.checks else None,
            "trained_tokens": self.epochs * self.tokens,
        }


class Learner(Protocol):
    """What is trained."""

    def epoch(self, number: int, say: Callable[[float], None]) -> float:
        """Train on every row once; `number` counts from 0, `say` gets the share done. Returns the mean loss."""

    def validate(self) -> float | None:
        """Mean loss over the validation rows; None if there are none."""

    def keep(self) -> None:
        """What it is now is the best so far."""

    def save(self, course: Course) -> None:
        """Write a checkpoint, from which another process can go on exactly as this one would."""


def follow(course: Course, learner: Learner, say: Callable[[Advance], None]) -> None:
    """Train the epochs that are left. Raises CallError if the loss is no number any more."""
    while (number := len(course.losses)) < course.epochs:
        loss = learner.epoch(number, lambda share: say(course.advance(1, share)))
        check = learner.validate()
        if not all(math.isfinite(value) for value in (loss, check) if value is not None):
            raise CallError(f"the training diverged: in epoch {number + 1} the loss is no finite number any more")
        course.losses.append(loss)
        if check is not None:
            course.checks.append(check)
        if course.taken == number + 1:
            learner.keep()
        learner.save(course)
        say(course.advance(1))
