"""Reads the list of labels out of a prompt, in whatever layout people write one."""

import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple


class Label(NamedTuple):
    """One category on offer, with whatever the prompt says of it."""

    name: str
    definition: str = ""


class _Found(NamedTuple):
    introduced: bool
    labels: tuple[Label, ...]


_INTRO = re.compile(
    r"categor|label|class|topic|type|option|intent|queue|department|\bteam|choose|one of|\btag|reason", re.I
)
_BULLET = re.compile(r"^\s*(?:[-*•·‣|]|#{1,6}|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+")
_MARKED = re.compile(r"^(\*\*|__|`|\"|“|')(.{1,100}?)(?:\*\*|__|`|\"|”|')\s*(?:[:=–—|-]+|->)?\s*(.*)$", re.S)
_SPLIT = re.compile(r"\s{0,3}(?::\s+|:$|\s[-–—=|]\s|\s->\s|\t+)\s{0,3}")
_ORDER = re.compile(
    r"(?:return|answer|reply|respond|output|choose|try|please|only|do not|don't|classify|pick|you)\b", re.I
)
_BRACKETS = re.compile(r"\[[^\[\]]{3,8000}\]|\{[^{}]{3,8000}\}")
_QUOTED = re.compile(r"\"([^\"\n]{1,100})\"|'([^'\n]{1,100})'|“([^”\n]{1,100})”|`([^`\n]{1,100})`")
_TAGGED = re.compile(r"<(?:category|label|class|option)(?:\s+name=\"([^\"]+)\")?\s*>([^<]{0,300})</", re.I)
_INLINE = re.compile(
    r"(?:(?:categories|labels|classes|topics|types|options|intents|one of(?: the)?(?: following)?)\b"
    r"[^:\n.(\[]{0,60}[:(\[]"
    r"|\b(?:one of|either|into|among|between)\b(?: the (?:following )?(?:categories|labels))?:?)\s*([^\n]{3,4000})",
    re.I,
)


@lru_cache(maxsize=512)
def labels_in(text: str) -> tuple[Label, ...]:
    """The labels on offer, as spelled, with definitions; fewer than two found means an empty tuple.

    The longest list wins, one that a line with "categories", "labels" or the like introduces before all others.
    """
    text = text[:20_000]
    found = [*_tagged(text), *_bracketed(text), *_listed(text), *_inline(text)]
    usable = [one for one in found if len(one.labels) >= 2]
    return max(usable, key=lambda one: (one.introduced, len(one.labels)), default=_Found(False, ())).labels


def split_item(item: str) -> Label:
    """`Lost phone: lost or stolen` and its like (dash, bold, quotes, brackets) → label and definition."""
    item = item.strip()[:2000]
    if marked := _MARKED.match(item):
        return Label(marked[2].strip(" :"), marked[3].strip())
    parts = _SPLIT.split(item, maxsplit=1)
    if len(parts) == 1 and (round_ := re.match(r"(.{2,60}?)\s*\((.+)\)\s*$", item, re.S)):
        parts = [round_[1], round_[2]]
    return Label(parts[0].strip(" |"), parts[1].strip(" |") if len(parts) > 1 else "")


def _unique(labels: Sequence[Label], whole: Sequence[str] = ()) -> tuple[Label, ...]:
    """First of each name. Where cutting at colons makes names equal, the colons belong to the names."""
    named = [label for label in labels if label.name]
    if whole and len({label.name for label in named}) < len(named):
        named = [Label(text.strip()) for text in whole]
    return tuple({label.name: label for label in reversed(named)}.values())[::-1]


def _tagged(text: str) -> Iterator[_Found]:
    labels = [Label(name, inside.strip()) if name else split_item(inside) for name, inside in _TAGGED.findall(text)]
    yield _Found(True, _unique(labels))


