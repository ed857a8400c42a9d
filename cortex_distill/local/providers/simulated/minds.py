"""How able a model is, read off its name: what it knows, how well it obeys."""

import re
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

_SIZE = re.compile(r"(?<![a-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)(b|m)(?![a-z0-9])")
_TINY = re.compile(r"(?<![a-z])(?:nano|tiny|smollm)(?![a-z])|smollm")
_LESS = re.compile(r"(?<![a-z])(?:mini|haiku|flash|small|lite|scout|medium)(?![a-z])")
_MORE = re.compile(r"large|opus|sonnet|ultra|maverick|deepseek|grok|gpt-?[45]|(?<![a-z])(?:pro|max|o[134])(?![a-z])")


class Mind(NamedTuple):
    """What a class of models can do; shares in [0, 1]. No figure here is an accuracy: those come out of the work."""

    name: str
    knows: float
    """Share of the thesaurus and of the turns of phrase that it knows."""
    chatty: float
    """Share of free-text labels with words around them if the prompt does nothing against it."""
    fences: float
    """Share of free-text JSON in a Markdown fence."""
    thin: float
    """Share of tickets that say next to nothing."""
    strays: float
    """Share of tickets about something else; again as many slide into a neighbouring category if one is named."""
    misjudges: float
    """Share of ratings that are one too kind."""


STRONG = Mind("strong", knows=0.95, chatty=0.02, fences=0.0, thin=0.05, strays=0.04, misjudges=0.04)
MEDIUM = Mind("medium", knows=0.75, chatty=0.20, fences=0.1, thin=0.08, strays=0.06, misjudges=0.12)
SMALL = Mind("small", knows=0.50, chatty=0.60, fences=0.3, thin=0.14, strays=0.10, misjudges=0.30)


@lru_cache(maxsize=1024)
def mind_of(model: str) -> Mind:
    """By parameters if the name says them (under 15b small, under 60b medium), else by words; unknown is medium."""
    name = model.lower()
    sizes = [int(n or 1) * float(size) * (1 if unit == "b" else 0.001) for n, size, unit in _SIZE.findall(name)]
    if sizes:
        return STRONG if max(sizes) >= 60 else MEDIUM if max(sizes) >= 15 else SMALL
    if _TINY.search(name):
        return SMALL
    return STRONG if _MORE.search(name) and not _LESS.search(name) else MEDIUM


@lru_cache(maxsize=200_000)
def knows(model: str, thing: str) -> bool:
    """Whether this model has ever heard of a word or a turn of phrase. Two models of one size know different ones."""
    text = f"{model.lower()}\0{thing}".encode(errors="replace")
    return int.from_bytes(blake2b(text, digest_size=4).digest()) / 2.0**32 < mind_of(model).knows
