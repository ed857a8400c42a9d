"""The training loop's arithmetic: loss of a batch with its gradients, and Adam."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from cortex_distill.local.providers.gguf.llama_numpy import (
    Array,
    Fed,
    Mixed,
    feed,
    feed_back,
    mix,
    mix_back,
    rms_norm,
    rms_norm_back,
    rope_angles,
)
from cortex_distill.local.providers.gguf.weights import EMBEDDING, HEAD_NORM, Model
from cortex_distill.local.providers.training.schedule import rate_at


class Row(NamedTuple):
    """One training row behind the frozen layers."""

    state: Array
    """T × W: what enters the first trained layer, for all tokens but the last."""
    targets: Sequence[int]
    """Token ids of the completion: the loss is on these alone."""


class Loss(NamedTuple):
    """Sum of -log p over `tokens` completion tokens, in nats."""

    total: float
    tokens: int


def freeze(model: Model, rows: Sequence[Sequence[int]], layers: int) -> list[Array]:
    """Run token ids through the first `layers` layers. Pads to the longest row, so give rows of like length."""
    length = max(len(row) for row in rows)
    ids = np.zeros((len(rows), length), int)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
    h = model.tensors[EMBEDDING][ids]
    angles = rope_angles(length, model.shape, h.dtype)
    for number in range(layers):
        weights = model.layer(number)
        h, _ = feed(mix(h, weights, model.shape, angles)[0], weights, model.shape)
    return [h[number, : len(row)].copy() for number, row in enumerate(rows)]


def batch_loss(model: Model, rows: Sequence[Row], first: int, gradients: dict[str, Array] | None) -> Loss:
    """Loss over the rows; gradients of its *sum* are added into `gradients` by GGUF name, unless that is None."""
    length = max(len(row.state) for row in rows)
    h = np.zeros((len(rows), length, model.shape.width), rows[0].state.dtype)
    for number, row in enumerate(rows):
        h[number, : len(row.state)] = row.state
    angles = rope_angles(length, model.shape, h.dtype)
    where, last = _completions(rows), model.shape.layers - 1
    saved: list[tuple[Mixed, Fed]] = []
    for number in range(first, model.shape.layers):
        weights = model.layer(number)
        h, mixed = mix(h, weights, model.shape, angles)
        h, fed = feed(h[where] if number == last else h, weights, model.shape)
        if gradients is not None:
            saved.append((mixed, fed))
    loss, dh = _head(model, h, [token for row in rows for token in row.targets], gradients)
    if gradients is not None:
        for number in reversed(range(first, model.shape.layers)):
            dh = _layer_back(model, number, dh, saved.pop(), angles, where if number == last else None, gradients)
    return loss


def _completions(rows: Sequence[Row]) -> tuple[Array, Array]:
    """Row and position of each completion token's forerunner: behind the last attention, nothing else is needed."""
    at = [
        (number, len(row.state) - len(row.targets) + step)
        for number, row in enumerate(rows)
        for step in range(len(row.targets))
    ]
    numbers, positions = np.array(at).T
    return numbers, positions


def _layer_back(
    model: Model,
    number: int,
    d_out: Array,
    saved: tuple[Mixed, Fed],
    angles: tuple[Array, Array],
    where: tuple[Array, Array] | None,
    gradients: dict[str, Array],
) -> Array:
    """Gradient of a layer's input; those of its weights are added. `where`: the positions that its output has."""
    found: dict[str, Array] = {}
    weights, (mixed, fed) = model.layer(number), saved
    d_middle = feed_back(d_out, weights, fed, found)
    if where is not None:
        fewer, d_middle = d_middle, np.zeros_like(mixed.h)
        d_middle[where] = fewer
    dh = mix_back(d_middle, weights, mixed, model.shape, angles, found)
    for name, gradient in found.items():
        _add(gradients, f"blk.{number}.{name}.weight", gradient)
    return dh


def _head(model: Model, h: Array, wanted: Sequence[int], gradients: dict[str, Array] | None) -> tuple[Loss, Array]:
    """Final norm and softmax of N × W; the loss, and the gradient of `h` if gradients are wanted."""
    gain, embedding = model.tensors[HEAD_NORM], model.tensors[EMBEDDING]
    y, scale = rms_norm(h, gain, model.shape.epsilon)
    logits = y @ embedding.T
    logits -= logits.max(-1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    each = np.arange(len(wanted))
    loss = Loss(-float(log_p[each, wanted].sum()), len(wanted))
    if gradients is None:
        return loss, h
    d_logits = np.exp(log_p)
    d_logits[each, wanted] -= 1
    dh, d_gain = rms_norm_back(d_logits @ embedding, h, scale, gain)
    _add(gradients, HEAD_NORM, d_gain)
    return loss, dh


def _add(gradients: dict[str, Array], name: str, gradient: Array) -> None:
    if name in gradients:
        gradients[name] += gradient
    else:
        gradients[name] = gradient


class Adam:
    """Adam with the gradient's length cut to 1.

    Source: Kingma and Ba (2015), arXiv 1412.6980; beta 0.9 and 0.999. Changes the tensors in place.
    """

    def __init__(self, tensors: Mapping[str, Array], rate: float, steps: int) -> None:
        """`tensors` are those to be trained, `rate` the highest learning rate, `steps` how many there will be."""
        self._tensors, self._rate, self._steps = tensors, rate, steps
        self.done = 0
        """Steps so far; with `mean` and `square` all that a checkpoint needs."""
        self.mean = {name: np.zeros_like(tensor) for name, tensor in tensors.items()}
        self.square = {name: np.zeros_like(tensor) for name, tensor in tensors.items()}

    def step(self, gradients: Mapping[str, Array]) -> None:
        """Apply one step; the gradients are used up."""
        self.done += 1
        length = float(np.sqrt(sum(float(np.vdot(g, g)) for g in gradients.values())))
        cut = min(1.0, 1 / (length + 1e-6))
        rate = rate_at(self.done, self._steps, self._rate) / (1 - 0.9**self.done)
        root = float(np.sqrt(1 - 0.999**self.done))
        for name, gradient in gradients.items():
            kind = gradient.dtype.type
            gradient *= kind(cut)
            mean, square = self.mean[name], self.square[name]
            mean += kind(0.1) * (gradient - mean)
            gradient *= gradient
            square += kind(0.001) * (gradient - square)
            self._tensors[name] -= kind(rate) * mean / (np.sqrt(square) / kind(root) + kind(1e-8))
