"""How a run is called in Prefect's lists: what it tries while it works, how well it did when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from cortex_distill.raw_data import is_secret

if TYPE_CHECKING:
    from cortex_distill.load import Experiment
    from cortex_distill.summary import Summary


def run_name() -> str:
    """Experiment, and what is special about this run."""
    parameters = flow_run.parameters
    return f"{tried(parameters)} on {parameters['engine']}"


def tried(parameters: Mapping[str, Any]) -> str:
    """`support_tickets judge.thresholds.valid=5`; what sounds like a secret is refused later, and not said here."""
    given = (parameters.get("overrides") or {}).items()
    special = [_said(key, value) for key, value in given]
    return " ".join([Path(parameters["config"]).stem, ", ".join(special)]).strip()


def _said(key: str, value: Any) -> str:
    if key == "refine" and isinstance(value, dict):
        pairs, after = value.get("pairs"), str(value.get("after") or "")
        return f"refined on {len(pairs) if isinstance(pairs, list) else 0} pairs{after and f' after {after[:8]}'}"
    return f"{key}={'…' if is_secret(key.split('.')[-1]) else value}"


def result_name(summary: Summary, what: str) -> str:
    """`0.730 support_tickets (+0.440 over base, holdout) on local`: sorted by name, a list of runs is a ranking.

    Of figures that nobody should rank beside others it says so: on which rows, and that models were simulated.
    """
    best = summary.best
    figures = f"{best['tuned student'].accuracy:.3f}" if "tuned student" in best else "not tuned"
    gain = ""
    if {"tuned student", "base student"} <= best.keys():
        gain = f"{best['tuned student'].accuracy - best['base student'].accuracy:+.3f} over base, "
    where = f"{summary.engine}, simulated" if summary.is_simulated else summary.engine
    return f"{figures} {what} ({gain}{summary.best_set}) on {where}"


def tags_of(experiment: Experiment, engine: str) -> list[str]:
    """What runs can be found by, beside the tags that somebody gave: experiment, engine, models."""
    models = experiment.config.models
    said = (experiment.config.name, f"engine:{engine}", f"teacher:{models.teacher}", f"student:{models.student}")
    return sorted({*flow_run.tags, *said})


def rename(name: str | None = None, tags: list[str] | None = None) -> None:
    """Give the current flow run a name or tags; Prefect has no other way to do so while it runs."""
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(str(flow_run.id)), name=name, tags=tags)
