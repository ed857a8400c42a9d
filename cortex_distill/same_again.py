"""A run's recorded config beside the experiment file of today: the overrides that make the one of the other."""

from collections.abc import Iterator, Mapping
from typing import Any


def overrides_of(recorded: Mapping[str, Any], current: Mapping[str, Any], optional: frozenset[str]) -> dict[str, Any]:
    """Dotted key → value, for `load_experiment`; {} where the file says what the run recorded.

    `optional` sections that the record has not are switched off; another key that it has not is of a later version,
    and keeps its default. As few and as small values as possible: on an account the record has lost the order of its
    keys, and the file has not. A key with a dot in it can stand in no override: then its section is said as a whole.
    """
    found: dict[str, Any] = {
        key: None for key in optional if current.get(key) is not None and recorded.get(key) is None
    }
    for key, value in recorded.items():
        found |= dict(_differing(key, value, current.get(key)))
    return found


def _differing(at: str, recorded: Any, current: Any) -> Iterator[tuple[str, Any]]:
    if recorded == current:
        return
    if _is_plain(recorded) and _is_plain(current) and set(current) <= set(recorded):
        for key in [*current, *(key for key in recorded if key not in current)]:
            yield from _differing(f"{at}.{key}", recorded[key], current.get(key))
    else:
        yield at, recorded


def _is_plain(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and not any("." in key for key in value)
