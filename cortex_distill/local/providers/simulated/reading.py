"""Reads a prompt as a model would: which part is the customer's text, which part says what to do."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from cortex_distill.local.providers.simulated.labels import Label, labels_in, split_item


class Prompt(NamedTuple):
    """A prompt, taken apart."""

    text: str
    """All messages, in order."""
    frame: str
    """What is asked: `text` without the customer's text where that is marked as such, else all of it."""
    before: str
    """The part of `frame` in front of the customer's text."""
    request: str
    """The customer's text; the last paragraph if nothing marks it."""


MOST = 100_000  # characters of a prompt that are read: the first and the last half of that many
_TAGS = ("request", "ticket", "message", "text", "input", "customer_request", "email")
_FENCES = ('"""', "```", "~~~")
_MARKS = frozenset(
    re.findall(
        r"\w+",
        "request ticket message inquiry enquiry complaint question query utterance input text wrote write say said"
        " customer email",
    )
)
_BEFORE_COLON = re.compile(r"([A-Za-z]{4,12})[*_` ]{0,3}$")
_AFTER_COLON = re.compile(r"[*_`]{0,2}(?!//)[ \t]*")
_TRAILER = re.compile(
    r"\n\s{0,9}\W{0,3}(?:category|label|answer|output|class|topic|response|result|json)\W{0,4}\s*$", re.I
)
_ORDER = re.compile(
    r"(?:(?<=[.!?\"”'>)\n])\s{0,3}|\s)(?=(?-i:[A-Z]))(?:(?:now|then|and|please|only)\s+)*"
    r"(?:(?:give|rate|score|respond|answer|return|reply|provide|output|write|include)\b[^.\n]{0,200}?"
    r"(?:\bjson\b|\bscores?\b|\bratings?\b|\b1\s?(?:to|-|–)\s?\d|no other words)"
    r"|(?:respond|answer|return|reply|output|classify|choose|pick)\b[^.\n]{0,30}?\b(?:the|one|a)\s(?:\w+\s)?(?:label|categor))",
    re.I,
)
_CATEGORY = (
    re.compile(r"<category>\s*([^<]{1,200})</category>", re.I),
    re.compile(r"\bcategory\b[\"”'*_`]{0,3}\s?(?:is|name|called)?\s?[:=]\s{0,2}[*_`]{0,2}\s?([^\n]{1,400})", re.I),
    re.compile(r"\bcategory\b[^\n\".:]{0,30}?\s([\"“'`*][^\n]{1,400})", re.I),
    re.compile(r"\b(?:topic|subject)\b\s?(?:is\s)?[:=]?\s?([\"“'`*]?[^\n]{1,400})", re.I),
    re.compile(r"\b(?:about|regarding|concerning|for|on|of)\s+([\"“'`*][^\n]{1,400})", re.I),
    re.compile(r"\b(?:about|regarding|concerning)\s+(?!the following|each|any)([^\n]{1,400})", re.I),
)
_DEFINITION = re.compile(
    r"\b(?:definition|description|meaning|which means|meaning that|that is|defined as)\b\W{0,4}([^\n]+)", re.I
)


def read(messages: Sequence[Mapping[str, str]]) -> Prompt:
    """Take a call's messages apart. Works on any text; marks may be missing, doubled or inside the ticket."""
    said = [_short(str(message.get("content") or "")) for message in messages]
    last, earlier = (said[-1], "\n\n".join(said[:-1])) if said else ("", "")
    start, end, marked = _request(last)
    frame = f"{last[:start]}\n{last[end:]}" if marked else last
    prefix = f"{earlier}\n\n" if earlier else ""
    return Prompt(prefix + last, prefix + frame, prefix + last[:start], last[start:end].strip(" \n\t\"'“”"))


def _short(text: str) -> str:
    return text if len(text) <= MOST else f"{text[: MOST // 2]}\n{text[-MOST // 2 :]}"


def _request(text: str) -> tuple[int, int, bool]:
    """Where the customer's text starts and ends, and whether something marks it."""
    if found := _tagged(text) or _fenced(text):
        return (*found, True)
    length = len(text.rstrip())
    marks = [end for at in _colons(text) if 0 < (end := _mark(text, at)) < length]
    starting = [end for end in marks if _opens_line(text, end)]
    if marks:
        start = (starting or marks)[-1]
        return start, _end(text, start), True
    whole = text.rstrip()
    return whole.rfind("\n\n") + 2 if "\n\n" in whole else 0, len(whole), False


def _tagged(text: str) -> tuple[int, int] | None:
    low = text.lower() if "</" in text else ""
    for tag in _TAGS if low else ():
        end = low.rfind(f"</{tag}>")
        start = low.rfind(f"<{tag}>", 0, max(0, end))
        if end >= 0 and start >= 0 and text[start + len(tag) + 2 : end].strip():
            return start + len(tag) + 2, end
    return None


def _fenced(text: str) -> tuple[int, int] | None:
    for fence in _FENCES:
        end = text.rfind(fence)
        start = text.rfind(fence, 0, max(0, end))
        if start >= 0 and text[start + 3 : end].strip():
            return start + 3, end
    return None


def _colons(text: str) -> list[int]:
    return [found.start() for found in re.finditer(":", text)]


def _mark(text: str, colon: int) -> int:
    """Where the text behind a mark like `Support ticket:` starts; 0 if this colon is none."""
    word = _BEFORE_COLON.search(text, max(0, colon - 20), colon)
    if word is None or word[1].lower().removesuffix("s") not in _MARKS:
        return 0
    after = _AFTER_COLON.match(text, colon + 1)
    return after.end() if after else 0


def _opens_line(text: str, end: int) -> bool:
    near = text[max(0, end - 60) : end].rstrip("\n")
    return ("\n" in near or end <= 60) and len(near[near.rfind("\n") + 1 :].split()) <= 4


def _end(text: str, start: int) -> int:
    """Where the ticket ends and instructions begin again; the end of the text if they never do."""
    cut = _TRAILER.search(text, start)
    order = _ORDER.search(text, start, cut.start() if cut else len(text))
    return order.start() if order and order.start() > start else cut.start() if cut else len(text)


@lru_cache(maxsize=2048)
def category_in(text: str) -> Label:
    """The one category that a prompt is about, with its definition if it is given; an empty name if there is none."""
    for pattern in _CATEGORY:
        for found in pattern.finditer(text):
            label = _clean(found[1])
            if label.name and len(label.name.split()) <= 10:
                defined = _DEFINITION.search(text)
                listed = {other.name.lower(): other.definition for other in labels_in(text)}
                said = label.definition or (defined[1] if defined else "") or listed.get(label.name.lower(), "")
                return Label(label.name, said)
    return Label("")


def _clean(text: str) -> Label:
    label = split_item(text.strip())
    if label.definition and re.match(r"[\"“'`*]", text.strip()):
        return Label(label.name, re.split(r"\.(?:\s|$)", label.definition.strip("()[]: ,."), maxsplit=1)[0])
    sentence = re.split(r"[.?!;](?:\s|$)", text, maxsplit=1)[0]
    label = split_item(sentence)
    return Label(label.name.strip(" \t\"'“”`*.,;"), label.definition.strip("() "))
