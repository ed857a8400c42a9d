"""The flow behind `distill ablate`: the same experiment three times, with other rows for the student to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from cortex_distill.summary import Summary
from flows.distill import distill, open_run
from tasks.ablation import compare_students

LEARNS_FROM = {"tickets": "tickets of the run", "examples": "the examples alone", "both": "both"}


def run_name() -> str:
    """The experiment, and that this is no run of its own."""
    return f"{Path(flow_run.parameters['config']).stem}, ablation on {flow_run.parameters['engine']}"


@flow(name="ablate", flow_run_name=run_name)
def ablate(config: str, engine: str = "local", overrides: dict[str, Any] | None = None) -> State[Any]:
    """Train on the run's tickets, on the examples, on both, and compare. What was answered is not asked again."""
    found: dict[str, Summary] = {}
    for rows, name in LEARNS_FROM.items():
        summary: Any = distill(config, engine, {**(overrides or {}), "fine_tune.rows": rows})
        found[name] = summary  # a flow that returns a state gives back its data
    with open_run(config, engine, overrides) as run:
        ablation = compare_students(run, found)
    best = max(ablation.students, key=lambda student: student.score.accuracy)
    message = f"best with {best.learnt_from}: {best.score.figure}, n = {best.score.n} ({ablation.evaluation_set})"
    return Completed(message=message, data=ablation)
