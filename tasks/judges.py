"""Several judges of one ticket: what each of them says, and whether enough of them keep it.

In:   the replies of each judge
Out:  RATINGS, one row per ticket and judge; TICKETS.kept, dropped_because
A rating that cannot be read says nothing. Where all must keep a ticket, it drops the ticket, as it does with one judge;
a majority is more than half of those judges whose rating can be read.
"""

from __future__ import annotations

from collections.abc import Mapping

from cortex_distill.ratings import misses_sql, ratings_sql
from cortex_distill.sql import Sql

UNREAD = "the rating could not be read"


def forget_sql(run_id: str, replies: str) -> Sql:
    """Before the ratings of these tickets are written (again)."""
    return Sql(f"DELETE FROM RATINGS WHERE run_id = ? AND ticket_id IN (SELECT row_key FROM {replies})", (run_id,))


def rate_sql(run_id: str, position: int, judge: str, replies: str, thresholds: Mapping[str, float]) -> Sql:
    """The rows of one judge. `keeps` is NULL where the rating could not be read; `because` says why it does not keep
    the ticket, with both numbers."""
    rated = ratings_sql(replies, thresholds)
    misses = misses_sql(thresholds)
    return Sql(
        f"""INSERT INTO RATINGS (run_id, ticket_id, position, judge, judge_key, rating, keeps, because)
        SELECT ?, row_key, ?, ?, completion_key, rating, IFF(rating IS NULL, NULL, because IS NULL), because
        FROM (
            SELECT row_key, completion_key, rating,
                CASE WHEN rating IS NULL THEN CONCAT(?, ': ', unreadable) {misses.text} END AS because
            FROM ({rated.text})
        )""",
        (run_id, position, judge, UNREAD, *misses.binds, *rated.binds),
    )


def keep_sql(run_id: str, replies: str, judges: int, agree: str) -> Sql:
    """Keep a ticket that all judges keep, or most of those who can be read; else say who did not, and why. Only of
    tickets that were asked about now: what later steps made of those of earlier rounds stands."""
    enough = "COUNT(keeps OR NULL) = ?" if agree == "all" else "COUNT(keeps OR NULL) * 2 > COUNT(keeps)"
    return Sql(
        f"""UPDATE TICKETS SET kept = r.enough, dropped_because = IFF(r.enough, NULL, CONCAT('judge: ', r.because))
        FROM (
            SELECT ticket_id, {enough} AS enough,
                LISTAGG(IFF(keeps, NULL, CONCAT(because, ' (', judge, ')')), '; ')
                    WITHIN GROUP (ORDER BY IFF(keeps IS NULL, 1, 0), position) AS because
            FROM RATINGS WHERE run_id = ? AND ticket_id IN (SELECT row_key FROM {replies}) GROUP BY ticket_id
        ) r
        WHERE TICKETS.run_id = ? AND TICKETS.ticket_id = r.ticket_id AND TICKETS.duplicate_of IS NULL""",
        (*((judges,) if agree == "all" else ()), run_id, run_id),
    )


def unread_sql(replies: str, run_id: str, judge: str) -> Sql:
    """row_key, said, rows_read, reason of one judge's replies, as lost_replies.unread_ratings_sql for a single one."""
    return Sql(
        f"""SELECT r.row_key, COALESCE(r.reply, r.error, '') AS said, COUNT(*) OVER () AS rows_read,
            IFF(t.keeps IS NULL, SUBSTR(t.because, ?), NULL) AS reason
        FROM {replies} r JOIN RATINGS t ON t.run_id = ? AND t.ticket_id = r.row_key AND t.judge = ?""",
        (len(UNREAD) + 3, run_id, judge),
    )
