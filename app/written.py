"""The part of the page Messages that shows what the messages flow wrote, with its flags."""

from __future__ import annotations

import json

import streamlit as st

import letters
import message_rows
from door import Row
from look import answered_by, caution, empty, faint, one_line, visible

PAGE = message_rows.PAGE


def written_by_the_flow(run_id: str) -> None:
    """The messages of this run's student, by category; keep or discard each."""
    counts = message_rows.written_counts(run_id)
    if not counts:
        empty("The messages flow has written nothing with the student of this run.",
              "Put a messages: section into the experiment file, then start the flow for an inbox.",
              "distill messages configs/inbox.yaml")  # fmt: skip
        return
    totals: dict[str, int] = {}
    for row in counts:
        totals[row["category"]] = totals.get(row["category"], 0) + int(row["messages"])
    category = st.selectbox("Category", list(totals), format_func=one_line, key="flow_category")
    pages = (totals[category] - 1) // PAGE + 1
    page = int(st.number_input(f"Page, of {pages}", 1, pages, key=f"flow_page_{pages}")) if pages > 1 else 1
    found = message_rows.written(run_id, category, page - 1)
    caution({str(row["served_by"] or "") for row in found}, "message")
    said = message_rows.decisions([row["completion_key"] for row in found if row["completion_key"]])
    for place, row in enumerate(found):
        with st.container(border=True):
            left, right = st.columns([2, 3])
            with left:
                st.caption("Request")
                st.text(visible(row["request"] or row["ticket_id"]))
            with right:
                _message(place, run_id, row, said.get(row["completion_key"]))


def _message(place: int, run_id: str, row: Row, decision: str | None) -> None:
    count = int(row["words"] or letters.words(row["message"] or ""))
    limit = f" of {int(row['most_words'])}" if row["most_words"] is not None else ""
    st.caption(f"{count} words{limit}{f' · **{decision}**' if decision in ('kept', 'discarded') else ''}")
    st.code(visible(row["message"]), language=None, wrap_lines=True)
    flags = json.loads(row["flags"] or "null") or {}
    found = [f"{name}: {value}" for name, value in flags.items() if value] if isinstance(flags, dict) else flags
    about = [row["channel"], row["variant"], row["status"], *map(str, found), answered_by(row["served_by"])]
    faint(" · ".join(one_line(part, 60) for part in about if part))
    keep, discard = st.columns(2)
    for column, label, word in ((keep, "Keep", "kept"), (discard, "Discard", "discarded")):
        if column.button(label, key=f"flow_{word}_{place}", disabled=decision == word, width="stretch"):
            message_rows.decide({**row, "run_id": run_id}, word)
            st.rerun()
