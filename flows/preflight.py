"""The preflight of a run without a run, for `distill validate --engine`: nothing is asked of a model."""

from __future__ import annotations

from typing import NamedTuple
from uuid import uuid4

from cortex_distill.findings import problems, warnings
from cortex_distill.load import Experiment
from cortex_distill.run import Run
from cortex_distill.session import open_session
from flows.starting import quiet_prefect


class Looked(NamedTuple):
    """What was found, a line each."""

    warnings: list[str]
    problems: list[str]


def look(experiment: Experiment, engine: str) -> Looked:
    """Open a session and look. Raises SetupError if there is no session, SqlError if the account does not answer."""
    quiet_prefect()
    from tasks.preflight import findings, lines  # noqa: PLC0415  after Prefect's settings

    session = open_session(engine)
    try:
        run = Run(session, str(uuid4()), experiment, engine)
        found = findings(run)
        return Looked(lines(run, warnings(found)), lines(run, problems(found)))
    finally:
        session.close()
