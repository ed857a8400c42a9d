"""Makes a screenshot small: 256 colours are enough for a page of text. Chromium writes 8 bits a channel, unfiltered or
filtered by the rules of the PNG standard (W3C, 2nd edition, section 9), and compresses in haste."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {2: 3, 6: 4}  # of a PNG's colour types: RGB, RGBA
COLOURS = 256


def shrink(file: Path) -> None:
    """Rewrite a PNG with a palette. Raises ValueError if it is not 8 bits a channel, RGB or RGBA."""
    chunks = _chunks(file.read_bytes())
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    if depth != 8 or colour not in CHANNELS:
        raise ValueError(f"{file}: neither RGB nor RGBA with 8 bits a channel")
    pixels = _pixels(zlib.decompress(chunks[b"IDAT"]), width, height, CHANNELS[colour])
    palette, indices = _palette(pixels)
    rows = np.concatenate([np.zeros((height, 1), np.uint8), indices.reshape(height, width)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = {b"IHDR": header, b"PLTE": palette.tobytes(), b"IDAT": zlib.compress(rows.tobytes(), 9), b"IEND": b""}
    file.write_bytes(SIGNATURE + b"".join(_chunk(kind, data) for kind, data in parts.items()))


def _chunks(data: bytes) -> dict[bytes, bytes]:
    place, found = len(SIGNATURE), {}
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        kind = data[place + 4 : place + 8]
        found[kind] = found.get(kind, b"") + data[place + 8 : place + 8 + length]
        place += 12 + length
    return found


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _pixels(data: bytes, width: int, height: int, channels: int) -> np.ndarray:
    lines = np.frombuffer(data, np.uint8).reshape(height, 1 + width * channels)
    above = np.zeros(width * channels, np.uint8)
    rows = []
    for filtered, line in zip(lines[:, 0], lines[:, 1:], strict=True):
        above = _unfiltered(int(filtered), line, above, channels)
        rows.append(above)
    return np.stack(rows).reshape(-1, channels)[:, :3]


def _unfiltered(how: int, line: np.ndarray, above: np.ndarray, channels: int) -> np.ndarray:
    if how == 0:
        return line
    if how == 1:
        return np.cumsum(line.reshape(-1, channels), axis=0, dtype=np.uint64).astype(np.uint8).reshape(-1)
    if how == 2:
        return line + above
    done = bytearray(channels) + bytearray(line.tobytes())
    up = bytes(channels) + above.tobytes()
    for i in range(channels, len(done)):
        left, upper, corner = done[i - channels], up[i], up[i - channels]
        guess = (left + upper) // 2 if how == 3 else _paeth(left, upper, corner)
        done[i] = (done[i] + guess) % 256
    return np.frombuffer(bytes(done[channels:]), np.uint8)


def _paeth(left: int, upper: int, corner: int) -> int:
    return min((left, upper, corner), key=lambda near: abs(left + upper - corner - near))


def _palette(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The most frequent colours and those least like them, e.g. of a small mark; for every pixel the nearest."""
    colours, which, counts = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    by_frequency = np.argsort(-counts)
    apart = ((colours[:, None, :].astype(np.int32) - colours[None, :, :]) ** 2).sum(axis=2)
    kept = list(by_frequency[: COLOURS // 2])
    while len(kept) < min(COLOURS, len(colours)):
        kept.append(int((apart[:, kept].min(axis=1) * np.log2(1 + counts)).argmax()))
    return colours[kept], apart[:, kept].argmin(axis=1).astype(np.uint8)[which.reshape(-1)]
