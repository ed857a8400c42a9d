"""Which kept tickets must fall into one share: those that resemble each other, and those of one call if wanted.

In:   TICKETS (kept), `deduplicate.together`, `split.by`
Out:  TICKETS.together, the least ticket_id of the group; NULL where a ticket stands alone
"""

from __future__ import annotations

from typing import NamedTuple

from cortex_distill.alike import alike_sql
from cortex_distill.run import Run
from cortex_distill.sql import Sql

NAME = "SPLIT"
# Resemblance passes from ticket to ticket: among very many, or very similar ones, nearly all are linked in the end,
# and one group cannot be split. Then only closer resemblance counts, in steps, until no group is larger than this.
LARGEST_SHARE, LARGEST_LEAST = 0.1, 10  # of the kept tickets; and tickets that are never too many
STEP = 0.05


class Groups(NamedTuple):
    """What stays together."""

    groups: int = 0
    tickets: int = 0  # in them
    largest: int = 0
    least: float = 0.0  # resemblance that counted; 1: none did
    asked: float = 0.0  # deduplicate.together

    @property
    def text(self) -> str:
        """One sentence; '' where every ticket stands alone and nothing was left out."""
        said = f"{self.tickets} tickets in {self.groups} groups stay in one share each, the largest has {self.largest}"
        if self.least > self.asked:
            alike = f"{self.least:.2f} alike" if self.least < 1 else "exactly alike"
            said += (
                f"; only tickets {alike} count, because at {self.asked:.2f} one group would hold more than"
                f" {LARGEST_SHARE:.0%} of all tickets"
            )
        return said if self.groups or self.least > self.asked else ""


def group_tickets(run: Run) -> Groups:
    """Write the groups. Safe to repeat."""
    asked = run.config.deduplicate
    near = asked.near and asked.together < asked.drop
    for statement in texts_sql(run.id, asked.together if near else None):
        run.query(statement)
    by_call, least = run.config.split.by == "call", asked.together if near else asked.drop
    if not near:
        _connect(run, by_call, 1.0)
    while near:
        _connect(run, by_call, least)
        if not by_call and _largest(run) <= _most(run):
            break
        if by_call and not run.count(_too_large_sql(), _most(run)):
            break
        least = round(least + STEP, 9)
        if least >= asked.drop:  # nothing is more alike: such tickets were dropped
            least, near = 1.0, False
            _connect(run, by_call, 1.0)
    run.query(write_sql(run.id))
    groups, tickets = run.sql(f"SELECT COUNT(DISTINCT label), COUNT(*) FROM {NAME}_LABELS")[0]
    return Groups(int(groups), int(tickets), _largest(run), least, asked.together if asked.near else least)


def texts_sql(run_id: str, least: float | None) -> list[Sql]:
    """SPLIT_TEXTS, the kept tickets with numbers in the order of their ids; and which are alike, none if None."""
    texts = f"""CREATE OR REPLACE TEMPORARY TABLE {NAME}_TEXTS AS SELECT ticket_id, completion_key, request,
            ROW_NUMBER() OVER (ORDER BY ticket_id) AS n FROM TICKETS WHERE run_id = ? AND kept"""
    if least is None:
        none = f"CREATE OR REPLACE TEMPORARY TABLE {NAME}_ALIKE (a NUMBER, b NUMBER, similarity FLOAT)"
        return [Sql(texts, (run_id,)), Sql(none)]
    return [Sql(texts, (run_id,)), *alike_sql(NAME, Sql(f"SELECT n, 0 AS side, request FROM {NAME}_TEXTS"), least)]


def links_sql(by_call: bool, least: float) -> list[Sql]:
    """SPLIT_LINKS, in both directions, and SPLIT_LABELS: each linked ticket, labelled with itself."""
    calls = f"""UNION ALL SELECT first_n, n FROM (
            SELECT n, MIN(n) OVER (PARTITION BY completion_key) AS first_n FROM {NAME}_TEXTS
            WHERE completion_key IS NOT NULL) WHERE first_n < n"""
    return [
        Sql(
            f"""CREATE OR REPLACE TEMPORARY TABLE {NAME}_LINKS AS
            WITH one_way AS (SELECT a, b FROM {NAME}_ALIKE WHERE similarity >= ?::FLOAT - 1e-9
            {calls if by_call else ""})
            SELECT a, b FROM one_way UNION ALL SELECT b, a FROM one_way""",
            (least,),
        ),
        Sql(f"CREATE OR REPLACE TEMPORARY TABLE {NAME}_LABELS AS SELECT DISTINCT a AS n, a AS label FROM {NAME}_LINKS"),
    ]


def label_sql() -> Sql:
    """Each label falls to the least that it, its label, its neighbours or tickets with the same label know.

    Handing labels on to labels halves the way that is left, so rounds grow with the logarithm of the longest chain
    (Zhang, Azad and Hu 2020, "FastSV").
    """
    return Sql(
        f"""CREATE OR REPLACE TEMPORARY TABLE {NAME}_LABELS AS SELECT n, MIN(label) AS label FROM (
            SELECT n, label FROM {NAME}_LABELS
            UNION ALL SELECT l.n, m.label FROM {NAME}_LABELS l JOIN {NAME}_LABELS m ON m.n = l.label
            UNION ALL SELECT e.a, m.label FROM {NAME}_LINKS e JOIN {NAME}_LABELS m ON m.n = e.b
            UNION ALL SELECT l.label, m.label FROM {NAME}_LINKS e JOIN {NAME}_LABELS l ON l.n = e.a
                JOIN {NAME}_LABELS m ON m.n = e.b
        ) GROUP BY n"""
    )


def write_sql(run_id: str) -> Sql:
    """Name each group by the ticket that labels it."""
    return Sql(
        f"""UPDATE TICKETS SET together = named.together FROM (
            SELECT own.ticket_id, first.ticket_id AS together FROM {NAME}_LABELS l
            JOIN {NAME}_TEXTS own ON own.n = l.n JOIN {NAME}_TEXTS first ON first.n = l.label
        ) named WHERE TICKETS.run_id = ? AND TICKETS.ticket_id = named.ticket_id""",
        (run_id,),
    )


def _connect(run: Run, by_call: bool, least: float) -> None:
    """Ends, because labels only fall."""
    for statement in links_sql(by_call, least):
        run.query(statement)
    before, now = -1, _sum(run)
    while now and now != before:
        run.query(label_sql())
        before, now = now, _sum(run)


def _sum(run: Run) -> int:
    return run.count(f"SELECT SUM(label) FROM {NAME}_LABELS")


def _largest(run: Run) -> int:
    return run.count(f"SELECT MAX(size) FROM (SELECT COUNT(*) AS size FROM {NAME}_LABELS GROUP BY label)")


def _most(run: Run) -> int:
    return max(LARGEST_LEAST, int(LARGEST_SHARE * run.count(f"SELECT COUNT(*) FROM {NAME}_TEXTS")))


def _too_large_sql() -> str:
    """Groups that are too large, and hold more than one call."""
    return f"""SELECT COUNT(*) FROM (
        SELECT l.label FROM {NAME}_LABELS l JOIN {NAME}_TEXTS t ON t.n = l.n
        GROUP BY l.label HAVING COUNT(*) > ? AND COUNT(DISTINCT t.completion_key) > 1)"""
