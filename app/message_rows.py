"""The statements of the page Messages: tickets to answer, what the messages flow wrote, and what people decided."""

from __future__ import annotations

from collections.abc import Sequence

from door import Row, rows, rows_if_there

PAGE = 20  # messages shown at once
# What people decided about a message. Rows are only added; the newest of a completion counts.
_DECISIONS = """CREATE TABLE IF NOT EXISTS MESSAGE_DECISIONS (completion_key STRING, run_id STRING, ticket_id STRING,
    category STRING, channel STRING, model STRING, message STRING, decision STRING, decided_at TIMESTAMP_NTZ)"""
_NEWEST = "QUALIFY ROW_NUMBER() OVER (PARTITION BY completion_key ORDER BY decided_at DESC) = 1"


def classifier(run_id: str) -> Row | None:
    """The arm whose answers sort the tickets: the tuned student, else the run's best; role, variant, model."""
    found = rows(
        """SELECT role, variant, model FROM EXPERIMENTS WHERE run_id = ?
        ORDER BY IFF(role = 'tuned student', 0, 1), IFF(evaluation_set = 'holdout', 0, 1), accuracy DESC, variant
        LIMIT 1""",
        run_id,
    )
    return found[0] if found else None


def tickets(run_id: str, arm: Row, category: str, most: int) -> list[Row]:
    """Up to `most` requests that the arm put into the category: ticket_id, request. People's come first."""
    return rows_if_there(
        f"""SELECT row_key AS ticket_id, request FROM PREDICTIONS
        WHERE run_id = ? AND role = ? AND variant = ? AND prediction = ?
        ORDER BY IFF(evaluation_set = 'holdout', 0, 1), row_key LIMIT {int(most)}""",
        run_id,
        arm["role"],
        arm["variant"],
        category,
    )


def decide(made: Row, decision: str) -> None:
    """Note that a message is kept or discarded. `made` has the other columns of the table."""
    rows(_DECISIONS)
    names = ("completion_key", "run_id", "ticket_id", "category", "channel", "model", "message")
    rows(
        f"""INSERT INTO MESSAGE_DECISIONS ({", ".join(names)}, decision, decided_at)
        SELECT {", ".join("?" * len(names))}, ?, CURRENT_TIMESTAMP()::TIMESTAMP_NTZ""",
        *(made[name] for name in names),
        decision,
    )


def decisions(completion_keys: Sequence[str]) -> dict[str, str]:
    """The newest decision about each completion that has one: kept or discarded."""
    if not completion_keys:
        return {}
    found = rows_if_there(
        f"""SELECT completion_key, decision FROM MESSAGE_DECISIONS
        WHERE completion_key IN ({", ".join("?" * len(completion_keys))}) {_NEWEST}""",
        *completion_keys,
    )
    return {row["completion_key"]: row["decision"] for row in found}


def kept(run_id: str) -> list[Row]:
    """The newest kept messages of a run, at most PAGE."""
    return rows_if_there(
        f"""SELECT ticket_id, category, channel, model, message, decided_at FROM (
            SELECT * FROM MESSAGE_DECISIONS WHERE run_id = ? {_NEWEST})
        WHERE decision = 'kept' ORDER BY decided_at DESC, ticket_id LIMIT {PAGE}""",
        run_id,
    )


def written_counts(run_id: str) -> list[Row]:
    """What the messages flow wrote with the student of this run: category, channel, status, messages."""
    return rows_if_there(
        """SELECT category, channel, status, COUNT(*) AS messages FROM MESSAGES WHERE source_run = ?
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
        run_id,
    )


def written(run_id: str, category: str, page: int) -> list[Row]:
    """One page (from 0) of what the messages flow wrote for a category, with the request where MESSAGE_INBOX has it."""
    return rows_if_there(
        f"""SELECT m.ticket_id, m.category, m.channel, m.variant, m.model, m.message, m.words, m.most_words, m.status,
            TO_JSON(m.flags) AS flags, m.served_by, m.completion_key, i.request
        FROM MESSAGES m LEFT JOIN MESSAGE_INBOX i ON i.run_id = m.run_id AND i.row_key = m.row_key
        WHERE m.source_run = ? AND m.category = ? ORDER BY m.created_at DESC, m.row_key, m.variant
        LIMIT {PAGE} OFFSET {max(int(page), 0) * PAGE}""",
        run_id,
        category,
    )


def teachers(run_id: str) -> list[Row]:
    """The models that taught in this run."""
    return rows("SELECT DISTINCT model FROM EXPERIMENTS WHERE run_id = ? AND role = 'teacher' ORDER BY model", run_id)