def _bracketed(text: str) -> Iterator[_Found]:
    """JSON or Python lists of texts, lists of {label, description}, and mappings label → definition."""
    for found in _BRACKETS.finditer(text):
        near = text[max(0, found.start() - 150) : found.start()]
        introduced = bool(_INTRO.search(near))
        if found[0][0] == "[":
            rest = _QUOTED.sub("", found[0][1:-1]).strip(" ,\n\t")
            names = [next(filter(None, groups), "") for groups in _QUOTED.findall(found[0])] if not rest else []
            yield _Found(introduced, _unique([Label(name) for name in names]))
        elif introduced and (pairs := _texts(found[0])) and not {"request", "scenario"} & pairs.keys():
            yield _Found(True, _unique([Label(name, said) for name, said in pairs.items()]))
    entries = [pairs for found in re.findall(r"\{[^{}]{3,2000}\}", text) if (pairs := _texts(found))]
    named = [(next((e[k] for k in ("label", "name", "category") if k in e), ""), e) for e in entries]
    said = ("definition", "description", "meaning")
    yield _Found(True, _unique([Label(n, next((e[k] for k in said if k in e), "")) for n, e in named if n]))


def _texts(text: str) -> dict[str, str]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {k: v for k, v in read.items() if isinstance(v, str)} if isinstance(read, dict) else {}


def _listed(text: str) -> Iterator[_Found]:
    """Lists with one label a line: in a block of lines, or one a paragraph."""
    blocks = [block.strip("\n").split("\n") for block in re.split(r"\n\s*\n", text) if block.strip()]
    loose: list[str] = []
    for before, block in pairwise([[""], *blocks]):
        starts = [n for n, line in enumerate(block) if line.rstrip().endswith(":") and not _BULLET.match(line)]
        intro = block[starts[0]] if starts else before[-1]
        items = _items(block[starts[0] + 1 if starts else 0 :])
        yield _Found(bool(_INTRO.search(intro)), _unique([split_item(item) for item in items], items))
        single = not starts and len(items) == 1
        loose = [*loose, items[0]] if single else []
        if len(loose) >= 2:
            yield _Found(True, _unique([split_item(item) for item in loose], loose))


def _items(lines: Sequence[str]) -> list[str]:
    """The items of a block: its bullets with what hangs below them, or its first lines that look like labels."""
    items: list[str] = []
    bullets = bool(lines) and bool(_BULLET.match(lines[0]))
    for line in lines:
        if bullets and not _BULLET.match(line):
            items[-1] = (
                f"{items[-1]} {line.strip()}" if split_item(items[-1]).definition else f"{items[-1]}: {line.strip()}"
            )
            continue
        item = _BULLET.sub("", line).strip()
        if not _is_item(item, bullets):
            break
        items.append(item)
    return items


def _is_item(item: str, bullet: bool) -> bool:
    label = split_item(item)
    size = len(label.name.split())
    if not label.name or size > (10 if bullet else 6) or len(label.name) > 100:
        return False
    if not label.definition and (label.name[-1] in ".?!" or (size > 3 and _ORDER.match(label.name))):
        return False
    return label.name.strip("-=_*`~ ") != ""


def _inline(text: str) -> Iterator[_Found]:
    for found in _INLINE.finditer(text):
        if found[1][0] == "{":
            continue  # a mapping, read as such
        rest = re.split(r"[.;](?:\s|$)|[)\]]", found[1], maxsplit=1)[0] if ";" not in found[1] else found[1]
        quoted = [next(filter(None, groups), "") for groups in _QUOTED.findall(rest)]
        names = quoted if len(quoted) >= 2 else re.split(r"\s*[,;|/]\s*", rest)
        if len(names) == 1:
            names = re.split(r"\s+(?:or|and)\s+", rest)
        names[0] = names[0].rpartition(": ")[2]
        cleaned = [re.sub(r"^(?:and|or)\s+", "", name.strip(" .?!\"'")) for name in names]
        if all(0 < len(name.split()) <= 6 for name in cleaned):
            yield _Found(True, _unique([Label(name) for name in cleaned]))
