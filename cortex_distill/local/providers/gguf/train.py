"""The training process: `python -m cortex_distill.local.providers.gguf.train JOB.json`.

A process of its own, so that its 1 to 1.5 GB are given back, it can be killed, and it dies with its parent's pipe.
In:   the job file, see `Job`; token ids only, so that no tokenizer is needed here
Out:  the tuned GGUF, training.json beside it, and JSON lines on stdout: {"progress": share}, at last {"result": {…}}
"""

import json
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from cortex_distill.local.providers.gguf.chat import TUNED_TEMPLATE
from cortex_distill.local.providers.gguf.llama_numpy import Array
from cortex_distill.local.providers.gguf.optimise import HEAD_NORM, Adam, Loss, Row, batch_loss, freeze
from cortex_distill.local.providers.gguf.weights import Model, read_gguf, write_gguf

LEARNING_RATE = 2e-4
STEP_ROWS = 8
NICENESS = 15
CHUNK_TOKENS = 1024
"""Padded tokens that pass through the model at once; what is saved for the backward pass is 60 kB each and layer."""

T = TypeVar("T")

Example = tuple[list[int], list[int]]
"""Token ids of a prompt and of its completion."""


class Job(NamedTuple):
    """What the parent writes into the job file."""

    source: str
    folder: str
    train: list[Example]
    validation: list[Example]
    epochs: int
    tuned_layers: int
    seed: int
    facts: dict[str, Any]
    """Goes into training.json as it is."""


def run(job: Job, say: Callable[[float], None]) -> dict[str, Any]:
    """Train and write; `say` gets the share done. Returns what `Trained` needs, and the losses by epoch."""
    model = read_gguf(Path(job.source))
    first = model.shape.layers - job.tuned_layers
    rows = _frozen(model, [*job.train, *job.validation], first, lambda share: say(0.25 * share))
    train, validation = rows[: len(job.train)], rows[len(job.train) :]
    tuned = _thaw(model, first)
    optimiser = Adam(tuned, LEARNING_RATE, job.epochs * -(-len(train) // STEP_ROWS))
    losses: list[float] = []
    checks: list[float] = []
    for epoch in range(job.epochs):
        steps = _steps(train, random.Random(job.seed + epoch))
        losses.append(_epoch(model, steps, first, optimiser, _scaled(say, epoch, job.epochs)))
        if validation:
            checks.append(_mean([batch_loss(model, part, first, None) for part in _chunks(validation)]))
    write_gguf(Path(job.source), Path(job.folder) / "model.gguf", tuned, TUNED_TEMPLATE)
    tokens = job.epochs * sum(len(prompt) + len(completion) for prompt, completion in job.train)
    result = {"losses": losses, "validation_losses": checks, "trained_tokens": tokens, "epochs": job.epochs}
    facts = {**job.facts, **result, "tuned_layers": job.tuned_layers, "rate": LEARNING_RATE, "seed": job.seed}
    (Path(job.folder) / "training.json").write_text(json.dumps(facts, indent=2))
    return result


def _frozen(model: Model, examples: Sequence[Example], first: int, say: Callable[[float], None]) -> list[Row]:
    """Every row behind the frozen layers, in the order given; computed once, as these layers never change."""
    order = sorted(range(len(examples)), key=lambda number: sum(map(len, examples[number])))
    rows: dict[int, Row] = {}
    for part in _by_tokens(order, lambda number: sum(map(len, examples[number])), CHUNK_TOKENS):
        ids = [[*examples[number][0], *examples[number][1]][:-1] for number in part]
        for number, state in zip(part, freeze(model, ids, first), strict=True):
            rows[number] = Row(state, examples[number][1])
        say(len(rows) / len(examples))
    return [rows[number] for number in range(len(examples))]


def _thaw(model: Model, first: int) -> dict[str, Array]:
    """The tensors to train; the frozen layers, 300 MB, are let go."""
    for number in range(first):
        for name in [name for name in model.tensors if name.startswith(f"blk.{number}.")]:
            del model.tensors[name]
    return {name: tensor for name, tensor in model.tensors.items() if name.startswith("blk.") or name == HEAD_NORM}


def _steps(rows: Sequence[Row], draw: random.Random) -> list[list[Row]]:
    """Shuffled; rows of like length share a step within each 8 steps, which saves padding."""
    shuffled = list(rows)
    draw.shuffle(shuffled)
    pools = [shuffled[at : at + 8 * STEP_ROWS] for at in range(0, len(shuffled), 8 * STEP_ROWS)]
    sorted_rows = [row for pool in pools for row in sorted(pool, key=lambda row: len(row.state))]
    return [sorted_rows[at : at + STEP_ROWS] for at in range(0, len(sorted_rows), STEP_ROWS)]


def _epoch(
    model: Model, steps: Sequence[Sequence[Row]], first: int, optimiser: Adam, say: Callable[[float], None]
) -> float:
    losses = []
    for done, rows in enumerate(steps):
        gradients: dict[str, Array] = {}
        losses += [batch_loss(model, part, first, gradients) for part in _chunks(rows)]
        tokens = sum(len(row.targets) for row in rows)
        for gradient in gradients.values():
            gradient /= tokens
        optimiser.step(gradients)
        say((done + 1) / len(steps))
    return _mean(losses)


def _chunks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    return _by_tokens(sorted(rows, key=lambda row: len(row.state)), lambda row: len(row.state), CHUNK_TOKENS)


def _by_tokens(items: Sequence[T], size: Callable[[T], int], limit: int) -> Iterator[list[T]]:
    """Consecutive items, given shortest first, so that count × longest stays within the limit (or is one item)."""
    part: list[T] = []
    for item in items:
        if part and (len(part) + 1) * size(item) > limit:
            yield part
            part = []
        part.append(item)
    if part:
        yield part


def _mean(losses: Sequence[Loss]) -> float:
    return sum(loss.total for loss in losses) / sum(loss.tokens for loss in losses)


def _scaled(say: Callable[[float], None], epoch: int, epochs: int) -> Callable[[float], None]:
    return lambda share: say(0.25 + 0.7 * (epoch + share) / epochs)


def main() -> None:
    """Entry point of the process. It gives way to the calls that are answered meanwhile."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    job = Job(**json.loads(Path(sys.argv[1]).read_text()))
    result = run(job, lambda share: _tell({"progress": round(share, 4)}))
    _tell({"result": result})


def _tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
