"""The mathematics of one Llama layer in numpy, forwards and backwards.

Arrays keep their precision: float32 for training, float64 where a test compares gradients with finite differences.
Axes: B rows, T positions, W width, H heads, K key/value heads, G = H / K, D width of a head.
Source: Touvron et al. (2023), arXiv 2302.13971; rotary positions pair neighbours, as ggml's "normal" rope does.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Weights = Mapping[str, Array]


class Shape(NamedTuple):
    """What the GGUF's header says about the model."""

    layers: int
    heads: int
    kv_heads: int
    width: int
    epsilon: float
    rope_base: float

    @property
    def head_width(self) -> int:
        """Numbers per head."""
        return self.width // self.heads


class Attention(NamedTuple):
    """What the backward pass of an attention needs."""

    q: Array  # B K G T D
    k: Array  # B K T D
    v: Array  # B K T D
    share: Array  # B K G T T, after softmax
    mixed: Array  # B T W, before the output projection


class Mixed(NamedTuple):
    """What the backward pass of a layer's first half needs."""

    h: Array
    x: Array
    x_scale: Array
    attention: Attention


class Fed(NamedTuple):
    """What the backward pass of a layer's second half needs."""

    middle: Array
    y: Array
    y_scale: Array
    gate: Array
    up: Array


def rms_norm(h: Array, gain: Array, epsilon: float) -> tuple[Array, Array]:
    """The normalised array, and one over its root mean square."""
    scale = 1 / np.sqrt((h * h).mean(-1, keepdims=True) + h.dtype.type(epsilon))
    return h * scale * gain, scale


def rms_norm_back(dy: Array, h: Array, scale: Array, gain: Array) -> tuple[Array, Array]:
    """Gradients with respect to the input and to the gain."""
    d_gain = (dy * h * scale).reshape(-1, h.shape[-1]).sum(0)
    dn = dy * gain
    return scale * (dn - h * scale * scale * (dn * h).mean(-1, keepdims=True)), d_gain


def rope_angles(positions: int, shape: Shape, dtype: Any = np.float32) -> tuple[Array, Array]:
    """Cosine and sine, positions × half a head; in float64 first, as float32 angles drift with the position."""
    speed = shape.rope_base ** (-np.arange(0, shape.head_width, 2) / shape.head_width)
    angle = np.outer(np.arange(positions), speed)
    return np.cos(angle).astype(dtype), np.sin(angle).astype(dtype)


def rotate(x: Array, cos: Array, sin: Array) -> Array:
    """Turn each pair of neighbours (last axis) by its position's angle (last but one axis); -sin turns back."""
    out = np.empty_like(x)
    even, odd = x[..., 0::2], x[..., 1::2]
    out[..., 0::2] = even * cos - odd * sin
    out[..., 1::2] = even * sin + odd * cos
    return out


def attend(x: Array, w: Weights, shape: Shape, angles: tuple[Array, Array]) -> Attention:
    """Causal grouped-query attention. Rows are padded on the right, so that padding is never looked at."""
    rows, length, _ = x.shape
    cos, sin = angles[0][:length], angles[1][:length]
    q = rotate(_split(_linear(x, w["attn_q"]), shape.heads), cos, sin)
    k = rotate(_split(_linear(x, w["attn_k"]), shape.kv_heads), cos, sin)
    v = _split(_linear(x, w["attn_v"]), shape.kv_heads)
    q = q.reshape(rows, shape.kv_heads, -1, length, shape.head_width)
    score = q @ k[:, :, None].swapaxes(-1, -2) / x.dtype.type(np.sqrt(shape.head_width))
    score += np.triu(np.full((length, length), -1e9, x.dtype), 1)
    score -= score.max(-1, keepdims=True)
    share = np.exp(score)
    share /= share.sum(-1, keepdims=True)
    mixed = _merge((share @ v[:, :, None]).reshape(rows, shape.heads, length, shape.head_width))
    return Attention(q, k, v, share, mixed)


