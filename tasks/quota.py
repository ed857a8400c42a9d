"""Steps 2 and 3, as often as it takes: each category is to end with its number of kept tickets.

In:   TICKETS (kept), generate.per_category, generate.rounds
Out:  one Round after the other. Nothing is written: what a round asks for follows from the tickets before it
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from cortex_distill.quotas import Quotas, lost_sql, quotas_of
from cortex_distill.rounds import Round, first_round, next_round
from cortex_distill.run import Run
from cortex_distill.session import SqlError
from cortex_distill.sql import Sql
from tasks.generate import Generated
from tasks.judge import UNREADABLE
from tasks.step import ON_CORTEX, log


def rounds(run: Run) -> Iterator[Round]:
    """The first round, then refills, as long as a category is short and generate.rounds allows.

    Whoever takes a round does all its steps before asking for the next one.
    """
    now = first_round(run.config)
    yield now
    most = run.config.generate.rounds if run.config.is_synthetic else 1  # there are no more real requests to be had
    while now.number < most and (more := next_round(run.config, now, kept_tickets(run))):
        short = sum(one.tickets > 0 for one in more.wanted.values())
        log("round %d: %d tickets more, as %d categories are short", more.number, more.tickets, short)
        now = more
        yield now


def kept_tickets(run: Run) -> dict[str, int]:
    """Category → kept tickets so far. No task, as there is nothing to show; a failure that may pass is tried again."""
    for seconds in ON_CORTEX["retry_delay_seconds"]:
        try:
            return _kept(run)
        except SqlError as error:
            if not error.transient:
                raise
        time.sleep(seconds)
    return _kept(run)


def _kept(run: Run) -> dict[str, int]:
    return {category: int(kept or 0) for category, kept in run.query(kept_sql(run.id))}


def kept_sql(run_id: str) -> Sql:
    """category, kept tickets. Those of refine do not fill a quota: they come beside it, and the refills of the run that
    is refined are asked again, which costs nothing."""
    return Sql(
        """SELECT category, COUNT(kept OR NULL) FROM TICKETS WHERE run_id = ? AND attributes:unlike IS NULL
        GROUP BY category""",
        (run_id,),
    )


def quotas_found(run: Run, generated: Generated) -> Quotas:
    """Where each category's tickets went. `generated`: of all rounds."""
    rows = run.query(lost_sql(run.id, UNREADABLE))
    config = run.config.generate
    return Quotas(quotas_of(rows, generated.wanted, config.per_category), generated.rounds, config.rounds)
