"""The prompt of a message: its default by channel, what it may name, and how long the message may be."""

from __future__ import annotations

import re
from collections.abc import Mapping

WORDS = {"email": 100, "text": 24}  # most words, as the quickstart asks: an email of at most 100, a text of under 25
NAMES = ("request", "category")
_PLACE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
DEFAULTS = {
    "email": """Write a short, friendly reply by email to the customer request below. It belongs to the category \
"{{ category }}". At most 100 words. No subject line, no placeholders.

Request: {{ request }}""",
    "text": """Write a text message of fewer than 25 words that answers the customer request below. It belongs to the \
category "{{ category }}". No placeholders.

Request: {{ request }}""",
}


def unknown_names(template: str) -> list[str]:
    """Names in double braces that a prompt cannot use."""
    return sorted({name for name in _PLACE.findall(template) if name not in NAMES})


def filled(template: str, values: Mapping[str, str]) -> str:
    """The prompt of one ticket. Values are put in once, and braces inside them stay text."""
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), template)


def words(message: str) -> int:
    """Words as people count them: what stands between blanks."""
    return len(message.split())
