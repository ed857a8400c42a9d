"""A copy of a GGUF file with every matrix in Q8_0. Numpy and gguf-py are needed for this alone, not for serving."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize

from cortex_distill.local.providers.gguf.llama_numpy import Array
from cortex_distill.local.providers.gguf.weights import TEMPLATE_KEY, open_gguf, write_gguf

_KEPT = {GGMLQuantizationType.Q8_0, GGMLQuantizationType.F32}


def to_q8_0(source: Path, target: Path) -> None:
    """Write `target`, and its folder if need be. Whole or not at all, also if several processes write it at once.

    Raises OSError if there is no room or no permission.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f"{target.stem}-", suffix=".gguf")
    os.close(handle)
    try:
        reader = open_gguf(source)
        template = reader.fields[TEMPLATE_KEY].contents()
        write_gguf(reader, Path(name), _Matrices(reader), template, GGMLQuantizationType.Q8_0)
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)


class _Matrices(Mapping[str, Array]):
    """The tensors to write anew, each unpacked when it is asked for: all at once are 430 MB."""

    def __init__(self, reader: GGUFReader) -> None:
        self._tensors = {tensor.name: tensor for tensor in reader.tensors if tensor.tensor_type not in _KEPT}

    def __getitem__(self, name: str) -> Array:
        tensor = self._tensors[name]
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        return values.reshape([int(size) for size in reversed(tensor.shape)])

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)
