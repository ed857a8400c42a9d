"""Which runs are meant: by the beginnings of their ids, by experiment or tag, or the newest of each config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cortex_distill.comparison import MOST
from cortex_distill.errors import StepError
from cortex_distill.session import execute
from cortex_distill.sql import Sql
from cortex_distill.tables import THERE, complete_sql

if TYPE_CHECKING:
    from cortex_distill.session import Session


def pick_runs(session: Session, engine: str, ids: Sequence[str], experiment: str, tag: str) -> list[str]:
    """Full ids: those that were named, in that order, else the newest run of each config, newest last.

    At most MOST. Raises StepError if fewer than two are left, or if a beginning fits no run or several.
    """
    for statement in complete_sql(execute(session, Sql(THERE))):
        execute(session, Sql(statement))
    found = [_named(session, one) for one in ids] or _newest(session, engine, experiment, tag)
    found = list(dict.fromkeys(found))
    if len(found) < 2:
        of = f" of experiment '{experiment}'" * bool(experiment) + f" with tag '{tag}'" * bool(tag)
        raise StepError(
            f"a comparison needs two runs, found {len(found)}{of} on engine '{engine}' whose student was tuned;"
            " `distill show` lists the runs that there are"
        )
    if len(found) > MOST:
        raise StepError(f"{len(found)} runs are too many to compare at once; name at most {MOST} of them")
    return found


def _named(session: Session, beginning: str) -> str:
    rows = execute(
        session, Sql("SELECT DISTINCT run_id FROM EXPERIMENTS WHERE STARTSWITH(run_id, ?) LIMIT 3", (beginning,))
    )
    if len(rows) != 1 or not beginning:
        how = "fits no run" if not rows else "fits several runs"
        raise StepError(f"'{beginning}' {how} in EXPERIMENTS; `distill show` lists them")
    return str(rows[0][0])


def _newest(session: Session, engine: str, experiment: str, tag: str) -> list[str]:
    rows = execute(
        session,
        Sql(
            f"""SELECT run_id FROM (
                SELECT run_id, MAX(created_at) AS ended_at FROM EXPERIMENTS
                WHERE engine = ? AND role = 'tuned student' AND (? = '' OR experiment = ?)
                    AND (? = '' OR ARRAY_CONTAINS(?::VARIANT, tags::ARRAY))
                GROUP BY run_id, experiment, config_hash
                QUALIFY ROW_NUMBER() OVER (PARTITION BY experiment, config_hash ORDER BY ended_at DESC, run_id) = 1
                ORDER BY ended_at DESC LIMIT {MOST}) ORDER BY ended_at""",
            (engine, experiment, experiment, tag, tag),
        ),
    )
    return [str(run_id) for (run_id,) in rows]
