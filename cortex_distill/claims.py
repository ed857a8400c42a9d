"""Who makes which call right now, so that two who need the same call at the same moment do not both pay for it.

An Ask claims the keys of its next group of calls, and leaves out those that somebody else has claimed: their answers
come by themselves. A claim ends with its group, or LEASE seconds after its owner was last heard of. A killed client's
statement goes on in the engine, so whoever comes next waits for its answers instead of paying for them again.

Claiming is one MERGE, not a transaction: a killed client would leave a transaction's locks behind for minutes.
On the local engine it is exact (one MERGE after the other). Snowflake locks a table for MERGE as well; should two ever
claim one key, both pay for that call, and the ledger takes the first answer.
"""

from __future__ import annotations

from cortex_distill.sql import Sql

LEASE = 20.0  # seconds
RENEWED = 6.0  # seconds between renewals while statements run

# Not CURRENT_TIMESTAMP, which is local to each session's TIMEZONE. Source: docs: sql-reference/functions/sysdate.
_NOW = "SYSDATE()"
_UNTIL = f"DATEADD('second', {LEASE:.0f}, {_NOW})"


def claim_sql(run_id: str, ask_id: str, low: int, high: int, credits: float, answered: str) -> Sql:
    """Claim the pending calls from `low` to before `high` that nobody answers or has answered meanwhile.

    `answered`: a condition on COMPLETIONS c. `credits` is what one call is expected to cost.
    Its row holds the numbers of claims inserted and updated.
    """
    return Sql(
        f"""MERGE INTO CLAIMS t USING (
            SELECT p.key FROM PENDING_{ask_id} p WHERE p.n >= ? AND p.n < ?
            AND NOT EXISTS (SELECT 1 FROM COMPLETIONS c WHERE c.key = p.key AND {answered})) s ON t.key = s.key
        WHEN MATCHED AND (t.until < {_NOW} OR t.ask_id = ?) THEN UPDATE SET run_id = ?, ask_id = ?, credits = ?,
            until = {_UNTIL}
        WHEN NOT MATCHED THEN INSERT (key, run_id, ask_id, credits, until) VALUES (s.key, ?, ?, ?, {_UNTIL})""",
        (low, high, ask_id, run_id, ask_id, credits, run_id, ask_id, credits),
    )


def renew_sql(ask_id: str) -> Sql:
    """Say that the owner lives."""
    return Sql(f"UPDATE CLAIMS SET until = {_UNTIL} WHERE ask_id = ?", (ask_id,))


def release_sql(ask_id: str) -> Sql:
    """The group is over; with it go claims that nobody renewed for long."""
    return Sql(f"DELETE FROM CLAIMS WHERE ask_id = ? OR until < DATEADD('day', -1, {_NOW})", (ask_id,))


def held_sql(ask_id: str) -> Sql:
    """How many pending calls others are making."""
    return Sql(
        f"""SELECT COUNT(*) FROM PENDING_{ask_id} p JOIN CLAIMS t ON t.key = p.key
        WHERE t.ask_id <> ? AND t.until >= {_NOW}""",
        (ask_id,),
    )


def reserved_sql(run_id: str, ask_id: str) -> Sql:
    """What the calls of a run that are being made now are expected to cost: those of this Ask, and those of others."""
    return Sql(
        f"""SELECT COALESCE(SUM(IFF(ask_id = ?, credits, 0)), 0), COALESCE(SUM(IFF(ask_id = ?, 0, credits)), 0)
        FROM CLAIMS WHERE run_id = ? AND until >= {_NOW}""",
        (ask_id, ask_id, run_id),
    )
