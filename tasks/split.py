"""Step 4: split the kept tickets into train, validation and, if wanted, test.

Source: quickstart, "Prepare the Distillation Data"; there by an id's last digit, here the same share of each category.
Tickets that resemble each other, and with `split.by: call` those of one call, fall into one share.
cortex_distill/splitting.py does the same in plain Python, and says what is guaranteed.
In:   TICKETS (kept), HOLDOUT
Out:  TICKETS.together, split; a ticket that the holdout has, too, is dropped (tasks/leaks.py)
"""

from __future__ import annotations

from typing import NamedTuple

from cortex_distill.config import Split
from cortex_distill.lost_replies import need
from cortex_distill.replies import AROUND
from cortex_distill.run import Run
from cortex_distill.splitting import CAPITALS, ROUNDING, SMALL, SPACES
from cortex_distill.sql import Sql
from tasks.leaks import LEAK, drop_across, drop_holdout
from tasks.step import ON_CORTEX, log, task
from tasks.together import Groups, group_tickets


class Shares(NamedTuple):
    """Tickets in each share."""

    train: int
    validation: int
    test: int
    in_holdout: int  # kept by the judge, dropped here: like a row of the holdout, or of another share
    groups: Groups = Groups()


@task(name="split", **ON_CORTEX)
def split_tickets(run: Run) -> Shares:
    """Drop what the holdout has, then split. Safe to repeat. Raises StepError if a share that is asked for is empty."""
    groups = divide(run)
    train, validation, test, leaked = run.sql(
        """SELECT COUNT(split = 'train' OR NULL), COUNT(split = 'validation' OR NULL), COUNT(split = 'test' OR NULL),
            COUNT(STARTSWITH(dropped_because, ?) OR NULL) FROM TICKETS WHERE run_id = ?""",
        LEAK,
        run.id,
    )[0]
    shares = Shares(int(train), int(validation), int(test), int(leaked), groups)
    log("split: %d, %d, %d; %s", *shares[:3], groups.text or "no tickets that must stay together")
    need(
        f"split: {shares.train} tickets to train on and {shares.validation} to validate on"
        f" ({shares.in_holdout} dropped, because they are also in the holdout)",
        {"to train on": shares.train, "to validate on": shares.validation},
        (),
        "raise generate.per_category or lower judge.thresholds"
        + (", or lower generate.per_call: split.by keeps calls whole" if run.config.split.by == "call" else ""),
    )
    return shares


def divide(run: Run) -> Groups:
    """Everything but counting."""
    run.sql("UPDATE TICKETS SET split = NULL, together = NULL WHERE run_id = ?", run.id)
    drop_holdout(run)
    groups = group_tickets(run)
    for statement in split_sql(run.id, run.config.split):
        run.query(statement)
    drop_across(run)
    return groups


def split_sql(run_id: str, split: Split) -> list[Sql]:
    """As cortex_distill/splitting.py: SPLIT_MEMBERS (kept tickets), SPLIT_UNITS (share of each unit), then TICKETS."""
    order = order_sql("request")
    members = f"""CREATE OR REPLACE TEMPORARY TABLE SPLIT_MEMBERS AS
        SELECT ticket_id, category, COALESCE(together, ticket_id) AS unit,
            IFF(together IS NULL, own_order, SHA2(together, 256)) AS unit_order,
            FIRST_VALUE(category) OVER (
                PARTITION BY COALESCE(together, ticket_id) ORDER BY own_order, ticket_id) AS home
        FROM (SELECT ticket_id, category, together, {order.text} AS own_order
            FROM TICKETS WHERE run_id = ? AND kept)"""
    return [Sql(members, (*order.binds, run_id)), _units_sql(split), _train_on_all_sql(), _write_sql(run_id)]


def order_sql(column: str) -> Sql:
    """SHA2 that orders tickets, as splitting.order_of. HASH would differ between engines, LOWER between alphabets."""
    return Sql(
        f"SHA2(REGEXP_REPLACE(TRANSLATE(TRIM({column}, ?), ?, ?), ?, ' '), 256)", (AROUND, CAPITALS, SMALL, SPACES)
    )


def _units_sql(split: Split) -> Sql:
    """Units in their order, the cuts of their home category, and the share where their middle ticket falls."""
    first = "LEAST(GREATEST(1, FLOOR(n * ?::FLOAT)), GREATEST(1, n - 1))"
    rest = "IFF(FLOOR(n * ?::FLOAT) < 1, FLOOR(n * ?::FLOAT), n - FLOOR(n * ?::FLOAT))"
    train, test = split.train + ROUNDING, split.test + ROUNDING
    return Sql(
        f"""CREATE OR REPLACE TEMPORARY TABLE SPLIT_UNITS AS
        WITH units AS (SELECT unit, home, unit_order, COUNT(*) AS size FROM SPLIT_MEMBERS GROUP BY 1, 2, 3),
        placed AS (
            SELECT unit, home, unit_order, SUM(size) OVER (PARTITION BY home) AS n,
                ROW_NUMBER() OVER (PARTITION BY home ORDER BY unit_order, unit) AS place,
                SUM(size) OVER (PARTITION BY home ORDER BY unit_order, unit
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - size + CEIL(size / 2) AS middle
            FROM units),
        cut AS (SELECT *, {first} AS first_cut, {rest} AS rest FROM placed),
        shared AS (
            SELECT *, CASE WHEN place = 1 OR middle <= first_cut THEN 'train'
                WHEN middle <= GREATEST(n - rest, LEAST(n, first_cut + 1)) THEN 'validation' ELSE 'test' END AS share
            FROM cut),
        counted AS (
            SELECT *, COUNT(*) OVER (PARTITION BY home) AS units,
                COUNT(share = 'train' OR NULL) OVER (PARTITION BY home) AS trained,
                COUNT(share = 'validation' OR NULL) OVER (PARTITION BY home) AS validated FROM shared)
        SELECT unit, home, unit_order, IFF(validated = 0 AND units > 1 AND place = LEAST(trained + 1, units),
            'validation', share) AS share FROM counted""",
        (train, train, test, split.train + split.validation + ROUNDING),
    )


def _train_on_all_sql() -> Sql:
    """A category whose tickets are all in groups elsewhere gets the first of these groups to train on."""
    return Sql(
        """UPDATE SPLIT_UNITS SET share = 'train' WHERE unit IN (
            SELECT unit FROM (
                SELECT m.category, u.unit, COUNT(u.share = 'train' OR NULL) OVER (PARTITION BY m.category) AS trained,
                    ROW_NUMBER() OVER (PARTITION BY m.category ORDER BY u.unit_order, u.unit, u.home) AS place
                FROM (SELECT DISTINCT category, unit FROM SPLIT_MEMBERS) m JOIN SPLIT_UNITS u ON u.unit = m.unit
            ) WHERE trained = 0 AND place = 1)"""
    )


def _write_sql(run_id: str) -> Sql:
    return Sql(
        """UPDATE TICKETS SET split = shared.share FROM (
            SELECT m.ticket_id, u.share FROM SPLIT_MEMBERS m JOIN SPLIT_UNITS u ON u.unit = m.unit
        ) shared WHERE TICKETS.run_id = ? AND TICKETS.ticket_id = shared.ticket_id""",
        (run_id,),
    )
