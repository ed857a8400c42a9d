"""The training's arithmetic: gradients against finite differences, the optimiser, the batches."""

import numpy as np
import pytest

from cortex_distill.local.providers.gguf.llama_numpy import Shape
from cortex_distill.local.providers.gguf.optimise import EMBEDDING, HEAD_NORM, Adam, Row, batch_loss, freeze
from cortex_distill.local.providers.gguf.weights import Model
from cortex_distill.local.providers.training.schedule import by_tokens

SHAPE = Shape(layers=2, heads=4, kv_heads=2, width=16, epsilon=1e-5, rope_base=10_000.0)
KINDS = ["attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down"]
STEP = 1e-5


@pytest.fixture(scope="module")
def model():
    """Two layers of 16 numbers, 11 tokens, in float64."""
    draw = np.random.default_rng(1)
    sizes = {
        "attn_norm": (16,), "attn_q": (16, 16), "attn_k": (8, 16), "attn_v": (8, 16), "attn_output": (16, 16),
        "ffn_norm": (16,), "ffn_gate": (24, 16), "ffn_up": (24, 16), "ffn_down": (16, 24),
    }  # fmt: skip
    tensors = {
        f"blk.{number}.{name}.weight": draw.normal(len(size) == 1, 0.4, size)
        for number in range(SHAPE.layers)
        for name, size in sizes.items()
    }
    return Model(SHAPE, {**tensors, EMBEDDING: draw.normal(0, 1, (11, 16)), HEAD_NORM: draw.normal(1, 0.2, 16)})


@pytest.fixture(scope="module")
def rows(model):
    """Two rows of unequal length, so that padding is part of the test."""
    ids = [[1, 2, 3, 4, 5], [6, 7, 8]]
    targets = [[5, 9], [10]]
    return [Row(state, target) for state, target in zip(freeze(model, ids, 0), targets, strict=True)]


@pytest.fixture(scope="module")
def gradients(model, rows):
    """Of the summed loss, by GGUF name."""
    found: dict = {}
    batch_loss(model, rows, 0, found)
    return found


@pytest.mark.parametrize("name", [*(f"blk.{n}.{kind}.weight" for n in (0, 1) for kind in KINDS), HEAD_NORM])
def test_a_gradient_is_what_a_small_change_does_to_the_loss(model, rows, gradients, name):
    tensor, draw = model.tensors[name], np.random.default_rng(2)
    for _ in range(4):
        at = tuple(draw.integers(0, size) for size in tensor.shape)
        value = tensor[at]
        tensor[at] = value + STEP
        above = batch_loss(model, rows, 0, None).total
        tensor[at] = value - STEP
        below = batch_loss(model, rows, 0, None).total
        tensor[at] = value
        assert gradients[name][at] == pytest.approx((above - below) / (2 * STEP), rel=1e-5, abs=1e-8)


def test_padding_changes_neither_loss_nor_gradient(model, rows, gradients):
    apart: dict = {}
    total = sum(batch_loss(model, [row], 0, apart).total for row in rows)
    assert total == pytest.approx(batch_loss(model, rows, 0, None).total)
    assert all(np.allclose(apart[name], gradients[name]) for name in gradients)


def test_the_frozen_layers_may_be_run_once_and_kept(model, rows):
    ids = [[1, 2, 3, 4, 5], [6, 7, 8]]
    kept = [Row(state, row.targets) for state, row in zip(freeze(model, ids, 1), rows, strict=True)]
    assert batch_loss(model, kept, 1, None).total == pytest.approx(batch_loss(model, rows, 0, None).total)


def test_adam_finds_the_lowest_point():
    tensors = {"w": np.array([3.0, -2.0])}
    optimiser = Adam(tensors, 0.1, 400)
    for _ in range(400):
        optimiser.step({"w": 2 * (tensors["w"] - 1)})
    assert tensors["w"] == pytest.approx([1, 1], abs=0.01)


def test_batches_stay_within_the_token_limit_and_lose_nobody():
    sizes = [10, 3, 9, 4, 30, 4]
    parts = list(by_tokens(sizes, lambda size: size, 20))
    assert [size for part in parts for size in part] == sorted(sizes)
    assert all(len(part) * max(part) <= 20 or len(part) == 1 for part in parts)
