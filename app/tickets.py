"""Page Tickets: what was written or read, how it was rated, what was dropped and why, and twins side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

import picks
import ticket_rows
from door import Row
from look import empty, heading, one_line, visible
from ticket_rows import PAGE, STATES, Wanted

TWIN = "A twin is another ticket that says nearly the same."


def page() -> None:
    """The page."""
    heading("Tickets", "Each ticket of a run, with the judge's rating and the reason if it was dropped.")
    wanted = _filters()
    if wanted is None:
        return
    counts = ticket_rows.counts(wanted)
    for column, (name, title) in zip(
        st.columns(4), {"tickets": "Tickets", "kept": "Kept", "dropped": "Dropped", "twins": "With a twin"}.items(),
        strict=True,
    ):  # fmt: skip
        column.metric(title, f"{int(counts[name] or 0):,}", help=TWIN if name == "twins" else None)
    if not counts["tickets"]:
        empty("No ticket fits these filters.", "Set one of the filters above back to all.")
        return
    found = ticket_rows.page_of(wanted, _page_number(int(counts["tickets"]), wanted))
    table = pd.DataFrame(map(_table_row, found)).dropna(axis="columns", how="all")
    texts = table.select_dtypes("object").columns
    table[texts] = table[texts].fillna("")
    st.dataframe(table, hide_index=True, width="stretch", column_config=_columns())
    _reasons(wanted)
    _one(found)
    _twins(found)


def _filters() -> Wanted | None:
    having = ticket_rows.runs_with_tickets()
    labels = {run["run_id"]: picks.run_label(run) for run in picks.runs() if run["run_id"] in having}
    unfinished = {run_id: f"not finished · {picks.short(run_id)}" for run_id in sorted(having - labels.keys())}
    labels |= unfinished
    if not labels:
        picks.no_runs()
        return None
    run_id = picks.choose_run(labels, "tickets_run")
    choices = ticket_rows.choices(run_id)
    (one, two, three), (four, five) = st.columns(3), st.columns([1, 2])
    state = one.selectbox("State", list(STATES), key="tickets_state")
    category = two.selectbox("Category", ["", *choices["category"]], format_func=_all, key="tickets_category")
    split = three.selectbox("Split", ["", *choices["split"]], format_func=_all, key="tickets_split")
    step = four.selectbox("Dropped by", ["", *choices["step"]], format_func=_all, key="tickets_step")
    text = five.text_input("Request contains", key="tickets_text")
    return Wanted(run_id, state, category, split, step, text)


def _all(choice: str) -> str:
    return one_line(choice, 60) or "all"


def _page_number(tickets: int, wanted: Wanted) -> int:
    """The page to show, from 0; other filters begin with the first."""
    pages = (tickets - 1) // PAGE + 1
    if st.session_state.get("tickets_wanted") != wanted:
        st.session_state["tickets_wanted"], st.session_state["tickets_page"] = wanted, 1
    st.session_state["tickets_page"] = min(st.session_state.get("tickets_page", 1), pages)
    if pages == 1:
        return 0
    left, right = st.columns([1, 5], vertical_alignment="bottom")
    number = int(left.number_input(f"Page, of {pages}", 1, pages, key="tickets_page"))
    right.caption(f"Tickets {(number - 1) * PAGE + 1:,} to {min(number * PAGE, tickets):,} of {tickets:,}")
    return number - 1


def _table_row(ticket: Row) -> dict[str, Any]:
    return {
        "Category": ticket["category"],
        "Request": one_line(ticket["request"], 400),
        **{one_line(name, 40): _cell(value) for name, value in _object(ticket["rating"]).items()},
        "Kept": ticket["kept"],
        "Dropped because": one_line(ticket["dropped_because"], 200) or None,
        "Split": ticket["split"],
        "Round": ticket["round"],
        "Like twin": ticket["similarity"],
        "Ticket": ticket["ticket_id"],
    }


def _columns() -> dict[str, Any]:
    return {
        "Request": st.column_config.TextColumn(width=330),
        "Like twin": st.column_config.NumberColumn(
            format="%.2f", help="How alike the ticket and its twin are, 0 to 1."
        ),
    }


def _object(text: str | None) -> Mapping[str, Any]:
    """The judge's rating or the attributes of a ticket; empty if there are none."""
    read = json.loads(text) if text else None
    return read if isinstance(read, dict) else {}


def _cell(value: Any) -> float | str:
    """A rating as a number, anything else as text, so that a column is of one kind."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else one_line(value, 60)


def _reasons(wanted: Wanted) -> None:
    found = ticket_rows.reasons(wanted)
    if found:
        with st.expander("Why tickets were dropped"):
            table = [{"Reason": one_line(row["reason"], 300), "Tickets": row["tickets"]} for row in found]
            st.dataframe(pd.DataFrame(table), hide_index=True, width="stretch")


def _one(found: list[Row]) -> None:
    st.subheader("One ticket")
    ticket = st.selectbox("Ticket of this page", found, format_func=_name, key="tickets_one")
    with st.container(border=True):
        _ticket(ticket["category"], ticket["request"], ticket["scenario"])
        told = {**_object(ticket["rating"]), **_object(ticket["attributes"])}
        told |= {"vote": ticket["vote"]} if ticket["vote"] else {}
        told |= {"dropped because": ticket["dropped_because"]} if ticket["dropped_because"] else {}
        if told:
            st.text("\n".join(f"{one_line(name, 60)}: {one_line(value, 300)}" for name, value in told.items()))


def _name(ticket: Row) -> str:
    return f"{one_line(ticket['category'], 30)} · {one_line(ticket['request'], 80)}"


def _twins(found: list[Row]) -> None:
    twins = [ticket for ticket in found if ticket["duplicate_of"]]
    if not twins:
        return
    st.subheader("Twins on this page")
    for ticket in twins:
        with st.container(border=True):
            left, right = st.columns(2)
            with left:
                st.caption("This ticket")
                _ticket(ticket["category"], ticket["request"], None)
            with right:
                alike = f", {ticket['similarity']:.2f} alike" if ticket["similarity"] is not None else ""
                st.caption(f"Its twin{alike}{', kept' if ticket['twin_kept'] else ''}")
                if ticket["twin_request"] is None:
                    st.text(f"Not in this run: {one_line(ticket['duplicate_of'], 80)}")
                else:
                    _ticket(ticket["twin_category"], ticket["twin_request"], None)


def _ticket(category: object, request: object, scenario: object) -> None:
    st.text(f"[{one_line(category, 80)}]  {one_line(scenario, 200)}".rstrip())
    st.text(visible(request))
