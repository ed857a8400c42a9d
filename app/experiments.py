"""Page Experiments: who is best, by how much, at what cost; runs side by side; what was confused with what."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

import experiment_rows
import picks
import plots
import run_parts
from door import Row
from look import answered_by, caution, day, empty, heading, one_line

CHARTED = 20  # scores in one chart; the table has all
LEAST, MOST = 2, 5  # runs that can be compared
NAMES = {"experiment": "Experiment", "engine": "Engine", "role": "Role", "variant": "Variant"} | {
    "evaluation_set": "Evaluation set",
    "tag": "Tag",
}


def page() -> None:
    """The page."""
    heading("Experiments", "Every score that runs have recorded, with its 95 % interval and the rows behind it.")
    found = picks.runs()
    if not found:
        picks.no_runs()
        return
    board, compare, matrix, cost = st.tabs(["Leaderboard", "Compare runs", "Confusion", "Cost"])
    with board:
        _leaderboard()
    with compare:
        _compare(found)
    with matrix:
        run_parts.confusion(found)
    with cost:
        run_parts.cost(found)


def _leaderboard() -> None:
    choices = experiment_rows.choices()
    wanted: dict[str, list[str]] = {}
    places = [*st.columns(3), *st.columns(3)]  # six beside each other leave no room for a word in a narrow window
    for column, (name, options) in zip(places, choices.items(), strict=True):
        wanted[name] = column.multiselect(NAMES[name], options, key=f"board_{name}", placeholder="all")
    scores = experiment_rows.leaderboard(wanted)
    if not scores:
        empty("No score fits these filters.", "Take one of the filters above away.")
        return
    caution({str(score["served_by"]) for score in scores})
    sets = list(dict.fromkeys(score["evaluation_set"] for score in scores))
    shown = st.selectbox("Chart of", sets, key="board_set") if len(sets) > 1 else sets[0]
    charted = [{**score, "label": _label(score)} for score in scores if score["evaluation_set"] == shown]
    st.altair_chart(plots.intervals(charted[:CHARTED]), width="stretch")
    if len(charted) > CHARTED:
        st.caption(f"The best {CHARTED} of {len(charted)}; the table has all.")
    st.dataframe(pd.DataFrame(map(_board_row, scores)), hide_index=True, width="stretch", column_config=_columns())
    if len(scores) == experiment_rows.MOST:
        st.caption(f"The first {experiment_rows.MOST} scores; the filters above reach the others.")


def _label(score: Row) -> str:
    name = f"{score['role']}" if score["role"] == "tuned student" else f"{score['role']}, {score['variant']}"
    return f"{picks.short(score['run_id'])} · {one_line(name, 38)}"


def _board_row(score: Row) -> dict[str, Any]:
    return {
        "Role": score["role"],
        "Variant": score["variant"],
        "Accuracy": score["accuracy"],
        "95 % from": score["accuracy_low"],
        "to": score["accuracy_high"],
        "n": score["n"],
        "Set": score["evaluation_set"],
        "Run": picks.short(score["run_id"]),
        "Experiment": one_line(score["experiment"], 60),
        "Answered by": answered_by(score["served_by"]),
        "Macro F1": score["macro_f1"],
        "Off-list": score["off_list"],
        "Unanswered": score["unanswered"],
        "Model": score["model"],
        "Tokens": (score["prompt_tokens"] or 0) + (score["completion_tokens"] or 0),
        "Credits": score["credits"],
        "At": day(score["created_at"]),
    }


def _columns() -> dict[str, Any]:
    share = {name: st.column_config.NumberColumn(format="%.2f") for name in ("95 % from", "to", "Macro F1")}
    accuracy = st.column_config.ProgressColumn(format="%.2f", min_value=0.0, max_value=1.0, width="medium")
    whole = {name: st.column_config.NumberColumn(format="localized") for name in ("n", "Tokens")}
    credits = st.column_config.NumberColumn(
        format="%.4f", help="Empty where models on a machine answered: those cost none."
    )
    return {**share, **whole, "Accuracy": accuracy, "Credits": credits}


def _compare(found: list[Row]) -> None:
    labels = {run["run_id"]: picks.run_label(run) for run in found}
    first = picks.worth_a_look(found)[:LEAST]
    name = f"Runs to compare ({LEAST} to {MOST})"
    chosen = st.multiselect(
        name, list(labels), default=first, format_func=labels.__getitem__, max_selections=MOST, key="runs"
    )
    if len(chosen) < LEAST:
        empty(
            f"Choose at least {LEAST} runs.",
            "With one run only in the list, start another, with one value changed.",
            "distill run configs/support_tickets.yaml --set judge.thresholds.valid=5",
        )
        return
    sets = list(dict.fromkeys(row["evaluation_set"] for run in chosen for row in experiment_rows.arms(run)))
    evaluation_set = st.selectbox("Evaluation set", sets, key="compare_set")
    scores = experiment_rows.scores_of(chosen, evaluation_set)
    caution({str(score["served_by"]) for score in scores})
    arms = dict.fromkeys((score["role"], score["variant"]) for score in scores)
    cells = {(score["role"], score["variant"], score["run_id"]): _figures(score) for score in scores}
    days = {run["run_id"]: day(run["created_at"]) for run in found}
    heads = {run: f"{picks.short(run)} · {days[run]}" for run in chosen}
    table = [
        {"Role": role, "Variant": variant} | {heads[run]: cells.get((role, variant, run), "–") for run in chosen}
        for role, variant in arms
    ]
    st.dataframe(pd.DataFrame(table), hide_index=True, width="stretch")
    st.altair_chart(plots.intervals([{**score, "label": _label(score)} for score in scores]), width="stretch")
    st.caption(
        "All answered the same rows, so intervals that overlap do not decide: `distill compare` tests runs in pairs on"
        " the rows they share."
    )
    st.subheader("What differs between the files")
    differences = experiment_rows.config_differences(chosen)
    if differences:
        renamed = [{"Key": row["key"]} | {heads[run]: one_line(row[run], 400) for run in chosen} for row in differences]
        st.dataframe(pd.DataFrame(renamed), hide_index=True, width="stretch")
    else:
        st.caption("Nothing: every setting is the same.")


def _figures(score: Row) -> str:
    low, high = score["accuracy_low"], score["accuracy_high"]
    return f"{score['accuracy']:.2f} ({low:.2f}–{high:.2f}), n = {score['n']}"
