"""Step 4: split the kept tickets into train, validation and, if wanted, test.

Source: quickstart, "Prepare the Distillation Data"; there by an id's last digit, here the same share of each category.
In:   TICKETS (kept), HOLDOUT
Out:  TICKETS.split; a ticket that also stands in the holdout is dropped
"""

from __future__ import annotations

from typing import NamedTuple

from cortex_distill.config import Split
from cortex_distill.lost_replies import need
from cortex_distill.replies import normal_sql
from cortex_distill.run import Run
from cortex_distill.sql import Sql
from tasks.step import ON_CORTEX, task

IN_HOLDOUT = "split: also in the holdout"


class Shares(NamedTuple):
    """Tickets in each share."""

    train: int
    validation: int
    test: int
    in_holdout: int  # kept by the judge, dropped here


@task(name="split", **ON_CORTEX)
def split_tickets(run: Run) -> Shares:
    """Drop what the holdout has, then split. Safe to repeat. Raises StepError if a share that is asked for is empty."""
    for statement in (drop_sql(run.id), split_sql(run.id, run.config.split)):
        run.sql(statement.text, *statement.binds)
    counted = run.sql(
        """SELECT COUNT_IF(split = 'train'), COUNT_IF(split = 'validation'), COUNT_IF(split = 'test'),
            COUNT_IF(dropped_because = ?) FROM TICKETS WHERE run_id = ?""",
        IN_HOLDOUT,
        run.id,
    )[0]
    shares = Shares(*map(int, counted))
    need(
        f"split: {shares.train} tickets to train on and {shares.validation} to validate on"
        f" ({shares.in_holdout} dropped, because they are also in the holdout)",
        {"to train on": shares.train, "to validate on": shares.validation},
        (),
        "raise generate.per_category or lower judge.thresholds",
    )
    return shares


def drop_sql(run_id: str) -> Sql:
    """A request that people wrote into the holdout may not be trained on."""
    ticket, holdout = normal_sql("t.request"), normal_sql("h.request")
    return Sql(
        f"""UPDATE TICKETS SET kept = FALSE, dropped_because = ?, split = NULL
        WHERE run_id = ? AND ticket_id IN (
            SELECT t.ticket_id FROM TICKETS t JOIN HOLDOUT h
            ON h.run_id = t.run_id AND {holdout.text} = {ticket.text} WHERE t.run_id = ? AND t.kept)""",
        (IN_HOLDOUT, run_id, *holdout.binds, *ticket.binds, run_id),
    )


def split_sql(run_id: str, split: Split) -> Sql:
    """Rank each category's tickets by the SHA2 of the normal request, and cut at the shares, rounded down.

    The same requests land in the same shares on every engine; HASH would differ between engines. Each category
    has at least one ticket to train on.
    """
    request = normal_sql("request")
    return Sql(
        f"""UPDATE TICKETS SET split = CASE WHEN ranked.place <= GREATEST(1, FLOOR(ranked.n * ?)) THEN 'train'
            WHEN ranked.place <= FLOOR(ranked.n * ?) THEN 'validation' ELSE 'test' END
        FROM (
            SELECT ticket_id AS own_id, COUNT(*) OVER (PARTITION BY category) AS n,
                ROW_NUMBER() OVER (PARTITION BY category ORDER BY SHA2({request.text}, 256), ticket_id) AS place
            FROM TICKETS WHERE run_id = ? AND kept
        ) ranked
        WHERE TICKETS.run_id = ? AND TICKETS.ticket_id = ranked.own_id""",
        (split.train + 1e-9, split.train + split.validation + 1e-9, *request.binds, run_id, run_id),
    )
