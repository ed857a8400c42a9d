"""Step 2a: tickets that repeat another ticket, exactly or nearly, are marked, so that nobody pays for judging them.

Exactly: the same but for case, blanks and marks at the ends. Nearly: `deduplicate.drop` alike by word pairs (see
cortex_distill/alike.py). Of tickets that repeat each other the first by round and id stays, whatever its category.
In:   TICKETS (all rounds so far)
Out:  TICKETS.duplicate_of (the ticket that it repeats), similarity, kept, dropped_because
"""

from __future__ import annotations

from typing import NamedTuple

from cortex_distill.alike import alike_sql, shown_sql
from cortex_distill.replies import normal_sql
from cortex_distill.rounds import Round
from cortex_distill.run import Run
from cortex_distill.sql import Sql
from tasks.step import ON_CORTEX, log, named_by_round, task

NAME = "REPEATS"
EXACTLY = "deduplicate: repeats another ticket"
IN_ANOTHER = " of another category: one of the two is labelled wrongly"
# After so many rounds of deciding the rest is dropped: only a chain made on purpose is longer, and none stays that
# repeats another.
ROUNDS = 40


class Deduplicated(NamedTuple):
    """What is no ticket of its own; in all rounds so far."""

    tickets: int  # looked at: all that have a label
    exact: int
    near: int
    in_another: int  # of exact and near: repeats of a ticket of another category
    crowded: int = 0  # tickets with so common words that they were not compared with all others, see alike.CROWD

    @property
    def text(self) -> str:
        """`12 repeat another ticket, 8 nearly so, 3 of them in another category`; '' if none does."""
        said = [f"{self.exact} repeat another ticket"] if self.exact else []
        said += [f"{self.near} nearly repeat another ticket"] if self.near else []
        said += [f"{self.in_another} of these one of another category"] if self.in_another else []
        said += [f"{self.crowded} only compared with their likes in length"] if self.crowded else []
        return ", ".join(said)


@task(name="deduplicate", task_run_name=named_by_round("deduplicate"), **ON_CORTEX)
def deduplicate_tickets(run: Run, now: Round | None = None) -> Deduplicated:
    """Mark and count, in all rounds so far; `now` only names the task.

    Safe to repeat, with more rounds or with the same: what stayed before stays.
    """
    mark_repeats(run)
    tickets, exact, near, in_another = run.sql(
        """SELECT COUNT(*), COUNT(STARTSWITH(t.dropped_because, ?) OR NULL),
            COUNT(t.duplicate_of) - COUNT(STARTSWITH(t.dropped_because, ?) OR NULL),
            COUNT(t.category <> f.category OR NULL)
        FROM TICKETS t LEFT JOIN TICKETS f ON f.run_id = t.run_id AND f.ticket_id = t.duplicate_of
        WHERE t.run_id = ? AND t.category IS NOT NULL""",
        EXACTLY,
        EXACTLY,
        run.id,
    )[0]
    crowded = run.count(f"SELECT COUNT(*) FROM {NAME}_CROWDED") if run.config.deduplicate.near else 0
    deduplicated = Deduplicated(int(tickets), int(exact), int(near), int(in_another), crowded)
    log("deduplicate: %d tickets; %s", deduplicated.tickets, deduplicated.text or "no repeats")
    return deduplicated


def mark_repeats(run: Run) -> None:
    """Everything but counting. The marks of an earlier time are taken away first."""
    run.query(unmark_sql(run.id))
    run.query(mark_exact_sql(run.id))
    if not run.config.deduplicate.near:
        return
    for statement in near_sql(run.id, run.config.deduplicate.drop):
        run.query(statement)
    for _ in range(ROUNDS):
        if not run.count(f"SELECT COUNT(stays IS NULL OR NULL) FROM {NAME}_FATE"):
            break
        run.query(decide_sql())
    run.query(mark_near_sql(run.id))


def unmark_sql(run_id: str) -> Sql:
    """Forget the repeats."""
    return Sql(
        """UPDATE TICKETS SET duplicate_of = NULL, similarity = NULL, dropped_because = NULL, kept = NULL
        WHERE run_id = ? AND duplicate_of IS NOT NULL""",
        (run_id,),
    )


