"""What is trained on may not be measured on: kept tickets against the holdout, and the shares against each other.

As much alike as repeats are (`deduplicate.drop`), or the same but for case, blanks and marks at the ends.
In:   TICKETS (kept), HOLDOUT, `generate.examples`
Out:  TICKETS.kept, split, similarity, dropped_because ('leak: …'); examples are only told of
"""

from __future__ import annotations

from cortex_distill.alike import alike_sql, shown_sql
from cortex_distill.replies import normal_sql
from cortex_distill.report_leaks import SHOWN, Leak, Leaks
from cortex_distill.run import Run
from cortex_distill.sql import Sql
from cortex_distill.upload import upload

LEAK = "leak: "
HOLDOUT, ACROSS, EXAMPLES = "LEAKS", "SPLIT", "EXAMPLES"
TWIN = "holdout row "  # before the row's key


def drop_holdout(run: Run) -> None:
    """What the holdout has is neither trained on nor chosen by. Before the split, so that shares are met."""
    if run.config.holdout is None:
        return
    for statement in holdout_sql(run.id, run.config.deduplicate.drop):
        run.query(statement)


def holdout_sql(run_id: str, drop: float) -> list[Sql]:
    """Exactly the same first, then, where tickets may resemble each other less than wholly, what is nearly the same."""
    near = [_numbered_sql(run_id), *alike_sql(HOLDOUT, _both_sql(), drop, across=True), _drop_near_sql(run_id)]
    return [_drop_exact_sql(run_id), *(near if drop < 1 else [])]


def drop_across(run: Run) -> None:
    """Tickets to train on that are like one to validate or test on, however they got there. After the split."""
    for statement in across_sql(run.id, run.config.deduplicate.drop):
        run.query(statement)


def across_sql(run_id: str, drop: float) -> list[Sql]:
    """By the pairs of tickets that tasks/together.py found; the split keeps those together, so this finds none."""
    normal = normal_sql("request")
    text = f"COALESCE(NULLIF({normal.text}, ''), request)"
    exactly = Sql(
        f"""UPDATE TICKETS SET kept = FALSE, split = NULL, similarity = 1,
            dropped_because = 'leak: the same as ticket ' || twins.ticket_id || ' of ' || twins.split
        FROM (
            SELECT own.ticket_id AS own_id, MIN(other.ticket_id) AS ticket_id, MIN_BY(other.split, other.ticket_id)
                AS split
            FROM (SELECT ticket_id, {text} AS said FROM TICKETS WHERE run_id = ? AND split = 'train') own
            JOIN (SELECT ticket_id, split, {text} AS said FROM TICKETS
                WHERE run_id = ? AND split IN ('validation', 'test')) other ON other.said = own.said
            GROUP BY own.ticket_id
        ) twins WHERE TICKETS.run_id = ? AND TICKETS.ticket_id = twins.own_id""",
        (*normal.binds, run_id, *normal.binds, run_id, run_id),
    )
    nearly = Sql(
        f"""UPDATE TICKETS SET kept = FALSE, split = NULL, similarity = twins.similarity,
            dropped_because = 'leak: ' || {shown_sql("twins.similarity")} || ' like ticket ' || twins.ticket_id
                || ' of ' || twins.split
        FROM (
            SELECT t.ticket_id AS own_id, o.ticket_id, o.split, p.similarity
            FROM (SELECT a, b, similarity FROM {ACROSS}_ALIKE UNION ALL SELECT b, a, similarity FROM {ACROSS}_ALIKE) p
            JOIN {ACROSS}_TEXTS x ON x.n = p.a JOIN TICKETS t ON t.run_id = ? AND t.ticket_id = x.ticket_id
            JOIN {ACROSS}_TEXTS y ON y.n = p.b JOIN TICKETS o ON o.run_id = ? AND o.ticket_id = y.ticket_id
            WHERE p.similarity >= ?::FLOAT - 1e-9 AND t.split = 'train' AND o.split IN ('validation', 'test')
            QUALIFY ROW_NUMBER() OVER (PARTITION BY p.a ORDER BY p.similarity DESC, p.b) = 1
        ) twins WHERE TICKETS.run_id = ? AND TICKETS.ticket_id = twins.own_id""",
        (run_id, run_id, drop, run_id),
    )
    return [exactly, nearly]


