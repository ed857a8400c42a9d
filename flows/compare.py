"""The flow that compares runs: by id, by experiment or tag, or the newest of each config."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from cortex_distill.comparison import TUNED
from cortex_distill.session import open_session
from tasks.compare import compare_runs
from tasks.pick import pick_runs

KEY = "comparison"


def run_name() -> str:
    """What is compared."""
    given = flow_run.parameters
    ids = ", ".join(run_id[:8] for run_id in given.get("runs") or ())
    what = ids or " ".join(f"{key} {given[key]}" for key in ("experiment", "tag") if given.get(key))
    return f"compare {what or 'the newest of each config'} on {given['engine']}"


@flow(name="compare", flow_run_name=run_name)
def compare(
    runs: list[str] | None = None, experiment: str = "", tag: str = "", engine: str = "local", role: str = TUNED
) -> State[Any]:
    """Compare runs of one engine; the artifact `comparison` shows them.

    Args:
        runs: Their ids, or the beginnings of these; without any, the newest run of each config of the
            experiment or with the tag; without these, too, of those with the categories of the newest run.
        experiment: Its name in the file, for its newest runs.
        tag: One of `tags:` in the file, for the newest runs that have it.
        engine: local, a connection name of connections.toml, or block:<name> for a block of Prefect's.
        role: Whose answers are tested: those of `tuned student`, or with their prompts `base student` or `teacher`.
    """
    session = open_session(engine)
    try:
        ids = pick_runs(session, engine, runs or [], experiment, tag)
        what = experiment or (f"runs with tag {tag}" if tag else f"{len(ids)} runs")
        found = compare_runs(session, engine, ids, title=f"{what}, compared", key=KEY, role=role)
    finally:
        session.close()
    return Completed(message=found.headline, data=found)
