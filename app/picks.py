"""What the pages offer for choice, all of it asked of the engine: runs, aliases, categories, models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import streamlit as st

from door import Failed, Row, rows, rows_if_there
from look import day, empty, one_line

MOST_RUNS = 200
USABLE = ("GA", "PUPR", "LEGACY")  # lifecycle_status of SHOW CORTEX BASE MODELS; LEGACY for whoever used it before


class Source(NamedTuple):
    """A run, chosen by itself or by an alias that was promoted."""

    run_id: str
    label: str


def runs() -> list[Row]:
    """The newest runs: run_id, experiment, created_at, engine, and the tuned student's accuracy on the
    holdout (`held`) and on whatever else there is (`other`)."""
    return rows_if_there(
        f"""SELECT run_id, MIN(experiment) AS experiment, MIN(created_at) AS created_at, MIN(engine) AS engine,
            MAX(IFF(role = 'tuned student' AND evaluation_set = 'holdout', accuracy, NULL)) AS held,
            MAX(IFF(role = 'tuned student', accuracy, NULL)) AS other
        FROM EXPERIMENTS GROUP BY run_id ORDER BY MIN(created_at) DESC, run_id LIMIT {MOST_RUNS}"""
    )


def run_label(run: Row) -> str:
    """How a run is called in lists."""
    figure, where = (run["other"], "") if run["held"] is None else (run["held"], " on the holdout")
    tuned = "" if figure is None else f" · tuned {figure:.2f}{where}"
    return f"{short(run['run_id'])} · {one_line(run['experiment'], 40)} · {day(run['created_at'])}{tuned}"


def short(run_id: str) -> str:
    """The first eight letters of a run's id: enough to tell runs apart by eye."""
    return one_line(run_id, 200)[:8]


def worth_a_look(found: Sequence[Row]) -> list[str]:
    """Ids of runs, those first that people come for: runs with a tuned student, of the newest one's experiment."""
    ended = [run for run in found if run["other"] is not None]
    newest = ended[0]["experiment"] if ended else ""
    order = sorted(found, key=lambda run: (run["other"] is None, run["experiment"] != newest))
    return [str(run["run_id"]) for run in order]


def choose_run(labels: Mapping[str, str], key: str, first: str = "") -> str:
    """A list of runs, at least one, by their labels; the id of the chosen one, `first` until somebody chooses."""
    place = list(labels).index(first) if first in labels else 0
    chosen = st.selectbox("Run", list(labels), index=place, format_func=labels.__getitem__, key=key)
    return str(chosen)


def choose_ended(found: Sequence[Row], key: str) -> str:
    """Likewise of all runs; first the newest one that ended."""
    return choose_run({run["run_id"]: run_label(run) for run in found}, key, worth_a_look(found)[0])


def choose_source(key: str) -> Source | None:
    """A list of aliases and runs, newest first; None, with an empty state, if there is no run yet."""
    found = runs()
    if not found:
        no_runs()
        return None
    by_id = {run["run_id"]: run for run in found}
    named = [
        Source(row["run_id"], f"alias {one_line(row['alias'], 60)} → {run_label(by_id[row['run_id']])}")
        for row in rows_if_there(
            """SELECT alias, run_id FROM PROMOTIONS
            QUALIFY ROW_NUMBER() OVER (PARTITION BY alias ORDER BY promoted_at DESC) = 1 ORDER BY alias"""
        )
        if row["run_id"] in by_id
    ]
    sources = [*named, *(Source(run["run_id"], run_label(run)) for run in found)]
    chosen: Source = st.selectbox("Run or alias", sources, format_func=lambda source: source.label, key=key)
    return chosen


def no_runs() -> None:
    """The empty state of a schema in which nothing has run."""
    empty(
        "No run has written to this schema yet.",
        "Start one, then load this page again. Without an account it runs on this machine, with a small model.",
        "make demo",
    )


def categories(run_id: str) -> list[str]:
    """The run's categories, in the order of its file."""
    found = rows_if_there("SELECT category FROM CATEGORIES WHERE run_id = ? ORDER BY position, category", run_id)
    return [row["category"] for row in found]


def models() -> list[str]:
    """Models that can be called now: tuned ones of this schema first, then base models, else those of EXPERIMENTS."""
    tuned = [
        ".".join(row[part] for part in ("database_name", "schema_name", "name"))
        for row in _shown("SHOW MODELS")
        if row.get("model_type") == "CORTEX_FINETUNED"
    ]
    base = [
        str(row["name"]).lower()
        for row in _shown("SHOW CORTEX BASE MODELS IN SCHEMA SNOWFLAKE.MODELS")
        if row.get("lifecycle_status") in USABLE and _somewhere(row)
    ]
    if not base:
        known = rows_if_there("SELECT DISTINCT model FROM EXPERIMENTS WHERE role <> 'tuned student' ORDER BY model")
        base = [row["model"] for row in known]
    return [*tuned, *sorted(base)]


def _somewhere(row: Row) -> bool:
    """Whether a region offers it, this one or one across."""
    return any(str(row.get(where) or "[]") != "[]" for where in ("in_region_availability", "cross_region_availability"))


def _shown(command: str) -> list[Row]:
    try:
        return rows(command)
    except Failed:  # a role that may not list models may still call those that runs have named
        return []
