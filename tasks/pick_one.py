"""One run of an engine by the beginning of its id, or the newest whose student was tuned, as EXPERIMENTS has it.

In:   EXPERIMENTS
Out:  PickedRun
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from cortex_distill.errors import StepError
from cortex_distill.session import execute
from cortex_distill.sql import Sql
from cortex_distill.tables import create_sql

if TYPE_CHECKING:
    from cortex_distill.session import Session


class PickedRun(NamedTuple):
    """What EXPERIMENTS says of a run beside its figures."""

    run_id: str
    experiment: str
    engine: str
    config_hash: str
    git_commit: str
    config: Mapping[str, Any]


def pick_run(session: Session, engine: str, beginning: str) -> PickedRun:
    """The run whose id begins so; without a beginning the newest of this engine whose student was tuned.

    Raises StepError if none or several are meant.
    """
    execute(session, Sql(create_sql("EXPERIMENTS")))
    rows = execute(session, named_sql(beginning) if beginning else newest_sql(engine))
    if rows and rows[0][0] == beginning:  # an id as a whole, and another one goes on after it
        rows = rows[:1]
    if len(rows) != 1:
        what = f"run '{beginning}': " if beginning else f"engine '{engine}': "
        how = f"{len(rows)} runs begin so; write more of the id" if rows else "EXPERIMENTS has no such run"
        raise StepError(f"{what}{how}; `distill show` lists the runs")
    *head, config = rows[0]
    return PickedRun._make((*(str(cell or "") for cell in head), json.loads(config)))


_HEAD = """run_id, ANY_VALUE(experiment), ANY_VALUE(engine), ANY_VALUE(config_hash), ANY_VALUE(git_commit),
    TO_JSON(ANY_VALUE(config))"""


def named_sql(beginning: str) -> Sql:
    """At most three runs, so that several are seen to be several."""
    return Sql(
        f"SELECT {_HEAD} FROM EXPERIMENTS WHERE STARTSWITH(run_id, ?) GROUP BY run_id ORDER BY run_id LIMIT 3",
        (beginning.lower(),),
    )


def newest_sql(engine: str) -> Sql:
    """The one that recorded a tuned student last."""
    return Sql(
        f"""SELECT {_HEAD} FROM EXPERIMENTS WHERE engine = ? AND role = 'tuned student'
        GROUP BY run_id ORDER BY MAX(created_at) DESC, run_id LIMIT 1""",
        (engine,),
    )
