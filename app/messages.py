"""Page Messages: write an email or a text for tickets of a category, look at each, keep or discard it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import calls
import letters
import message_rows
import picks
from calls import Question, Reply
from door import Row
from look import answered_by, caution, day, empty, faint, heading, one_line, visible
from written import written_by_the_flow

MOST = 20  # tickets for which messages are written at once
LONGEST = {"email": 400, "text": 120}  # tokens of a reply


def page() -> None:
    """The page."""
    heading("Messages", "Drafts for tickets that a run's student has classified. Nothing is sent to anyone.")
    source = picks.choose_source("messages_source")
    if source is None:
        return
    write, flow, kept = st.tabs(["Write", "Written by the messages flow", "Kept"])
    with write:
        _write(source.run_id)
    with flow:
        written_by_the_flow(source.run_id)
    with kept:
        _kept(source.run_id)


def _write(run_id: str) -> None:
    arm = message_rows.classifier(run_id)
    categories, models = picks.categories(run_id), picks.models()
    if arm is None or not categories or not models:
        empty("This run has nothing to write about yet.", "Wait until it has ended, or choose another one.")
        return
    (one, two), (three, four) = st.columns(2), st.columns(2)
    category = one.selectbox("Category", categories, format_func=one_line, key="messages_category")
    model = two.selectbox("Model", models, index=_first(models, run_id), key="messages_model")
    channel = three.selectbox("Channel", list(letters.WORDS), key="messages_channel")
    most = int(four.number_input("Tickets, at most", 1, MOST, 3, key="messages_most"))
    prompt = st.text_area("Prompt", letters.DEFAULTS[channel], height=170, key=f"messages_prompt_{channel}",
                          help="{{ request }} and {{ category }} stand for those of each ticket.")  # fmt: skip
    if unknown := letters.unknown_names(prompt):
        st.error(f"The prompt can name request and category only; {len(unknown)} other name(s) stand in double braces:")
        st.text(", ".join(unknown))
        return
    found = message_rows.tickets(run_id, arm, category, most)
    if not found:
        empty(f"The {arm['role']} put no ticket into this category.", "Choose another category or run.")
        return
    question = Question(model, {"temperature": 0, "max_tokens": LONGEST[channel]})
    prompts = [letters.filled(prompt, {"request": ticket["request"] or "", "category": category}) for ticket in found]
    estimated = st.empty()
    if st.button(f"Write {len(found)} message{'s' if len(found) > 1 else ''}", type="primary", key="messages_write"):
        bar = st.progress(0.0, "Asking …")

        def told(done: int, all_: int) -> None:
            bar.progress(done / max(all_, 1), f"{done} of {all_} answered")

        calls.ask(question, prompts, told)
        bar.empty()
    estimated.caption(_estimate(calls.estimate(question, prompts)))
    about = {"run_id": run_id, "category": category, "channel": channel, "model": model}
    _drafts([{**ticket, **about} for ticket in found], calls.replies(question, prompts))


def _first(models: list[str], run_id: str) -> int:
    """The place of the run's teacher, since a small tuned student writes no letters; else the first."""
    teachers = [arm["model"] for arm in message_rows.teachers(run_id)]
    return next((n for n, model in enumerate(models) if model in teachers), 0)


def _estimate(expected: calls.Estimate) -> str:
    if not expected.calls:
        return f"All {expected.free} are answered already: writing again costs nothing"
    tokens = "not counted for this model" if expected.tokens is None else f"{expected.tokens:,} prompt tokens"
    price = "no price known" if expected.credits is None else f"at most {expected.credits:.5f} credits on Cortex"
    free = f", {expected.free} already answered and free" if expected.free else ""
    return f"Estimate: {expected.calls} call{'' if expected.calls == 1 else 's'}{free} · {tokens} · {price}"


def _drafts(tickets: list[Row], replies: list[Reply]) -> None:
    made = [(ticket, reply) for ticket, reply in zip(tickets, replies, strict=True) if reply.text or reply.error]
    caution({reply.served_by for _, reply in made}, "message")
    said = message_rows.decisions([reply.key for _, reply in made])
    for place, (ticket, reply) in enumerate(made):
        with st.container(border=True):
            left, right = st.columns([2, 3])
            with left:
                st.caption("Request")
                st.text(visible(ticket["request"]))
            with right:
                draft(place, {**ticket, "completion_key": reply.key, "message": reply.text}, reply, said.get(reply.key))


def draft(place: int, made: Row, reply: Reply, decision: str | None) -> None:
    """One message, with its length, who wrote it, and what was decided."""
    if reply.text is None:
        st.warning("No message came. Write again to ask once more. The engine said:")
        st.text(one_line(reply.error, 300))
        return
    count, limit = letters.words(reply.text), letters.WORDS[made["channel"]]
    over = f" · over the limit of {limit}" if count > limit else f" of {limit}"
    st.caption(f"{count} words{over}{f' · **{decision}**' if decision in ('kept', 'discarded') else ''}")
    st.code(visible(reply.text), language=None, wrap_lines=True)
    faint(f"{one_line(made['model'], 80)}, answered by {answered_by(reply.served_by)}")
    keep, discard = st.columns(2)
    for column, label, word in ((keep, "Keep", "kept"), (discard, "Discard", "discarded")):
        chosen = column.button(label, key=f"{word}_{place}_{reply.key}", disabled=decision == word, width="stretch")
        if chosen:
            message_rows.decide(made, word)
            st.rerun()


def _kept(run_id: str) -> None:
    found = message_rows.kept(run_id)
    if not found:
        empty("No message of this run is kept yet.", "Write some on the first tab, and press Keep under the good ones.")
        return
    st.caption(f"The newest kept messages, at most {message_rows.PAGE}. All are in the table MESSAGE_DECISIONS.")
    table = [
        {"Category": row["category"], "Channel": row["channel"], "Message": row["message"], "Model": row["model"],
         "Ticket": row["ticket_id"], "Kept at": day(row["decided_at"])}
        for row in found
    ]  # fmt: skip
    st.dataframe(pd.DataFrame(table), hide_index=True, width="stretch")
