"""The page of the project: experiments, tickets, messages, and a place to try a request. Start it with `make app`.

Runs on the local engine, and unchanged as Streamlit in Snowflake (docs/app.md). It reads the tables that runs write;
only Messages and Try it call models, and only when a button is pressed.
"""

from __future__ import annotations

import streamlit as st

import experiments
import messages
import tickets
import try_it
from look import guarded

st.set_page_config(page_title="Cortex Distill", layout="wide")
LOGO = """<svg xmlns="http://www.w3.org/2000/svg" width="210" height="32" viewBox="0 0 210 32">
<circle cx="12" cy="16" r="9" fill="#0072B2"/><circle cx="30" cy="16" r="5" fill="#0072B2" opacity="0.55"/>
<circle cx="41" cy="16" r="3" fill="#0072B2" opacity="0.3"/>
<text x="54" y="22" font-family="sans-serif" font-size="18" font-weight="600"
fill="#24292f">cortex-distill</text></svg>"""
PAGES = [
    st.Page(guarded(experiments.page), title="Experiments", icon=":material/leaderboard:", url_path="", default=True),
    st.Page(guarded(tickets.page), title="Tickets", icon=":material/inbox:", url_path="tickets"),
    st.Page(guarded(messages.page), title="Messages", icon=":material/edit_note:", url_path="messages"),
    st.Page(guarded(try_it.page), title="Try it", icon=":material/quick_reference_all:", url_path="try-it"),
]
st.logo(LOGO, size="large")
st.navigation(PAGES, position="sidebar").run()
