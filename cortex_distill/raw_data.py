"""The file as plain data, before any model sees it: reach into it, override it, find what no model would."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cortex_distill.field_checks import alike
from cortex_distill.problem_list import At, Problems

_FREE: set[At] = {  # keys are the author's
    ("categories",), ("generate", "vary"), ("judge", "thresholds"), ("prompts",), ("holdout", "labels"),
    ("messages", "prompts"),
}  # fmt: skip
_SECRET = re.compile(
    r"(.*_)?(password|passwd|pwd|passphrase|token|secrets?|api_?key|private_key|credentials?|authenticator)(_.*)?"
    r"|account|user|user_?name|role|warehouse|database|schema|host|connections?|engine"
)
_NO_SECRETS = (
    "secrets and connections do not belong in an experiment file; take it out and choose the connection by --engine"
)


def get_in(data: object, *keys: str) -> Any:
    """The value below these keys, or None; also None where something else than a mapping is on the way."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def labels_in(data: dict[str, Any]) -> list[str]:
    """The labels of `categories` as text, right or wrong, in the order of the file."""
    given = data.get("categories")
    return [str(label) for label in given] if isinstance(given, dict | list) else []


def is_secret(key: object) -> bool:
    """Whether a key sounds like a password, a connection or an engine."""
    name = str(key).lower().replace("-", "_")
    return name != "max_token" and bool(_SECRET.fullmatch(name))  # that one is max_tokens, misspelt


def override(data: dict[str, Any], overrides: Mapping[str, object], found: Problems) -> None:
    """Writes values under dotted keys into the data, with the mappings that they lack on the way."""
    for dotted, value in overrides.items():
        *parents, last = dotted.split(".")
        here: Any = data
        for depth, part in enumerate(parents, start=1):
            below = {} if here.get(part) is None else here[part]
            here[part] = dict(below) if isinstance(below, dict) else below  # the caller's own data stays as it is
            here = here[part]
            if not isinstance(here, dict):
                found.at(tuple(dotted.split(".")), f"no such key; {'.'.join(parents[:depth])} has no keys below it")
                break
        else:
            here[last] = value


def _walk(value: object, at: At = ()) -> Iterator[tuple[At, object]]:
    yield at, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, (*at, index))


def look_through(data: dict[str, Any], found: Problems) -> None:
    """Adds what pydantic does not see: secrets under any key, half characters, labels alike beside other errors."""
    for at, value in _walk(data):
        if at and at[:-1] not in _FREE and is_secret(at[-1]):
            found.at(at, _NO_SECRETS)
        if any(isinstance(text, str) and re.search("[\ud800-\udfff]", text) for text in (value, *at[-1:])):
            found.at(at, "holds half a character (U+D800 to U+DFFF); write the whole character")
    labels = labels_in(data)
    for position, what in alike(labels).items():
        found.at(("categories", labels[position] if isinstance(data["categories"], dict) else position), what)
