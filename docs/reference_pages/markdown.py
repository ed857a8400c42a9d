"""Pieces of Markdown as GitHub shows them: tables, code, links to headings."""

import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(`[^`]*`)")
_SPECIAL = re.compile(r"(?<!`)(?:\{\{.*?\}\}|\^\S+\$)(?!`)")
_ACTIVE = re.compile(r"([\\*_<>\[\]])")


def note(source: str) -> str:
    """The first line of a page that is written by a program."""
    return f"<!-- Written by `make reference` from {source}: change it there. -->\n"


def prose(text: str) -> str:
    """Text in which nothing acts as Markdown but `code`; template expressions and patterns become code."""
    parts = _CODE.split(_SPECIAL.sub(lambda found: f"`{found[0]}`", " ".join(text.split())))
    return "".join(part if place % 2 else _ACTIVE.sub(r"\\\1", part) for place, part in enumerate(parts))


def code(text: str) -> str:
    """One line of code."""
    return f"`{text}`"


def fenced(text: str, language: str = "") -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are Markdown already; a bar in them would end them, so it is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def anchor(heading: str) -> str:
    """What GitHub calls a heading in a link to it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def link(heading: str, text: str = "") -> str:
    """A link to a heading of the same page."""
    return f"[{text or heading}](#{anchor(heading)})"
