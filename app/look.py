"""What all pages share in looks: headings, empty states, and foreign text that stays text.

Foreign text (tickets, prompts, replies, names) goes only where Streamlit reads no Markdown: st.text, st.code, tables,
options of a list, charts. Headings and captions are this project's own words.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import streamlit as st

from door import Failed

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_ACTING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_STYLE = """<style>
.block-container {padding-top: 2.5rem; padding-bottom: 4rem; max-width: 1280px;}
@media (max-width: 1200px) {.block-container {padding-left: 2.5rem; padding-right: 2.5rem;}}
h1 {font-size: 1.9rem !important; font-weight: 650 !important; letter-spacing: -0.01em; padding-bottom: 0 !important;}
h3 {font-size: 1.1rem !important; font-weight: 600 !important;}
[data-testid="stText"] {white-space: pre-wrap; overflow-wrap: anywhere; font-family: inherit;}
[data-baseweb="tag"], [data-baseweb="tag"] span {max-width: none !important;}
.faint {color: #5c6370; font-size: 0.875rem; overflow-wrap: anywhere;}
[data-testid="stMetricValue"] {font-size: 1.5rem;}
</style>"""


def heading(title: str, about: str) -> None:
    """The top of a page, in this project's own words."""
    st.html(_STYLE)
    st.title(title)
    st.caption(about)


def empty(what: str, do: str, command: str = "") -> None:
    """What a page says where there is nothing to show: what is missing, and what to do now."""
    with st.container(border=True):
        st.markdown(f"**{what}**")
        st.caption(do)
        if command:
            st.code(command, language="bash")


def guarded(page: Callable[[], None]) -> Callable[[], None]:
    """The page, with a failing statement shown as a sentence and the engine's own words, never as a stack trace."""

    def shown() -> None:
        try:
            page()
        except Failed as failure:
            st.error("The engine refused a statement, or could not be reached. What it said:")
            st.code(one_line(str(failure), 600), language=None, wrap_lines=True)
            st.caption("If the engine was restarted, load the page again. If a right is missing, see docs/app.md.")

    shown.__name__ = page.__name__
    return shown


def one_line(text: object, longest: int = 120) -> str:
    """Foreign text on one line, at most `longest` characters; what would act instead of being seen becomes U+FFFD."""
    line = _UNSEEN.sub("\ufffd", " ".join(str(text or "").split()))
    return line if len(line) <= longest else line[: longest - 1] + "…"


def visible(text: object) -> str:
    """Foreign text as it is, with its line ends; what would act instead of being seen becomes U+FFFD."""
    return _ACTING.sub("\ufffd", str(text or ""))


def day(moment: Any) -> str:
    """`2026-11-27 16:35`, or nothing where there is no time."""
    return moment.strftime("%Y-%m-%d %H:%M") if isinstance(moment, datetime) else ""


def answered_by(served_by: object) -> str:
    """Who really answered, so that a local figure is never taken for Cortex's: a stand-in says so first."""
    name = str(served_by or "")
    if name.startswith("simulated"):
        return f"⚠️ simulated ({name})"
    return f"local model ({name})" if ":" in name else name or "unknown"


def caution(served_by: set[str], what: str = "figure") -> None:
    """One line above figures, or other answers, that are not Cortex's."""
    if any(name.startswith("simulated") for name in served_by):
        st.warning(f"Simulated models answered here: each {what} shows that the machinery works, and nothing else.")
    elif any(":" in name for name in served_by):
        st.info(f"Models on this machine answered: no {what} here is Cortex's.")


def faint(text: str) -> None:
    """Foreign text beside what matters, small and grey. It is HTML, not Markdown, so escaping it is enough."""
    st.html(f'<span class="faint">{html.escape(text)}</span>')
