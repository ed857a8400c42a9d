"""How a GGUF file is loaded on this machine, and what memory that takes."""

import os
from pathlib import Path
from typing import Any, NamedTuple

from cortex_distill.local.providers import CallError
from cortex_distill.local.providers.gguf.header import read_header
from cortex_distill.local.providers.gguf.server import CONTEXT

SMALL = 400_000_000
"""Bytes of a file up to which each core gets a server of its own. Measured on 2 cores, for SmolLM2-135M in Q8_0: two
servers of one thread write a token in 5.9 ms, one of two threads in 9.2, and beside other work the latter starves,
since its threads wait for each other. For 1.1 billion parameters 38 and 44 ms, but each server may copy the weights."""
MOST_SERVERS = 4
BUFFERS = 64_000_000
"""What a server takes beside weights and cache; measured: 40 MB for SmolLM2-135M."""


class Footprint(NamedTuple):
    """`threads` 0 means one per physical core."""

    servers: int
    threads: int
    context: int
    bytes: int


def footprint(path: Path, limit: int) -> Footprint:
    """How to load `path` within `limit` bytes. Raises CallError if it is no GGUF file or cannot fit."""
    header = read_header(path)
    context = min(CONTEXT, _figure(header, "context_length", CONTEXT))
    weights = path.stat().st_size * header.get("split.count", 1)
    each = weights + _cache(header) * context + BUFFERS
    if each > limit:
        raise CallError(
            f"500 {path.name} needs {each / 1e9:.1f} GB of memory, more than the {limit / 1e9:.1f} GB that GGUF models"
            " may take; set memory_gb under [gguf] in local.toml"
        )
    servers = max(1, min(cores(), MOST_SERVERS, limit // each)) if weights <= SMALL else 1
    threads = 1 if weights <= SMALL else 0 if cores() == os.cpu_count() else cores()
    return Footprint(servers, threads, context, servers * each)


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def half_of_memory() -> int:
    """Half of the machine's memory in bytes; 4 GB where the system does not tell (Windows)."""
    if not hasattr(os, "sysconf"):
        return 4_000_000_000
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _cache(header: dict[str, Any]) -> int:
    """Bytes of keys and values per token, at two bytes a number."""
    layers, heads = _figure(header, "block_count", 32), _figure(header, "attention.head_count", 32)
    kv_heads = header.get(f"{header.get('general.architecture')}.attention.head_count_kv", heads)
    in_all = sum(kv_heads) if isinstance(kv_heads, list) else kv_heads * layers
    width = _figure(header, "embedding_length", 4096) // max(1, heads)
    return (
        2 * in_all * (_figure(header, "attention.key_length", width) + _figure(header, "attention.value_length", width))
    )


def _figure(header: dict[str, Any], key: str, default: int) -> int:
    """A figure of the architecture; of a list, one per layer, the largest."""
    value = header.get(f"{header.get('general.architecture')}.{key}", default)
    return int(max(value)) if isinstance(value, list) else int(value)
