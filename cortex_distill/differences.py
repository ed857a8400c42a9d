"""What is special about each of several configs: the settings in which it differs from most of them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SHOWN = 3  # differences said in words; the rest is a number
LONGEST_VALUE = 28
USUAL = "usual settings"
ABSENT = "\0absent"  # no setting is written like this


def specials(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Key → `fine_tune.max_epochs=2`, or USUAL. The configs come oldest first: where no value has a majority, the
    oldest one is the usual. A config that differs in the files that it names alone is called by its key."""
    flat = {key: dict(leaves("", config)) for key, config in configs.items()}
    keys = dict.fromkeys(name for leaves in flat.values() for name in leaves)
    usual = {name: usual_of([leaves.get(name, ABSENT) for leaves in flat.values()]) for name in keys}
    said = {key: _said(leaves, usual) for key, leaves in flat.items()}
    first: dict[str, str] = {}
    for key, text in said.items():
        first.setdefault(text, key)
    return {key: text if first[text] == key else f"{text}, config {key[:6]}" for key, text in said.items()}


def leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """(dotted key, value as text) of every setting below `path`, in the order of the file."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from leaves(f"{path}.{name}" if path else str(name), inner)
    else:
        yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False).removesuffix(".0")


def usual_of(values: Sequence[str]) -> str:
    """The value that most have."""
    return Counter(values).most_common(1)[0][0]  # of equals the one that was met first


def _said(leaves: Mapping[str, str], usual: Mapping[str, str]) -> str:
    found = [_one(name, leaves.get(name, ABSENT), usual[name]) for name in usual]
    words = [one for one in found if one]
    more = [f"{len(words) - SHOWN} more"] if len(words) > SHOWN else []
    return ", ".join([*words[:SHOWN], *more]) or USUAL


def _one(name: str, value: str, usual: str) -> str:
    if value == usual:
        return ""
    if value == ABSENT:
        return f"without {name}"
    if len(value) > LONGEST_VALUE or "\n" in value:
        return f"with {name}" if usual == ABSENT else f"other {name}"
    return f"{name}={value}"
