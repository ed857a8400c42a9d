"""What a call of the teacher shows as "not again": tickets of its category that earlier waves of calls have written.

Whether the judge kept them plays no part: a changed judge must not make other calls of the teacher.
"""

from __future__ import annotations

from collections.abc import Iterable

from cortex_distill.plan_sql import CHARACTERS_PER_TOKEN
from cortex_distill.replies import normal_sql
from cortex_distill.sql import Sql

SHOWN = 300  # characters of a ticket: enough to say what it is about


def written_sql(run_id: str, before: int, tokens: int) -> Sql:
    """category, request: those of calls with a number below `before`, the newest calls first, each text once.

    As many of a category as so many tokens may hold; nothing more travels. Those of refine are not shown: the calls of
    the run that is refined would change.
    """
    request = normal_sql("t.request")
    return Sql(
        f"""SELECT category, request FROM (
            SELECT t.category, LEFT(t.request, {SHOWN}) AS request, c.draw, t.ticket_id
            FROM TICKETS t JOIN (
                SELECT key, MIN(draw) AS draw FROM COMPLETIONS
                WHERE key IN (SELECT completion_key FROM TICKETS WHERE run_id = ?) GROUP BY key
            ) c ON c.key = t.completion_key
            WHERE t.run_id = ? AND c.draw < ? AND t.attributes:unlike IS NULL
            QUALIFY ROW_NUMBER() OVER (PARTITION BY t.category, {request.text} ORDER BY c.draw, t.ticket_id) = 1
        )
        QUALIFY SUM(LENGTH(request)) OVER (PARTITION BY category ORDER BY draw DESC, ticket_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) <= ?
        ORDER BY category, draw DESC, ticket_id""",
        (run_id, run_id, before, *request.binds, round(tokens * CHARACTERS_PER_TOKEN)),
    )


def written_of(rows: Iterable[tuple[str, str]], tokens: int) -> dict[str, list[str]]:
    """Category → texts, within so many tokens, at four bytes a token: a character of many scripts is a token."""
    found: dict[str, list[str]] = {}
    left: dict[str, float] = {}
    for category, request in rows:
        left[category] = left.get(category, tokens * CHARACTERS_PER_TOKEN) - len(request.encode())
        if left[category] >= 0:
            found.setdefault(category, []).append(request)
    return found
