"""The page of the project: experiments, tickets, messages, and a place to try a request. Start it with `make app`.

Runs on the local engine, and unchanged as Streamlit in Snowflake (docs/app.md). It reads the tables that runs write;
only Messages and Try it call models, and only when a button is pressed.
"""

from __future__ import annotations

import experiments
import messages
import streamlit as st
import tickets
import try_it
from look import guarded

st.set_page_config(page_title="Cortex Distill", layout="wide")
PAGES = [
    st.Page(guarded(experiments.page), title="Experiments", icon=":material/leaderboard:", url_path="", default=True),
    st.Page(guarded(tickets.page), title="Tickets", icon=":material/inbox:", url_path="tickets"),
    st.Page(guarded(messages.page), title="Messages", icon=":material/edit_note:", url_path="messages"),
    st.Page(guarded(try_it.page), title="Try it", icon=":material/quick_reference_all:", url_path="try-it"),
]
st.navigation(PAGES, position="sidebar").run()