def mark_exact_sql(run_id: str) -> Sql:
    """Of requests that differ in nothing but case, blanks and marks at the ends, the first stays.

    Requests of nothing but such marks are only compared as they are.
    """
    request = normal_sql("request")
    same = Sql(f"PARTITION BY COALESCE(NULLIF({request.text}, ''), request) ORDER BY COALESCE(round, 1), ticket_id")
    return Sql(
        f"""UPDATE TICKETS SET duplicate_of = twins.first_id, similarity = 1, kept = FALSE,
            dropped_because = ? || IFF(twins.category = twins.first_category, '', ?)
        FROM (
            SELECT ticket_id AS own_id, category,
                FIRST_VALUE(ticket_id) OVER ({same.text}) AS first_id,
                FIRST_VALUE(category) OVER ({same.text}) AS first_category
            FROM TICKETS WHERE run_id = ? AND category IS NOT NULL
        ) twins
        WHERE TICKETS.run_id = ? AND TICKETS.ticket_id = twins.own_id AND twins.first_id <> twins.own_id""",
        (EXACTLY, IN_ANOTHER, *request.binds, *request.binds, run_id, run_id),
    )


def near_sql(run_id: str, drop: float) -> list[Sql]:
    """All pairs that are so alike, and in REPEATS_FATE the tickets that are like an earlier one, undecided."""
    number = Sql(
        f"""CREATE OR REPLACE TEMPORARY TABLE {NAME}_TICKETS AS SELECT ticket_id, category, request,
            ROW_NUMBER() OVER (ORDER BY COALESCE(round, 1), ticket_id) AS n
        FROM TICKETS WHERE run_id = ? AND duplicate_of IS NULL AND category IS NOT NULL""",
        (run_id,),
    )
    fate = f"""CREATE OR REPLACE TEMPORARY TABLE {NAME}_FATE AS
        SELECT DISTINCT b AS n, NULL::BOOLEAN AS stays FROM {NAME}_ALIKE"""
    texts = Sql(f"SELECT n, 0 AS side, request FROM {NAME}_TICKETS")
    return [number, *alike_sql(NAME, texts, drop), Sql(fate)]


def decide_sql() -> Sql:
    """A ticket goes if an earlier one like it stays, and stays if all of them go."""
    return Sql(
        f"""UPDATE {NAME}_FATE SET stays = (known.most = 0) FROM (
            SELECT p.b AS n, MAX(CASE WHEN f.n IS NULL OR f.stays THEN 2 WHEN f.stays IS NULL THEN 1 ELSE 0 END) AS most
            FROM {NAME}_ALIKE p LEFT JOIN {NAME}_FATE f ON f.n = p.a GROUP BY p.b
        ) known WHERE known.n = {NAME}_FATE.n AND {NAME}_FATE.stays IS NULL AND known.most <> 1"""
    )


def mark_near_sql(run_id: str) -> Sql:
    """The twin is the one of those that stay that is most alike."""
    return Sql(
        f"""UPDATE TICKETS SET duplicate_of = twins.ticket_id, similarity = twins.similarity, kept = FALSE,
            dropped_because = 'deduplicate: ' || {shown_sql("twins.similarity")} ||
                IFF(twins.category = TICKETS.category, ' like another ticket', ' like a ticket' || ?)
        FROM (
            SELECT o.ticket_id AS own_id, s.ticket_id, s.category, p.similarity
            FROM {NAME}_ALIKE p JOIN {NAME}_FATE f ON f.n = p.b AND NOT COALESCE(f.stays, FALSE)
            LEFT JOIN {NAME}_FATE g ON g.n = p.a
            JOIN {NAME}_TICKETS o ON o.n = p.b JOIN {NAME}_TICKETS s ON s.n = p.a
            QUALIFY ROW_NUMBER() OVER (
                PARTITION BY p.b
                ORDER BY IFF(g.n IS NULL OR COALESCE(g.stays, FALSE), 0, 1), p.similarity DESC, p.a) = 1
        ) twins WHERE TICKETS.run_id = ? AND TICKETS.ticket_id = twins.own_id""",
        (IN_ANOTHER, run_id),
    )
