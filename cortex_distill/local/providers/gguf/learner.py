"""What the light trainer trains: the last layers of a model in numpy, step by step, with checkpoints."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np

from cortex_distill.local.providers.gguf.llama_numpy import Array
from cortex_distill.local.providers.gguf.optimise import Adam, Loss, Row, batch_loss, freeze
from cortex_distill.local.providers.gguf.weights import HEAD_NORM, Model
from cortex_distill.local.providers.training.course import Check, Course, checked
from cortex_distill.local.providers.training.examples import Example
from cortex_distill.local.providers.training.files import CHECKPOINT, replacing
from cortex_distill.local.providers.training.schedule import by_tokens, steps


class Job(NamedTuple):
    """What the parent writes into the job file."""

    source: str
    template: str
    train: list[Example]
    validation: list[Example]
    epochs: int
    tuned_layers: int
    rate: float
    step_rows: int
    chunk_tokens: int
    """Padded tokens that pass through the model at once."""
    seed: int
    facts: dict[str, Any]
    """Goes into training.json as it is."""
    fingerprint: str


class LightLearner:
    """Implements `Learner`. The frozen layers' output is computed once per process."""

    def __init__(self, model: Model, job: Job, folder: Path) -> None:
        """The frozen layers of `model` are let go in `prepare`."""
        self._model, self._job, self._folder = model, job, folder
        self._first = max(0, model.shape.layers - job.tuned_layers)
        trained = (f"blk.{number}." for number in range(self._first, model.shape.layers))
        starts = (*trained, HEAD_NORM)
        self._tuned = {name: tensor for name, tensor in model.tensors.items() if name.startswith(starts)}
        self._optimiser = Adam(self._tuned, job.rate, job.epochs * -(-len(job.train) // job.step_rows))
        self.best: Mapping[str, Array] = {}
        """The tensors of the epoch that is taken."""

    def restore(self) -> Course:
        """The epochs of an earlier process on the same job, if it left a checkpoint; else none yet."""
        course = Course(self._job.epochs, sum(len(prompt) + len(target) for prompt, target in self._job.train))
        try:
            with np.load(self._folder / CHECKPOINT, allow_pickle=False) as file:
                told = json.loads(str(file["told"]))
                if told["fingerprint"] != self._job.fingerprint:
                    return course
                arrays = {name: file[name] for name in file.files}
        except (OSError, EOFError, BadZipFile, ValueError, KeyError):
            return course  # none, or one that cannot be trusted
        self._tuned.update(_of("tensor:", arrays))
        self._model.tensors.update(self._tuned)
        self._optimiser.done = told["steps"]
        self._optimiser.mean.update(_of("mean:", arrays))
        self._optimiser.square.update(_of("square:", arrays))
        self.best = _of("best:", arrays) or _copied(self._tuned)
        return Course(course.epochs, course.tokens, told["losses"], told["checks"])

    def prepare(self, say: Callable[[float], None]) -> None:
        """Run every row through the frozen layers; `say` gets the share done."""
        job = self._job
        rows = _frozen(self._model, [*job.train, *job.validation], self._first, job.chunk_tokens, say)
        self._train, self._validation = rows[: len(job.train)], rows[len(job.train) :]
        for number in range(self._first):
            for name in [name for name in self._model.tensors if name.startswith(f"blk.{number}.")]:
                del self._model.tensors[name]

    def epoch(self, number: int, say: Callable[[float], None]) -> float:
        """Train on every row once. Epochs are shuffled by their number, so a resumed one sees the same order."""
        losses: list[Loss] = []
        plan = steps(self._train, self._job.step_rows, random.Random(self._job.seed + number), _length)
        for done, rows in enumerate(plan, 1):
            gradients: dict[str, Array] = {}
            parts = by_tokens(rows, _length, self._job.chunk_tokens)
            losses += [batch_loss(self._model, part, self._first, gradients) for part in parts]
            tokens = sum(len(row.targets) for row in rows)
            for gradient in gradients.values():
                gradient /= tokens
            self._optimiser.step(gradients)
            say(done / len(plan))
        return _mean(losses)

    def validate(self) -> Check | None:
        """The validation rows one by one, for the spread of their losses."""
        losses = [batch_loss(self._model, [row], self._first, None) for row in self._validation]
        return checked(losses) if losses else None

    def keep(self) -> None:
        """Copy the tensors."""
        self.best = _copied(self._tuned)

    def save(self, course: Course) -> None:
        """Tensors, Adam's state, the best tensors where they are others; a good 0.1 s per 100 MB of tensors."""
        adam = self._optimiser
        told = {"fingerprint": self._job.fingerprint, "steps": adam.done, "losses": course.losses}
        arrays: dict[str, Any] = {f"tensor:{name}": tensor for name, tensor in self._tuned.items()}
        arrays |= {f"mean:{name}": mean for name, mean in adam.mean.items()}
        arrays |= {f"square:{name}": square for name, square in adam.square.items()}
        if course.taken < len(course.losses):
            arrays |= {f"best:{name}": tensor for name, tensor in self.best.items()}
        with replacing(self._folder / CHECKPOINT) as file:
            np.savez(file, told=json.dumps({**told, "checks": course.checks}), **arrays)


def _of(kind: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(kind): array for name, array in arrays.items() if name.startswith(kind)}


def _copied(tensors: Mapping[str, Array]) -> dict[str, Array]:
    return {name: tensor.copy() for name, tensor in tensors.items()}


def _frozen(
    model: Model, examples: Sequence[Example], first: int, chunk: int, say: Callable[[float], None]
) -> list[Row]:
    """Every row behind the frozen layers, in the order given; computed once, as these layers never change."""
    rows: dict[int, Row] = {}
    for part in by_tokens(range(len(examples)), lambda number: sum(map(len, examples[number])), chunk):
        ids = [[*examples[number][0], *examples[number][1]][:-1] for number in part]
        for number, state in zip(part, freeze(model, ids, first), strict=True):
            rows[number] = Row(state, examples[number][1])
        say(len(rows) / len(examples))
    return [rows[number] for number in range(len(examples))]


def _length(row: Row) -> int:
    return len(row.state)


def _mean(losses: Sequence[Loss]) -> float:
    return sum(loss.total for loss in losses) / sum(loss.tokens for loss in losses)