def attend_back(d_mixed: Array, a: Attention, shape: Shape, angles: tuple[Array, Array]) -> tuple[Array, Array, Array]:
    """Gradients of the three projections' outputs, each B × T × their width."""
    rows, length, _ = d_mixed.shape
    cos, sin = angles[0][:length], angles[1][:length]
    do = _split(d_mixed, shape.heads).reshape(a.q.shape)
    dv = (a.share.swapaxes(-1, -2) @ do).sum(2)
    ds = do @ a.v[:, :, None].swapaxes(-1, -2)
    ds = a.share * (ds - (ds * a.share).sum(-1, keepdims=True)) / do.dtype.type(np.sqrt(shape.head_width))
    dq = (ds @ a.k[:, :, None]).reshape(rows, shape.heads, length, shape.head_width)
    dk = (ds.swapaxes(-1, -2) @ a.q).sum(2)
    return _merge(rotate(dq, cos, -sin)), _merge(rotate(dk, cos, -sin)), _merge(dv)


def mix(h: Array, w: Weights, shape: Shape, angles: tuple[Array, Array]) -> tuple[Array, Mixed]:
    """The first half of a layer: attention, added to what came in."""
    x, x_scale = rms_norm(h, w["attn_norm"], shape.epsilon)
    attention = attend(x, w, shape, angles)
    return h + _linear(attention.mixed, w["attn_output"]), Mixed(h, x, x_scale, attention)


def feed(middle: Array, w: Weights, shape: Shape) -> tuple[Array, Fed]:
    """The second half: the gated feed-forward part, added to what came in. Each position is on its own."""
    y, y_scale = rms_norm(middle, w["ffn_norm"], shape.epsilon)
    gate, up = _linear(y, w["ffn_gate"]), _linear(y, w["ffn_up"])
    return middle + _linear(gate * _sigmoid(gate) * up, w["ffn_down"]), Fed(middle, y, y_scale, gate, up)


def mix_back(
    d_middle: Array, w: Weights, s: Mixed, shape: Shape, angles: tuple[Array, Array], g: dict[str, Array]
) -> Array:
    """Gradient of the first half's input; those of its weights go into `g` by name."""
    d_mixed = _linear_back("attn_output", d_middle, s.attention.mixed, w, g)
    dq, dk, dv = attend_back(d_mixed, s.attention, shape, angles)
    dx = _linear_back("attn_q", dq, s.x, w, g)
    dx += _linear_back("attn_k", dk, s.x, w, g) + _linear_back("attn_v", dv, s.x, w, g)
    dh, g["attn_norm"] = rms_norm_back(dx, s.h, s.x_scale, w["attn_norm"])
    return dh + d_middle


def feed_back(d_out: Array, w: Weights, s: Fed, g: dict[str, Array]) -> Array:
    """Gradient of the second half's input; those of its weights go into `g` by name."""
    sig = _sigmoid(s.gate)
    open_gate = s.gate * sig
    dz = _linear_back("ffn_down", d_out, open_gate * s.up, w, g)
    d_gate = dz * s.up * sig * (1 + s.gate * (1 - sig))
    dy = _linear_back("ffn_gate", d_gate, s.y, w, g) + _linear_back("ffn_up", dz * open_gate, s.y, w, g)
    d_middle, g["ffn_norm"] = rms_norm_back(dy, s.middle, s.y_scale, w["ffn_norm"])
    return d_middle + d_out


def _linear(x: Array, weight: Array) -> Array:
    # One product over all rows and positions: numpy would make one per row, several times slower.
    return np.asarray((x.reshape(-1, x.shape[-1]) @ weight.T).reshape(*x.shape[:-1], -1))


def _linear_back(name: str, dy: Array, x: Array, w: Weights, gradients: dict[str, Array]) -> Array:
    flat = dy.reshape(-1, dy.shape[-1])
    gradients[name] = flat.T @ x.reshape(-1, x.shape[-1])
    return np.asarray((flat @ w[name]).reshape(x.shape))


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -60, 60))))


def _split(x: Array, heads: int) -> Array:
    rows, length, width = x.shape
    return x.reshape(rows, length, heads, width // heads).transpose(0, 2, 1, 3)


def _merge(x: Array) -> Array:
    rows, heads, length, width = x.shape
    return x.transpose(0, 2, 1, 3).reshape(rows, length, heads * width)
