"""Reads an order for tickets: how many, about what, in which manner, after which examples."""

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from cortex_distill.local.providers.simulated.labels import Label, labels_in
from cortex_distill.local.providers.simulated.phrases import channel_of, tone_of
from cortex_distill.local.providers.simulated.reading import category_in

MOST = 200  # tickets in one reply, whatever is asked
_ONES = (*["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],)
_NUMBERS = {name: n for n, name in enumerate(_ONES)}
_NUMBERS |= {"a": 1, "an": 1, "fifteen": 15, "twenty": 20, "twenty-five": 25, "fifty": 50}
_THINGS = (
    r"(?:examples?|tickets?|requests?|messages?|samples?|calls?|scenarios?|complaints?|questions?|conversations?|e-?mails?"
    r"|inquir(?:y|ies)|cases?|texts?|utterances?|items?|entries|reviews?|rows?)\b"
)
_COUNT = re.compile(rf"\b(\d{{1,6}}|{'|'.join(_NUMBERS)})\s+(?:[\w,'-]+\s+){{0,5}}?{_THINGS}", re.I)
_ORDER = re.compile(
    r"\b(?:provide|write|generate|create|give|produce|invent|draft|make up|compose|come up with|need|want|list"
    r"|imagine)\b"
    rf"[^.\n]{{0,80}}?\b{_THINGS}",
    re.I,
)
_FIELD = re.compile(r"[\"“”']([A-Za-z_][\w-]{0,40})[\"“”']\s*:")
_TEXT = re.compile(r"^\W{0,4}(?:request|ticket|message|example)\b[^:\n]{0,15}:\s*(.{12,})$", re.I | re.M)
_SHOWN = re.compile(r"\bexamples?\b[^\n]{0,80}:\s*\n((?:[ \t]{0,8}(?:[-*•]|\d+[.)])[ \t][^\n]+(?:\n|$))+)", re.I)
_LINE = re.compile(r"^[ \t]{0,8}([A-Za-z][\w ]{1,30}):\s+([^\n]{1,120})$", re.M)


class Order(NamedTuple):
    """What a prompt wants written."""

    number: int
    """How many."""
    category: Label
    others: tuple[Label, ...]
    """The other categories that the prompt names."""
    tone: str
    channel: str
    manner: tuple[str, ...]
    """Attributes as said, `tone: frustrated` giving `frustrated`."""
    examples: tuple[str, ...]
    """Requests shown as examples."""
    fields: tuple[str, ...]
    """Keys of the JSON that the prompt shows."""


def wants_tickets(text: str) -> bool:
    """Whether a prompt orders examples."""
    return bool(_ORDER.search(text))


@lru_cache(maxsize=256)
def order_in(text: str) -> Order:
    """Read the order. Nothing said: 5 tickets, no category, keys `scenario` and `request`."""
    category = category_in(text)
    others = tuple(label for label in labels_in(text) if label.name.lower() != category.name.lower())
    said = [(key.lower(), value.strip(" .")) for key, value in _LINE.findall(text)]
    skip = r"categor|definition|request|ticket|scenario|example|message|descri|json|output|format"
    manner = tuple(value for key, value in said if not re.search(skip, key) and len(value.split()) <= 8)
    fields = tuple(dict.fromkeys(_FIELD.findall(_shape(text))))
    named = category.name and any(category.name.lower() == label.name.lower() for label in labels_in(text))
    hints = " / ".join(manner) or text
    return Order(
        count_in(text), category, others if named else (), tone_of(hints) or tone_of(text),
        channel_of(hints) or channel_of(text), manner, tuple(_examples(text)), fields or ("scenario", "request"),
    )  # fmt: skip


def count_in(text: str) -> int:
    """The number in front of "examples", "tickets" and the like; 5 if there is none, at most 200."""
    for found in _COUNT.finditer(text):
        number = found[1].lower()
        count = int(number) if number.isdigit() else _NUMBERS[number]
        if count:
            return min(count, MOST)
    return 5


def _shape(text: str) -> str:
    """The part of the prompt that shows the keys wanted: from its last opening brace that no JSON parser reads."""
    braces = [found for found in re.findall(r"\{[^{}]{3,2000}\}?", text) if _FIELD.search(found) and not _parsed(found)]
    return braces[-1] if braces else ""


def _parsed(text: str) -> dict[str, object]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _examples(text: str) -> Sequence[str]:
    found = [
        str(entry["request"])
        for part in re.findall(r"\{[^{}]{3,4000}\}", text)
        if "request" in (entry := _parsed(part))
    ]
    found += [line for line in _TEXT.findall(text) if not line.startswith(("{", "[", "<"))]
    for block in _SHOWN.findall(text):
        found += [re.sub(r"^\s*(?:[-*•]|\d+[.)])\s+", "", line).strip(' "') for line in block.strip().split("\n")]
    return [example for example in dict.fromkeys(found) if len(example.split()) >= 3][:20]
