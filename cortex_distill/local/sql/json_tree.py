"""FLATTEN with recursive => TRUE: every entry below a value, in the order of the document."""

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL

from cortex_distill.local.faults import unsupported

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def register(duck: duckdb.DuckDBPyConnection) -> None:
    """Make _SF_TREE(value, path, kind) known: a JSON list of {k, p, i, v, this} for macro _sf_flatten."""
    duck.create_function("_SF_TREE", _trees, ["VARCHAR"] * 3, "VARCHAR", type=ARROW, null_handling=SPECIAL)


def _trees(values: pa.Array, paths: pa.Array, kinds: pa.Array) -> pa.Array:
    cells = zip(values.to_pylist(), paths.to_pylist(), kinds.to_pylist(), strict=True)
    return pa.array([None if value is None else _tree(value, path, kind) for value, path, kind in cells], pa.string())


def _tree(value: str, path: str, kind: str) -> str:
    try:
        return _text(list(_entries(json.loads(value), path, kind)))
    except RecursionError as error:
        raise unsupported("FLATTEN of a value nested as deeply as this") from error


def _entries(value: Any, path: str, kind: str) -> Iterator[dict[str, Any]]:
    pairs: list[tuple[str | None, int | None, str, Any]] = []
    if isinstance(value, dict) and kind in ("BOTH", "OBJECT"):
        pairs = [(key, None, joined(path, key), item) for key, item in value.items()]
    if isinstance(value, list) and kind in ("BOTH", "ARRAY"):
        pairs = [(None, place, f"{path}[{place}]", item) for place, item in enumerate(value)]
    for key, place, whole, item in pairs:
        yield {"k": key, "p": whole, "i": place, "v": _text(item), "this": _text(value)}
        yield from _entries(item, whole, kind)


def joined(path: str, key: str) -> str:
    """The path of a key below `path`."""
    if not _PLAIN.fullmatch(key):
        return f"{path}['{key}']"
    return f"{path}.{key}" if path else key


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
