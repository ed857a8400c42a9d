"""The header of a GGUF file: whether it is one, and the figures from which its memory follows.

gguf-py's reader turns every token of the vocabulary into objects, 2 s for 49,000 of them; here arrays are walked over.
Source: ggml, docs/gguf.md (versions 2 and 3, little-endian).
"""

import struct
from pathlib import Path
from typing import Any, BinaryIO

from cortex_distill.local.providers import CallError

MAGIC = b"GGUF"
_FORMATS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_TEXT, _ARRAY = 8, 9
_LONGEST_LIST = 1024
"""Of numbers that are kept: one per layer, in some models. Longer ones belong to the vocabulary."""


def is_gguf(path: Path) -> bool:
    """Whether the file begins as GGUF files do. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read_header(path: Path) -> dict[str, Any]:
    """Texts, numbers and short lists of numbers by key. Raises CallError if the file is no GGUF file or is cut off."""
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise CallError(f"500 {path} is no GGUF file")
            _, _, count = struct.unpack("<IQQ", file.read(20))
            return dict(_pair(file) for _ in range(count))
    except (OSError, struct.error, KeyError, UnicodeDecodeError, OverflowError, MemoryError) as error:
        raise CallError(f"500 {path} cannot be read as a GGUF file: {error}") from error


def _pair(file: BinaryIO) -> tuple[str, Any]:
    key = _text(file)
    return key, _value(file, _number(file, "<I"))


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _TEXT:
        return _text(file)
    if kind != _ARRAY:
        return _number(file, _FORMATS[kind])
    of, length = _number(file, "<I"), _number(file, "<Q")
    if of == _TEXT:
        for _ in range(length):
            file.seek(_number(file, "<Q"), 1)
        return None
    if length <= _LONGEST_LIST:
        return [_value(file, of) for _ in range(length)]
    file.seek(length * struct.calcsize(_FORMATS[of]), 1)
    return None


def _number(file: BinaryIO, form: str) -> Any:
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]


def _text(file: BinaryIO) -> str:
    return file.read(_number(file, "<Q")).decode()
