"""The epochs of a training: their losses, which epoch's model is taken, and how far it has come.

With validation rows the last epoch is taken whose validation loss is within one standard error of the lowest;
without them the last. A few validation rows cannot tell apart what is nearer than that, and of two such epochs the
later one has learnt the form of the replies better. Source of the rule, there for the simpler of two models: Breiman
et al. (1984), Classification and Regression Trees, 3.4.3.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from cortex_distill.local.providers import Advance, CallError

_BECAUSE = "the last epoch within one standard error of the lowest validation loss"


class Check(NamedTuple):
    """What the validation rows say of an epoch."""

    loss: float
    """Mean over their completion tokens, in nats."""
    error: float
    """Its standard error; 0 for a single row, which tells nothing of others."""


def checked(rows: Sequence[tuple[float, int]]) -> Check:
    """The check of rows with (loss, completion tokens) each. The error is that of a ratio of means.

    Source: Cochran (1977), Sampling Techniques, 2.11.
    """
    tokens, n = sum(count for _, count in rows), len(rows)
    mean = sum(loss for loss, _ in rows) / tokens
    spread = sum((loss - mean * count) ** 2 for loss, count in rows)
    return Check(mean, math.sqrt(spread * n / (n - 1)) / tokens if n > 1 else 0.0)


class Course:
    """The epochs so far. `tokens`: of prompts and completions, in one epoch. `checks` may come out of a JSON file."""

    def __init__(
        self, epochs: int, tokens: int, losses: Sequence[float] = (), checks: Sequence[Sequence[float]] = ()
    ) -> None:
        self.epochs, self.tokens, self.losses = epochs, tokens, list(losses)
        self.checks = [Check(*check) for check in checks]

    @property
    def taken(self) -> int:
        """The epoch, counted from 1, whose model is the one to keep."""
        if not self.checks:
            return len(self.losses)
        limit = sum(min(self.checks))
        return max(number for number, check in enumerate(self.checks, 1) if check.loss <= limit)

    def advance(self, prepared: float, part: float = 0.0) -> Advance:
        """`prepared`: share of what comes before the first epoch, worth an epoch; `part`: of the epoch under way."""
        done = len(self.losses) + part
        last = self.losses[-1] if self.losses else None
        check = self.checks[-1].loss if self.checks else None
        return Advance(round((prepared + done) / (self.epochs + 1), 4), last, check, int(self.tokens * done))

    def result(self) -> dict[str, Any]:
        """For `training.json` and for DESCRIBE; the two losses are those of the epoch taken."""
        taken = self.taken
        return {
            "epochs": self.epochs,
            "losses": self.losses,
            "validation_losses": [check.loss for check in self.checks],
            "validation_errors": [check.error for check in self.checks],
            "epoch_taken": taken,
            "taken_because": _BECAUSE if self.checks else "last epoch: no validation rows",
            "training_loss": self.losses[taken - 1],
            "validation_loss": self.checks[taken - 1].loss if self.checks else None,
            "trained_tokens": self.epochs * self.tokens,
        }


class Learner(Protocol):
    """What is trained."""

    def epoch(self, number: int, say: Callable[[float], None]) -> float:
        """Train on every row once; `number` counts from 0, `say` gets the share done. Returns the mean loss."""

    def validate(self) -> Check | None:
        """What the validation rows say; None if there are none."""

    def keep(self) -> None:
        """What it is now is the best so far."""

    def save(self, course: Course) -> None:
        """Write a checkpoint, from which another process can go on exactly as this one would."""


def follow(course: Course, learner: Learner, say: Callable[[Advance], None]) -> None:
    """Train the epochs that are left. Raises CallError if the loss is no number any more."""
    while (number := len(course.losses)) < course.epochs:
        loss = learner.epoch(number, lambda share: say(course.advance(1, share)))
        check = learner.validate()
        if not all(map(math.isfinite, (loss, *(check or ())))):
            raise CallError(f"the training diverged: in epoch {number + 1} the loss is no finite number any more")
        course.losses.append(loss)
        if check is not None:
            course.checks.append(check)
        if course.taken == number + 1:
            learner.keep()
        learner.save(course)
        say(course.advance(1))