def find_leaks(run: Run) -> Leaks:
    """What the report says: the tickets that were dropped, and examples of the file that resemble the holdout."""
    rows = run.sql(
        f"""SELECT COUNT(*) OVER () AS n, t.dropped_because, t.similarity, t.request, h.request
        FROM TICKETS t LEFT JOIN HOLDOUT h ON h.run_id = t.run_id
            AND h.row_key = SPLIT_PART(t.dropped_because, ?, 2)
        WHERE t.run_id = ? AND STARTSWITH(t.dropped_because, ?)
        ORDER BY t.similarity DESC, t.ticket_id LIMIT {SHOWN}""",
        TWIN,
        run.id,
        LEAK,
    )
    found = [Leak(why, float(alike or 0), own or "", twin or "") for _, why, alike, own, twin in rows]
    checked = run.count("SELECT COUNT(*) FROM HOLDOUT WHERE run_id = ?", run.id)
    return Leaks(checked, int(rows[0][0]) if rows else 0, found, *_examples(run))


def _examples(run: Run) -> tuple[int, list[Leak], bool]:
    """How many examples resemble a holdout row, some of them, and whether the student learns from examples."""
    given = [one["request"] for shown in run.experiment.examples.values() for one in shown]
    learnt = run.config.fine_tune.rows != "tickets"
    if not given or run.config.holdout is None:
        return 0, [], learnt
    run.sql(f"CREATE OR REPLACE TEMPORARY TABLE {EXAMPLES}_TEXTS (n NUMBER, side NUMBER, request STRING)")
    upload(run.session, f"{EXAMPLES}_TEXTS", ["n", "side", "request"], ((n, 0, text) for n, text in enumerate(given)))
    run.sql(
        f"""INSERT INTO {EXAMPLES}_TEXTS (n, side, request)
        SELECT {len(given)} + ROW_NUMBER() OVER (ORDER BY row_key), 1, request FROM HOLDOUT WHERE run_id = ?""",
        run.id,
    )
    texts = Sql(f"SELECT n, side, request FROM {EXAMPLES}_TEXTS")
    for statement in alike_sql(EXAMPLES, texts, run.config.deduplicate.drop, across=True):
        run.query(statement)
    rows = run.sql(
        f"""SELECT COUNT(DISTINCT p.a) OVER () AS examples, p.similarity, a.request, b.request
        FROM {EXAMPLES}_ALIKE p JOIN {EXAMPLES}_TEXTS a ON a.n = p.a JOIN {EXAMPLES}_TEXTS b ON b.n = p.b
        ORDER BY p.similarity DESC, p.a, p.b LIMIT {SHOWN}"""
    )
    found = [Leak("example", float(alike), own, twin) for _, alike, own, twin in rows]
    return (int(rows[0][0]) if rows else 0), found, learnt


def _drop_exact_sql(run_id: str) -> Sql:
    ticket, holdout = normal_sql("t.request"), normal_sql("h.request")
    return Sql(
        f"""UPDATE TICKETS SET kept = FALSE, split = NULL, similarity = 1,
            dropped_because = 'leak: the same as {TWIN}' || twins.row_key
        FROM (
            SELECT t.ticket_id AS own_id, MIN(h.row_key) AS row_key FROM TICKETS t JOIN HOLDOUT h
            ON h.run_id = t.run_id AND COALESCE(NULLIF({holdout.text}, ''), h.request)
                = COALESCE(NULLIF({ticket.text}, ''), t.request)
            WHERE t.run_id = ? AND t.kept GROUP BY t.ticket_id
        ) twins WHERE TICKETS.run_id = ? AND TICKETS.ticket_id = twins.own_id""",
        (*holdout.binds, *ticket.binds, run_id, run_id),
    )


def _numbered_sql(run_id: str) -> Sql:
    return Sql(
        f"""CREATE OR REPLACE TEMPORARY TABLE {HOLDOUT}_TEXTS AS
        SELECT side, key, request, ROW_NUMBER() OVER (ORDER BY side, key) AS n FROM (
            SELECT 0 AS side, ticket_id AS key, request FROM TICKETS WHERE run_id = ? AND kept
            UNION ALL SELECT 1 AS side, row_key AS key, request FROM HOLDOUT WHERE run_id = ?)""",
        (run_id, run_id),
    )


def _both_sql() -> Sql:
    return Sql(f"SELECT n, side, request FROM {HOLDOUT}_TEXTS")


def _drop_near_sql(run_id: str) -> Sql:
    return Sql(
        f"""UPDATE TICKETS SET kept = FALSE, split = NULL, similarity = twins.similarity,
            dropped_because = 'leak: ' || {shown_sql("twins.similarity")} || ' like {TWIN}' || twins.row_key
        FROM (
            SELECT o.key AS own_id, h.key AS row_key, p.similarity FROM {HOLDOUT}_ALIKE p
            JOIN {HOLDOUT}_TEXTS o ON o.n = p.a JOIN {HOLDOUT}_TEXTS h ON h.n = p.b
            QUALIFY ROW_NUMBER() OVER (PARTITION BY p.a ORDER BY p.similarity DESC, p.b) = 1
        ) twins WHERE TICKETS.run_id = ? AND TICKETS.ticket_id = twins.own_id""",
        (run_id,),
    )
