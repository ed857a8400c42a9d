"""Page Try it: type a request, and see what base student, tuned student and teacher of a run answer, side by side."""

from __future__ import annotations

import json

import streamlit as st

import calls
import picks
from calls import Reply
from door import Failed
from frames import Frame, frames
from look import answered_by, caution, empty, faint, heading, one_line, visible

ROLES = ("base student", "tuned student", "teacher")
FIRST = "My phone was stolen on the train, what should I do?"


def page() -> None:
    """The page."""
    heading("Try it", "One request, three models: each is asked with the very prompt of the run that you choose.")
    source = picks.choose_source("try_source")
    if source is None:
        return
    known = frames(source.run_id)
    if not known:
        empty("This run has no prompts in the ledger of this schema.", "Choose another run, or run it again.")
        return
    variants = list(dict.fromkeys(frame.variant for frame in known if frame.role != "tuned student"))
    variant = (
        st.selectbox("Prompt variant of base student and teacher", variants, key="try_variant") if variants else ""
    )
    request = st.text_area("Request", FIRST, height=100, key="try_request", max_chars=4000)
    asked = [frame for role in ROLES for frame in known if frame.role == role and frame.variant in (variant, "tuned")]
    if not request.strip():
        st.caption("Type a request first.")
        return
    estimated = st.empty()
    if st.button("Ask", type="primary", key="try_ask"):
        _ask(asked, request)
    estimated.caption(_estimate([calls.estimate(frame.question, [frame.prompt(request)]) for frame in asked]))
    _answers(asked, request)


def _estimate(expected: list[calls.Estimate]) -> str:
    number, free = sum(one.calls for one in expected), sum(one.free for one in expected)
    if not number:
        return "All are answered already: asking again costs nothing"
    answered = f", {free} already answered and free" if free else ""
    price = _price([one.credits for one in expected if one.calls])
    return f"Estimate: {number} call{'' if number == 1 else 's'}{answered} · {price}"


def _price(credits: list[float | None]) -> str:
    known = [one for one in credits if one is not None]
    part = f"at most {sum(known):.6f} credits on Cortex" if known else ""
    missing = len(credits) - len(known)
    return " and ".join(filter(None, [part, f"no price known for {missing} of them" if missing else ""]))


def _ask(asked: list[Frame], request: str) -> None:
    bar = st.progress(0.0, "Asking …")
    for done, frame in enumerate(asked):
        try:
            calls.ask(frame.question, [frame.prompt(request)], lambda _done, _all: None)
        except Failed as failure:  # one model that is gone hides no answer of the others
            st.warning(f"The {frame.role} could not be asked. The engine said:")
            st.code(one_line(str(failure), 400), language=None, wrap_lines=True)
        bar.progress((done + 1) / len(asked), f"{done + 1} of {len(asked)} asked")
    bar.empty()


def _answers(asked: list[Frame], request: str) -> None:
    replies = [calls.replies(frame.question, [frame.prompt(request)])[0] for frame in asked]
    caution({reply.served_by for reply in replies}, "answer")
    for column, frame, reply in zip(st.columns(len(asked)), asked, replies, strict=True):
        with column, st.container(border=True):
            st.subheader(frame.role.capitalize())
            _answer(reply)
            faint(f"{one_line(frame.question.model, 80)} · {one_line(frame.variant, 40)}")
            if reply.text is not None:
                faint(f"answered by {answered_by(reply.served_by)} · {reply.tokens} tokens")
            with st.expander("Its prompt"):
                st.code(visible(frame.prompt(request)), language=None, wrap_lines=True)


def _answer(reply: Reply) -> None:
    if reply.text is not None:
        st.code(visible(_label(reply.text)) or " ", language=None, wrap_lines=True)
    elif reply.error:
        st.text(f"No answer: {one_line(reply.error, 200)}")
    else:
        st.caption("Not asked yet.")


def _label(text: str) -> str:
    """The category of a constrained answer, which is JSON; any other answer as it is."""
    try:
        read = json.loads(text)
    except ValueError:
        return text
    return str(read["category"]) if isinstance(read, dict) and "category" in read else text
