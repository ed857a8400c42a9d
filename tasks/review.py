"""Step 3c: a person looks at some tickets, those that the judge kept and those that it dropped; the person decides.

Source: ours; the quickstart believes its judge.
In:   TICKETS (judged)
Out:  REVIEWS; TICKETS.kept, dropped_because of the tickets that a person marked

A ticket that the person keeps comes back even if the judge dropped it: a person who looked outranks a model that
rated, and asking about dropped tickets only to ignore the answer would waste their time. REVIEWS has what each said.
How the person is asked is the business of `flows/review.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from prefect import task

from cortex_distill.agreement import Agreement
from cortex_distill.markup import escaped, table
from cortex_distill.run import Run
from cortex_distill.sql import Sql
from tasks.step import ON_CORTEX, log

KEEP, DROP, UNSEEN = "keep", "drop", "not looked at"
NOW = "CURRENT_TIMESTAMP()::TIMESTAMP_NTZ"
_KEPT = {KEEP: True, DROP: False}


class Shown(NamedTuple):
    """A ticket of the sample."""

    ticket_id: str
    category: str
    request: str
    rating: str


class Sampled(NamedTuple):
    """What a person is to look at."""

    tickets: list[Shown]
    new: bool  # nobody was asked before, in this run
    answered: bool  # the answers are in REVIEWS
    overdue: bool  # asked, and the time for an answer is over


class Reviewed(NamedTuple):
    """What came of a review."""

    kept: int  # tickets after it
    moved: str  # what the person changed; '' if nothing
    text: str  # one sentence for the report


@task(name="sample for review", **ON_CORTEX)
def sample_tickets(run: Run, tickets: int, hours: float) -> Sampled:
    """The run's sample; drawn once, so that a run that goes on asks about the same tickets. Safe to repeat."""
    new = not run.count("SELECT COUNT(*) FROM REVIEWS WHERE run_id = ?", run.id)
    if new:
        sample = sample_sql(run.id, tickets)
        run.sql(sample.text, *sample.binds)
    asked, answered, now = run.sql(f"SELECT MIN(asked_at), MAX(at), {NOW} FROM REVIEWS WHERE run_id = ?", run.id)[0]
    rows = run.sql(
        """SELECT t.ticket_id, t.category, t.request, t.rating FROM REVIEWS r
        JOIN TICKETS t ON t.run_id = r.run_id AND t.ticket_id = r.ticket_id WHERE r.run_id = ? ORDER BY r.position""",
        run.id,
    )
    shown = [Shown(ticket, category, request, _rating(rating)) for ticket, category, request, rating in rows]
    return Sampled(shown, new, answered is not None, not new and is_overdue(asked, now, hours))


def is_overdue(asked: datetime, now: datetime, hours: float) -> bool:
    """Whether the time for an answer is over."""
    return now >= asked + timedelta(hours=hours)


def sample_sql(run_id: str, tickets: int) -> Sql:
    """Write down a sample: half kept and half dropped by the judge, as far as there are; the order hides which.

    The hash of the ticket decides, so the same tickets give the same sample in every run.
    """
    return Sql(
        f"""INSERT INTO REVIEWS (run_id, ticket_id, position, judge_kept, asked_at)
        SELECT ?, ticket_id, ROW_NUMBER() OVER (ORDER BY SHA2(ticket_id, 256)), kept, {NOW} FROM (
            SELECT ticket_id, kept FROM (
                SELECT ticket_id, kept,
                    ROW_NUMBER() OVER (PARTITION BY kept ORDER BY SHA2(ticket_id, 256)) AS turn
                FROM TICKETS WHERE run_id = ? AND duplicate_of IS NULL
            ) QUALIFY ROW_NUMBER() OVER (ORDER BY turn, kept) <= ?
        )""",
        (run_id, run_id, tickets),
    )


