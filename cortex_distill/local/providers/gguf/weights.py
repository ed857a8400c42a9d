"""Reading a GGUF file into float32 arrays, and writing a copy of it with some tensors replaced.

Source: gguf-py of llama.cpp; tensor names and header keys as in its docs/gguf.md.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
from gguf.quants import dequantize, quantize

from cortex_distill.local.providers import CallError
from cortex_distill.local.providers.gguf.llama_numpy import Array, Shape
from cortex_distill.local.providers.training.files import part_of

EMBEDDING = "token_embd.weight"
"""Also the output matrix: the model ties the two. It stays frozen."""
HEAD_NORM = "output_norm.weight"
TEMPLATE_KEY = "tokenizer.chat_template"
NOT_COPIED = {"GGUF.version", "GGUF.tensor_count", "GGUF.kv_count", "general.architecture"}
"""The writer makes these itself."""
_OF_A_LAYER = r"blk\.\d+\.(attn_(norm|q|k|v|output)|ffn_(norm|gate|up|down))\.weight"
_KNOWN = re.compile(rf"{_OF_A_LAYER}|{re.escape(EMBEDDING)}|{re.escape(HEAD_NORM)}")


class Model(NamedTuple):
    """A model's sizes and its tensors by their GGUF names; matrices are (out, in)."""

    shape: Shape
    tensors: dict[str, Array]

    def layer(self, number: int) -> dict[str, Array]:
        """One layer's tensors by their short names, e.g. `attn_q`. The arrays are shared, not copied."""
        start = f"blk.{number}."
        return {
            name.removeprefix(start).removesuffix(".weight"): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(start)
        }


def open_gguf(path: Path) -> GGUFReader:
    """The file's header, for the functions below; 2 s for a vocabulary of 49,000. Raises CallError if it is none."""
    try:
        return GGUFReader(path)
    except (OSError, ValueError) as error:
        raise CallError(f"{path} cannot be read as a GGUF file: {error}") from error


def read_model(reader: GGUFReader) -> Model:
    """Load every tensor as float32: 540 MB for 135M parameters, about 1.5 s.

    Raises CallError unless it is a plain Llama whose output matrix is its embedding: only that can be trained here.
    """
    for reason in _reasons_against(reader):
        raise CallError(
            f"the light trainer cannot train this GGUF file: {reason}. It trains models of the Llama architecture"
            " whose output matrix is their embedding, such as SmolLM2; for others, name the model's Hugging Face"
            ' folder in local.toml: provider = "transformers", folder = "…"'
        )
    tensors = {}
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        tensors[tensor.name] = np.ascontiguousarray(values.reshape([int(size) for size in reversed(tensor.shape)]))
    return Model(_shape(reader), tensors)


def write_gguf(
    reader: GGUFReader,
    target: Path,
    replaced: Mapping[str, Array],
    template: str,
    kind: GGMLQuantizationType = GGMLQuantizationType.F16,
) -> None:
    """Copy a file, with the given tensors (matrices of that kind, vectors in F32) and another chat template.

    A training must not be written in Q8_0: its steps are smaller than those of Q8_0 (0.003 against 0.016 where a block
    has a weight of 2), so over a file that is in Q8_0 already, rounding takes the training back.
    Written beside the target and renamed, so that a killed process leaves no half a model.
    """
    part = part_of(target)
    writer = GGUFWriter(part, _value(reader, "general.architecture"))
    for key, field in reader.fields.items():
        if key in NOT_COPIED or key == TEMPLATE_KEY:
            continue
        sub_type = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), field.types[0], sub_type=sub_type)
    writer.add_key_value(TEMPLATE_KEY, template, GGUFValueType.STRING)
    for tensor in reader.tensors:
        _add_tensor(writer, tensor, replaced.get(tensor.name), kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(target)


def _add_tensor(writer: GGUFWriter, tensor: Any, new: Array | None, kind: GGMLQuantizationType) -> None:
    if new is None:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    elif new.ndim == 1:
        writer.add_tensor(tensor.name, new.astype(np.float32))
    else:
        writer.add_tensor(tensor.name, quantize(new.astype(np.float32), kind), raw_dtype=kind)


def _reasons_against(reader: GGUFReader) -> Iterator[str]:
    """Why the mathematics of `llama_numpy` would not be this model's."""
    architecture = _value(reader, "general.architecture")
    if architecture != "llama":
        yield f"its architecture is '{architecture}'"
        return
    others = [tensor.name for tensor in reader.tensors if not _KNOWN.fullmatch(tensor.name)]
    if "output.weight" in others:
        yield "its output matrix is not its embedding"
    if others:
        yield f"it has a tensor '{others[0]}'"
    scaling = _value(reader, "llama.rope.scaling.type", "none")
    if scaling != "none":
        yield f"its positions are scaled ('{scaling}')"
    shape = _shape(reader)
    for key in ("llama.attention.key_length", "llama.attention.value_length", "llama.rope.dimension_count"):
        if _value(reader, key, shape.head_width) != shape.head_width:
            yield f"its heads are not as wide as its width and their number say ({key})"


def _shape(reader: GGUFReader) -> Shape:
    heads = _value(reader, "llama.attention.head_count")
    return Shape(
        layers=_value(reader, "llama.block_count"),
        heads=heads,
        kv_heads=_value(reader, "llama.attention.head_count_kv", heads),
        width=_value(reader, "llama.embedding_length"),
        epsilon=_value(reader, "llama.attention.layer_norm_rms_epsilon"),
        rope_base=_value(reader, "llama.rope.freq_base", 10_000.0),
    )


_MISSING = object()


def _value(reader: GGUFReader, key: str, default: Any = _MISSING) -> Any:
    """Source of the defaults: ggml's docs/gguf.md and llama.cpp's loader."""
    field = reader.fields.get(key)
    if field is None and default is not _MISSING:
        return default
    if field is None:
        raise CallError(f"the GGUF file has no '{key}'")
    return field.contents()
