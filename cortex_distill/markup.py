"""Foreign text in Markdown and keys: from tickets, models and files it stays text, in a table cell or in a fence."""

import html
import re
from collections.abc import Sequence

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_ACTING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>:])")
_RUN_PAGE = "../../runs/flow-run/"  # relative, because that leads to the same UI as the page it stands on
RUN_LINK = re.compile(
    rf"\[(?P<said>[^\]\[]+)\]\({re.escape(_RUN_PAGE)}(?P<run_id>[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})\)"
)
"""What run_link writes."""

LONGEST_TEXT = 300


def visible(text: str) -> str:
    """Foreign text for a terminal, a log or a code block: what would act there instead of being seen becomes U+FFFD.

    Line ends and tabs stay; control characters and those that turn the direction of writing do not.
    """
    return _ACTING.sub("\ufffd", text)


def one_line(text: str, longest: int = LONGEST_TEXT) -> str:
    """Text on one line, at most `longest` characters, the rest an ellipsis.

    Control characters, those that turn the direction of writing, and those that XML forbids become U+FFFD.
    """
    line = _UNSEEN.sub("\ufffd", " ".join(text.split()))
    return line if len(line) <= longest else line[: longest - 1] + "…"


def escaped(text: str, longest: int = LONGEST_TEXT) -> str:
    """Foreign text for one Markdown table cell or paragraph: `one_line` of it, with no markup, link or HTML."""
    return _MARKS.sub(r"\\\1", html.escape(one_line(text, longest), quote=False))


def breakable(markdown: str) -> str:
    """Escaped text that may be broken after the marks inside a name such as `judge.thresholds.valid=5`: the text
    column of Prefect's newer UI is narrow, and a table with long words runs out of it."""
    return re.sub(r"((?:\\?[._:/])+)(?=\w)", "\\1\u200b", markdown)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A Markdown table; all columns but the first `left` are aligned right. The cells are Markdown already."""
    lines = [header, [*[":--"] * left, *["--:"] * (len(header) - left)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def run_link(said: str, run_id: str) -> str:
    """A link from an artifact to the page of a run."""
    return f"[{said}]({_RUN_PAGE}{run_id})"


def artifact_key(*parts: str) -> str:
    """The parts as a key of a Prefect artifact, which takes small letters, digits and dashes only."""
    return re.sub("[^a-z0-9]", "-", "-".join(parts).lower())


def fenced(text: str) -> str:
    """Text as a code block that nothing in it can end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{visible(text.rstrip())}\n{fence}"
