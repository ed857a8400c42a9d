"""The training loop's arithmetic: loss of a batch with its gradients, and Adam."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cortex_distill.local.providers.gguf.llama_numpy import (
    Array,
    Saved,
    layer,
    layer_back,
    rms_norm,
    rms_norm_back,
    rope_angles,
)
from cortex_distill.local.providers.gguf.weights import Model

HEAD_NORM = "output_norm.weight"
EMBEDDING = "token_embd.weight"
"""Also the output matrix: the model ties the two. It stays frozen."""


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
        h, _ = layer(h, model.layer(number), model.shape, angles)
    return [h[number, : len(row)].copy() for number, row in enumerate(rows)]


def batch_loss(model: Model, rows: Sequence[Row], first: int, gradients: dict[str, Array] | None) -> Loss:
    """Loss over the rows; gradients of its *sum* are added into `gradients` by GGUF name, unless that is None."""
    length = max(len(row.state) for row in rows)
    h = np.zeros((len(rows), length, model.shape.width), rows[0].state.dtype)
    for number, row in enumerate(rows):
        h[number, : len(row.state)] = row.state
    angles = rope_angles(length, model.shape, h.dtype)
    saved: list[Saved] = []
    for number in range(first, model.shape.layers):
        h, kept = layer(h, model.layer(number), model.shape, angles)
        if gradients is not None:
            saved.append(kept)
    loss, dh = _head(model, h, rows, gradients)
    if gradients is not None:
        for number in reversed(range(first, model.shape.layers)):
            dh, found = layer_back(dh, model.layer(number), saved.pop(), model.shape, angles)
            for name, gradient in found.items():
                _add(gradients, f"blk.{number}.{name}.weight", gradient)
    return loss


def _head(model: Model, h: Array, rows: Sequence[Row], gradients: dict[str, Array] | None) -> tuple[Loss, Array]:
    """Final norm and softmax at the completion's positions; the gradient of `h` is 0 everywhere else."""
    at = [
        (number, len(row.state) - len(row.targets) + step)
        for number, row in enumerate(rows)
        for step in range(len(row.targets))
    ]
    where = tuple(np.array(at).T)
    wanted = np.array([token for row in rows for token in row.targets])
    gain, embedding = model.tensors[HEAD_NORM], model.tensors[EMBEDDING]
    last = h[where]
    y, scale = rms_norm(last, gain, model.shape.epsilon)
    logits = y @ embedding.T
    logits -= logits.max(-1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    each = np.arange(len(wanted))
    loss = Loss(-float(log_p[each, wanted].sum()), len(wanted))
    dh = np.zeros_like(h)
    if gradients is not None:
        d_logits = np.exp(log_p)
        d_logits[each, wanted] -= 1
        d_last, d_gain = rms_norm_back(d_logits @ embedding, last, scale, gain)
        _add(gradients, HEAD_NORM, d_gain)
        dh[where] = d_last
    return loss, dh


def _add(gradients: dict[str, Array], name: str, gradient: Array) -> None:
    if name in gradients:
        gradients[name] += gradient
    else:
        gradients[name] = gradient


class Adam:
    """Adam with the gradient's length cut to 1, a linear warm-up over a tenth of the steps and a linear decay.

    Source: Kingma and Ba (2015), arXiv 1412.6980; beta 0.9 and 0.999. Changes the tensors in place.
    """

    def __init__(self, tensors: dict[str, Array], rate: float, steps: int) -> None:
        """`tensors` are those to be trained, `rate` the highest learning rate, `steps` how many there will be."""
        self._tensors, self._rate, self._steps, self._step = tensors, rate, steps, 0
        self._mean = {name: np.zeros_like(tensor) for name, tensor in tensors.items()}
        self._square = {name: np.zeros_like(tensor) for name, tensor in tensors.items()}

    def step(self, gradients: dict[str, Array]) -> None:
        """Apply one step; the gradients are used up."""
        self._step += 1
        length = float(np.sqrt(sum(float((g * g).sum()) for g in gradients.values())))
        cut = min(1.0, 1 / (length + 1e-6))
        warm = min(1.0, self._step / max(1.0, self._steps * 0.1))
        rate = self._rate * warm * max(0.05, 1 - (self._step - 1) / self._steps) / (1 - 0.9**self._step)
        root = float(np.sqrt(1 - 0.999**self._step))
        for name, gradient in gradients.items():
            kind = gradient.dtype.type
            gradient *= kind(cut)
            mean, square = self._mean[name], self._square[name]
            mean += kind(0.1) * (gradient - mean)
            gradient *= gradient
            square += kind(0.001) * (gradient - square)
            self._tensors[name] -= kind(rate) * mean / (np.sqrt(square) / kind(root) + kind(1e-8))
