"""Which runs are meant: by the beginnings of their ids, by experiment or tag, or the newest of each config.

Without a word the runs of one job are meant, the newest run's: those with its categories. A simulated run is taken
only of a config that no other model has run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cortex_distill.answered import SIMULATED_SQL
from cortex_distill.comparison import MOST
from cortex_distill.errors import StepError
from cortex_distill.session import execute
from cortex_distill.sql import Sql
from cortex_distill.tables import THERE, complete_sql

if TYPE_CHECKING:
    from cortex_distill.session import Session


def pick_runs(session: Session, engine: str, ids: Sequence[str], experiment: str, tag: str) -> list[str]:
    """Full ids: those that were named, in that order, else the newest run of each config, newest last.

    Without experiment and tag only runs with the categories of the newest run are meant.

    At most MOST. Raises StepError if fewer than two are left, or if a beginning fits no run or several.
    """
    for statement in complete_sql(execute(session, Sql(THERE))):
        execute(session, Sql(statement))
    found = [_named(session, one) for one in ids] or _newest(session, engine, experiment, tag)
    found = list(dict.fromkeys(found))
    if len(found) < 2:
        of = f" of experiment '{experiment}'" * bool(experiment) + f" with tag '{tag}'" * bool(tag)
        of = of or " with the newest run's categories"
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
                SELECT e.run_id, e.ended_at FROM (
                    SELECT run_id, experiment, config_hash, MAX(created_at) AS ended_at,
                        {SIMULATED_SQL} AS is_simulated FROM EXPERIMENTS
                    WHERE engine = ? AND role = 'tuned student' AND (? = '' OR experiment = ?)
                        AND (? = '' OR ARRAY_CONTAINS(?::VARIANT, tags::ARRAY))
                    GROUP BY run_id, experiment, config_hash) e
                LEFT JOIN (
                    SELECT run_id, LISTAGG(category, '\n') WITHIN GROUP (ORDER BY category) AS labels
                    FROM CATEGORIES GROUP BY run_id) c ON c.run_id = e.run_id
                QUALIFY ROW_NUMBER() OVER (
                        PARTITION BY e.experiment, e.config_hash ORDER BY e.is_simulated, e.ended_at DESC, e.run_id) = 1
                    AND (? <> '' OR COALESCE(c.labels, '')
                        = FIRST_VALUE(COALESCE(c.labels, '')) OVER (ORDER BY e.ended_at DESC, e.run_id))
                ORDER BY e.ended_at DESC LIMIT {MOST}) ORDER BY ended_at""",
            (engine, experiment, experiment, tag, tag, experiment + tag),
        ),
    )
    return [str(run_id) for (run_id,) in rows]