@task(name="apply the review", **ON_CORTEX)
def apply_review(run: Run, marks: Mapping[str, str], reviewer: str, remark: str) -> Reviewed:
    """Store marks (ticket → keep, drop, not looked at), if there are any, and do what REVIEWS says. Safe to repeat."""
    for ticket, mark in marks.items():
        statement = merge_sql(run.id, ticket, mark, reviewer, remark)
        run.sql(statement.text, *statement.binds)
    run.sql(
        """UPDATE TICKETS SET kept = r.human_kept,
            dropped_because = IFF(r.human_kept, NULL, CONCAT('review: dropped by ', r.reviewer))
        FROM REVIEWS r WHERE TICKETS.run_id = ? AND r.run_id = TICKETS.run_id AND r.ticket_id = TICKETS.ticket_id
            AND r.human_kept <> TICKETS.kept""",
        run.id,
    )
    reviewed = _count(run)
    log("review: %s", reviewed.text)
    return reviewed


def merge_sql(run_id: str, ticket: str, mark: str, reviewer: str, remark: str) -> Sql:
    """One mark onto the row of its ticket, however often it is stored."""
    return Sql(
        f"""MERGE INTO REVIEWS r USING (SELECT ? AS run_id, ? AS ticket_id, ?::BOOLEAN AS human_kept, ? AS reviewer,
            ? AS remark, {NOW} AS at) s ON r.run_id = s.run_id AND r.ticket_id = s.ticket_id
        WHEN MATCHED THEN UPDATE SET human_kept = s.human_kept, reviewer = s.reviewer, remark = s.remark, at = s.at""",
        (run_id, ticket, _KEPT.get(mark), reviewer or ("somebody" if mark in _KEPT else ""), remark),
    )


def _count(run: Run) -> Reviewed:
    *cells, shown, judge_kept = map(
        int,
        run.sql(
            """SELECT COUNT(judge_kept AND human_kept OR NULL), COUNT(judge_kept AND NOT human_kept OR NULL),
                COUNT(NOT judge_kept AND human_kept OR NULL), COUNT(NOT judge_kept AND NOT human_kept OR NULL),
                COUNT(*), COUNT(judge_kept OR NULL) FROM REVIEWS WHERE run_id = ?""",
            run.id,
        )[0],
    )
    who, remark = run.sql("SELECT MAX(reviewer), MAX(remark) FROM REVIEWS WHERE run_id = ?", run.id)[0]
    kept = run.count("SELECT COUNT(kept OR NULL) FROM TICKETS WHERE run_id = ?", run.id)
    return reviewed_from(Agreement(*cells), shown, judge_kept, kept, (who or "", remark or ""))


def reviewed_from(found: Agreement, shown: int, judge_kept: int, kept: int, said: tuple[str, str]) -> Reviewed:
    """The sentence of the report. `shown` tickets, of which the judge kept `judge_kept`; `said`: name and remark."""
    if not found.n:
        return Reviewed(kept, "", f"nobody marked any of the {shown} tickets; the judge's filter stands")
    moved = [f"{found.judge_only} dropped by a person"] if found.judge_only else []
    moved += [f"{found.person_only} brought back by a person"] if found.person_only else []
    sample = f"{shown} tickets ({judge_kept} that the judge kept, {shown - judge_kept} that it dropped)"
    text = f"of {sample} {said[0]} marked {found.n}: {found.text}; {', '.join(moved) or 'nothing changed'}"
    return Reviewed(kept, ", ".join(moved), text + (f". Remark: {said[1]}" if said[1] else ""))


def form_text(tickets: Sequence[Shown]) -> str:
    """What the person reads, as Markdown. Foreign text is escaped; the ratings stand below, so as not to bias."""
    rows = [[str(place), escaped(t.category), escaped(t.request)] for place, t in enumerate(tickets, start=1)]
    rated = [[str(place), t.rating] for place, t in enumerate(tickets, start=1)]
    return "\n\n".join(
        [
            "Is each ticket a good example of its category? **keep** or **drop** it; your word outranks the judge's.",
            table(["ticket", "category", "request"], rows).replace("--:", ":--"),
            "The judge's ratings, better read after you have made up your mind:",
            table(["ticket", "rating"], rated).replace("--:", ":--"),
        ]
    )


def _rating(cell: Any) -> str:
    rating = json.loads(cell) if cell else {}
    return escaped(", ".join(f"{name} {value}" for name, value in rating.items())) or "could not be read"
