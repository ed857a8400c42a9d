"""The parts of the page Experiments about one run: what was confused with what, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

import experiment_rows
import picks
import plots
from door import Row
from look import answered_by, caution, empty, one_line


def confusion(found: Sequence[Row]) -> None:
    """The matrix of one model with one prompt on one evaluation set."""
    left, right = st.columns(2)
    with left:
        run_id = picks.choose_ended(found, "matrix_run")
    arms = experiment_rows.arms(run_id)
    arm = right.selectbox("Model and prompt", arms, format_func=_arm, key="matrix_arm")
    cells = experiment_rows.confusion(run_id, arm["role"], arm["variant"], arm["evaluation_set"])
    if not cells:
        empty(
            "This run has no predictions in this schema.", "Run it again: what was answered before is not asked again."
        )
        return
    caution({str(arm["served_by"])})
    st.altair_chart(plots.matrix(cells, _ordered(run_id, cells)), width="stretch")


def _ordered(run_id: str, cells: list[Row]) -> list[str]:
    seen = [cell[side] for cell in cells for side in ("category", "prediction") if cell[side]]
    return list(dict.fromkeys([*picks.categories(run_id), *seen]))


def _arm(arm: Row) -> str:
    name = f"{arm['evaluation_set']} · {arm['role']}, {one_line(arm['variant'], 40)}"
    return f"{name} · {arm['accuracy']:.2f}, n = {arm['n']}"


def cost(found: Sequence[Row]) -> None:
    """Calls, tokens and credits of one run, beside what was planned."""
    run_id = picks.choose_ended(found, "cost_run")
    calls, plan = experiment_rows.calls_of(run_id), experiment_rows.plan_of(run_id)
    caution({str(row["served_by"]) for row in calls})
    paid = [float(arm["credits"]) for arm in experiment_rows.arms(run_id) if arm["credits"] is not None]
    planned = sum(float(row["credits"]) for row in plan if row["credits"] is not None)
    tokens = sum(int(row[kind] or 0) for row in calls for kind in ("prompt_tokens", "completion_tokens"))
    beside = st.container(horizontal=True, gap="large")  # breaks where the window is narrow
    beside.metric("Calls made", f"{sum(int(row['calls']) for row in calls):,}", width="content")
    beside.metric("Tokens", f"{tokens:,}", width="content")
    beside.metric(
        "Credits of its scores",
        f"{sum(paid):.4f}" if paid else "none",
        help="As recorded; none where models on a machine answered.",
        width="content",
    )
    beside.metric(
        "Plan on Cortex",
        f"{planned:.4f}" if planned else "no price",
        help="From PLANS: as if every ticket were kept.",
        width="content",
    )
    counts = ("Calls", "Failed", "Tokens", "Prompt tokens", "Reply tokens")
    columns = {name: st.column_config.NumberColumn(format="localized") for name in counts}
    st.subheader("Calls that this run made")
    if calls:
        table = pd.DataFrame(map(_call_row, calls))
        st.dataframe(table, hide_index=True, width="stretch", column_config=columns)
    else:
        empty("This run made no call.", "Other runs had all its answers before, so they cost nothing again.")
    if plan:
        st.subheader("What was planned")
        table = pd.DataFrame(map(_plan_row, plan))
        st.dataframe(table, hide_index=True, width="stretch", column_config=columns)


def _call_row(row: Row) -> dict[str, Any]:
    names = {"step": "Step", "model": "Model", "calls": "Calls", "failed": "Failed"}
    told = {shown: row[name] for name, shown in names.items()}
    tokens = {"Prompt tokens": row["prompt_tokens"], "Reply tokens": row["completion_tokens"]}
    return {"Answered by": answered_by(row["served_by"]), **told, **tokens}


def _plan_row(row: Row) -> dict[str, Any]:
    credits = "no price" if row["credits"] is None else f"{float(row['credits']):.4f}"
    names = {"step": "Step", "model": "Model", "calls": "Calls", "tokens": "Tokens"}
    return {shown: row[name] for name, shown in names.items()} | {"Credits on Cortex": credits}
