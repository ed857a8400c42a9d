"""The report of an inbox: says that nothing was sent, and shows hostile text as text."""

import re

import pytest
from markdown_it import MarkdownIt

from cortex_distill.funnel import Stage
from cortex_distill.ledger import Asked
from cortex_distill.message_summary import NOT_SENT, Duel, Kept, MessageSummary, Shown
from cortex_distill.report_messages import markdown
from flows import console
from flows.answering import show_messages
from tasks.report_messages import judged
from tests.hostile_strings import HOSTILE

UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def summary():
    """A summary with hostile text wherever text is free."""
    marked = [Shown(t, "plain", t, "email", t, f"{t}\n{t}", 3, f"flagged; placeholder: {t}") for t in HOSTILE]
    return MessageSummary(
        experiment="shoes",
        run_id="0b199536-43a3-4026-93c5-4ce4b14dd0e6",
        engine="local",
        inbox=" ".join(HOSTILE[:20]),
        student=" ".join(HOSTILE[20:40]),
        stages=[Stage("in the inbox", 9, ""), Stage("written", 8, "1 without an answer")],
        same_id=1,
        by_category=[(text, 2) for text in HOSTILE],
        kept=[Kept("plain", "email", 9, 5, 2, 1, 1, 3, 100, 140, 61.5)],
        compared=judged([Duel("plain", "warm", 3, 2, 5, 12, 1, 1, 0)]),
        examples=marked[:3],
        marked=marked,
        calls=[Asked("messages", "m", 9, 4, 1, 10, 20, 1.0, "R"), Asked("shorten", "m", 3, 3, 0, 10, 20, 1.0, "R")],
        spent=[],
        served_by=["simulated:strong"],
        redacted=["email"],
        prompts={"plain": "\n".join(HOSTILE)},
        model="m",
    )


def test_the_report_says_that_nothing_was_sent_and_counts(summary):
    page = markdown(summary)
    assert page.startswith("⚠️ **Simulated models answered")
    assert f"{NOT_SENT}." in page
    counts = "5 ok, 2 too long, 1 flagged, 1 without an answer; 7 model calls; nothing was sent"
    assert summary.headline == f"9 messages to {2 * len(HOSTILE)} tickets: {counts}"
    assert "| plain | email | 9 | 5 | 2 | 1 | 1 | 3 | 100 | 140 | 61.5 |" in page
    assert "no difference shown between plain and warm" in page


def test_hostile_text_is_shown_as_text(summary):
    page = markdown(summary)
    said = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(page)
    assert not set(re.findall(r"<\s*(/?[a-z!?][\w-]*)", said)) & {"script", "style", "b", "svg", "!--", "?xml"}
    assert all(re.match(r"data:image/|\.\./", one) for one in re.findall(r'(?:href|src)="([^"]*)"', said))
    assert not UNSEEN.search(page)


def test_the_terminal_gets_no_control_character(summary, capsys, monkeypatch):
    monkeypatch.setattr(console, "console", console.Screen(width=120))
    show_messages(summary)
    shown = capsys.readouterr().out
    assert "nothing was sent" in shown
    assert not UNSEEN.search(shown)
