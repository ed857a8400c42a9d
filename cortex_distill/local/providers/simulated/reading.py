"""Reads a prompt as a model would: which part is the customer's text, which part says what to do."""

import re
from collections.abc import Mapping, Sequence
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


_TAGS = re.compile(r"<(request|ticket|message|text|input|customer_request|email)>(.*?)</\1>", re.S | re.I)
_FENCED = re.compile(r"(?:\"\"\"|```|~~~)[a-z]*\n?(.*?)(?:\"\"\"|```|~~~)", re.S)
_MARK = re.compile(
    r"(?:request|ticket|message|inquiry|enquiry|complaint|question|query|utterance|input|text|wrote|writes|says|said"
    r"|customer|email)[*_`]{0,2}\s?:[*_`]{0,2}(?!//)[ \t]*",
    re.I,
)
_TRAILER = re.compile(r"\n\s*\W{0,3}(?:category|label|answer|output|class|topic|response|result|json)\W{0,4}\s*$", re.I)
_ORDER = re.compile(
    r"(?:(?<=[.!?\"”'>)\n])\s*|\s)(?=(?-i:[A-Z]))(?:(?:now|then|and|please|only)\s+)*"
    r"(?:(?:give|rate|score|respond|answer|return|reply|provide|output|write|include)\b[^.\n]*?"
    r"(?:\bjson\b|\bscores?\b|\bratings?\b|\b1\s?(?:to|-|–)\s?\d|no other words)"
    r"|(?:respond|answer|return|reply|output|classify|choose|pick)\b[^.\n]{0,30}?\b(?:the|one|a)\s(?:\w+\s)?(?:label|categor))",
    re.I,
)
_CATEGORY = (
    re.compile(r"<category>\s*([^<]{1,200})</category>", re.I),
    re.compile(r"\bcategory\b[\"”'*_`]{0,3}\s*(?:is|name|called)?\s*[:=]\s*[*_`]{0,2}\s*([^\n]{1,400})", re.I),
    re.compile(r"\bcategory\b[^\n\".:]{0,30}?\s([\"“'`*][^\n]{1,400})", re.I),
    re.compile(r"\b(?:topic|subject)\b\s*(?:is\s*)?[:=]?\s*([\"“'`*]?[^\n]{1,400})", re.I),
    re.compile(r"\b(?:about|regarding|concerning|for|on|of)\s+([\"“'`*][^\n]{1,400})", re.I),
    re.compile(r"\b(?:about|regarding|concerning)\s+(?!the following|each|any)([^\n]{1,400})", re.I),
)
_DEFINITION = re.compile(
    r"\b(?:definition|description|meaning|which means|meaning that|that is|defined as)\b\W{0,4}([^\n]+)", re.I
)


def read(messages: Sequence[Mapping[str, str]]) -> Prompt:
    """Take a call's messages apart. Works on any text; marks may be missing, doubled or inside the ticket."""
    said = [str(message.get("content") or "") for message in messages]
    last, earlier = (said[-1], "\n\n".join(said[:-1])) if said else ("", "")
    start, end, marked = _request(last)
    frame = f"{last[:start]}\n{last[end:]}" if marked else last
    prefix = f"{earlier}\n\n" if earlier else ""
    return Prompt(prefix + last, prefix + frame, prefix + last[:start], last[start:end].strip(" \n\t\"'“”"))


def _request(text: str) -> tuple[int, int, bool]:
    """Where the customer's text starts and ends, and whether something marks it."""
    for pattern, group in ((_TAGS, 2), (_FENCED, 1)):
        if spans := [found.span(group) for found in pattern.finditer(text) if found[group].strip()]:
            return (*spans[-1], True)
    marks = [found.end() for found in _MARK.finditer(text)]
    starting = [end for end in marks if _opens_line(text, end)]
    start = (starting or marks or [-1])[-1]
    if start >= 0 and text[start:].strip():
        return start, _end(text, start), True
    whole = text.rstrip()
    return whole.rfind("\n\n") + 2 if "\n\n" in whole else 0, len(whole), False


def _opens_line(text: str, end: int) -> bool:
    return len(text[text.rfind("\n", 0, end) + 1 : end].split()) <= 4


def _end(text: str, start: int) -> int:
    """Where the ticket ends and instructions begin again; the end of the text if they never do."""
    cut = _TRAILER.search(text, start)
    order = _ORDER.search(text, start, cut.start() if cut else len(text))
    return order.start() if order and order.start() > start else cut.start() if cut else len(text)


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
