"""Replies that could not be used, counted by reason, each with an example; and the least that a run needs.

A ticket or rating that cannot be read is lost, an answer that names no category is wrong: either is counted here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from cortex_distill.errors import StepError
from cortex_distill.markup import one_line
from cortex_distill.replies import BLANK
from cortex_distill.sql import Sql

EXAMPLE = 300  # characters of a lost reply that are kept as an example
REASONS = 3  # in an error text: the most frequent
_REQUEST = r"""request["'”\\]*\s*:"""

# What a run cannot do without, in tickets. With less it ends in a StepError; whatever else is lost is only counted.
MINIMUM = {
    "written by the teacher": 1,
    "labelled by the teacher": 1,
    "kept by the judge": 1,
    "left by the vote": 1,
    "to train on": 1,
    "to validate on": 1,
}


class Lost(NamedTuple):
    """Replies to one model and prompt that were lost for the same reason."""

    step: str  # of answers the role
    model: str
    prompt: str  # the variant; '' where a step has only one
    reason: str
    replies: int
    of: int  # replies that the step read from this model and prompt
    example: str  # the beginning of one of them, or its error


def need(what: str, found: dict[str, int], lost: Sequence[Lost], remedy: str) -> None:
    """Raises StepError if less was `found` of something than MINIMUM says: what came, the minimum, why, what to do."""
    if all(number >= MINIMUM[name] for name, number in found.items()):
        return
    least = ", ".join(f"{MINIMUM[name]} {name}" for name in found)
    why = "".join(
        f"; {one.replies} of {one.of} replies: {one.reason}, e.g. {one_line(one.example, EXAMPLE)!r}"
        for one in lost[:REASONS]
    )
    raise StepError(f"{what}, and a run needs at least {least}{why}; {remedy}")


def lost_in(step: str, model: str, rows: Iterable[Sequence[Any]]) -> list[Lost]:
    """From the rows of by_reason_sql."""
    return [Lost(step, model, "", reason, int(replies), int(of), example) for reason, replies, of, example in rows]


def lost_in_all(lost: Iterable[Lost], of: int) -> list[Lost]:
    """What several asks of one step lost, by model and reason; the most frequent first. `of`: replies of each model."""
    found: dict[tuple[str, str, str], Lost] = {}
    for one in lost:
        key = (one.model, one.prompt, one.reason)
        before = found.get(key)
        example = min(one.example, before.example) if before else one.example
        replies = one.replies + (before.replies if before else 0)
        found[key] = one._replace(replies=replies, of=of, example=example)
    return sorted(found.values(), key=lambda one: (-one.replies, one.model, one.reason))


def lost_answers(rows: Iterable[Sequence[Any]]) -> list[Lost]:
    """From the rows of lost_answers_sql."""
    return [
        Lost(role, model, variant, reason, int(replies), int(of), example)
        for role, model, variant, reason, replies, of, example in rows
    ]


def by_reason_sql(unread: Sql) -> Sql:
    """reason, replies, of, example; the most frequent first. `unread`: one of the SELECTs below."""
    return Sql(
        f"""SELECT reason, COUNT(*), MAX(rows_read), MIN(LEFT(said, {EXAMPLE})) FROM ({unread.text})
        WHERE reason IS NOT NULL GROUP BY reason ORDER BY 2 DESC, 1""",
        unread.binds,
    )


def unread_tickets_sql(replies: str, tickets: Sql) -> Sql:
    """row_key, said, rows_read, reason of a teacher's replies; a reason where one held less tickets than it names.

    `tickets` is a SELECT with the completion_key of each ticket that was read. A reply names a ticket where it has
    the key `request`; what was cut off before that key is not seen.
    """
    named = "REGEXP_COUNT(r.reply, ?, 1, 'i')"
    return Sql(
        f"""SELECT r.row_key, COALESCE(r.reply, r.error, '') AS said, COUNT(*) OVER () AS rows_read,
            CASE WHEN r.reply IS NULL THEN 'the call failed' WHEN TRIM(r.reply, ?) = '' THEN 'empty'
                WHEN t.tickets > 0 AND {named} <= t.tickets THEN NULL
                WHEN NOT CONTAINS(r.reply, '{{') THEN 'no JSON object'
                WHEN {named} = 0 THEN 'JSON without a request'
                ELSE IFF(REGEXP_COUNT(r.reply, ?) > REGEXP_COUNT(r.reply, ?), 'cut off', 'broken or not a text')
                    || IFF(t.tickets > 0, ', the other tickets saved', '') END AS reason
        FROM {replies} r LEFT JOIN (
            SELECT completion_key, COUNT(*) AS tickets FROM ({tickets.text}) GROUP BY completion_key
        ) t ON t.completion_key = r.completion_key""",
        (BLANK, _REQUEST, _REQUEST, r"\{", r"\}", *tickets.binds),
    )


def unread_ratings_sql(replies: str, run_id: str, because: str) -> Sql:
    """row_key, said, rows_read, reason of a judge's replies, from TICKETS.dropped_because, where `because` is in front
    of the reason."""
    return Sql(
        f"""SELECT r.row_key, COALESCE(r.reply, r.error, '') AS said, COUNT(*) OVER () AS rows_read,
            IFF(STARTSWITH(t.dropped_because, ?), SUBSTR(t.dropped_because, ?), NULL) AS reason
        FROM {replies} r JOIN TICKETS t ON t.run_id = ? AND t.ticket_id = r.row_key""",
        (because, len(because) + 3, run_id),
    )


def unread_answers_sql(run_id: str) -> Sql:
    """role, variant, model, evaluation_set, row_key, said, rows_read, reason of answers that are no category.

    An answer with one category among other words stays wrong: whoever uses the model gets that answer, not our
    reading of it, and "anything but a refund" holds one, too. The count says what a better prompt might win.
    """
    return Sql(
        """SELECT role, variant, model, evaluation_set, row_key, ANY_VALUE(said) AS said,
            ANY_VALUE(rows_read) AS rows_read, CASE WHEN BOOLOR_AGG(failed) THEN 'the call failed'
                WHEN BOOLOR_AGG(unanswered) THEN 'empty' WHEN COUNT(category) = 0 THEN 'no category in it'
                WHEN COUNT(category) = 1 THEN 'one category among other words' ELSE 'several categories' END AS reason
        FROM (
            SELECT p.role, p.variant, p.model, p.evaluation_set, p.row_key, p.said, p.rows_read, p.failed,
                p.unanswered, c.category
            FROM (
                SELECT role, variant, model, evaluation_set, row_key, COALESCE(response, error, '') AS said,
                    response IS NULL AS failed, unanswered, off_list,
                    LOWER(REGEXP_REPLACE(response, ?, ' ')) AS lower_response,
                    COUNT(*) OVER (PARTITION BY role, variant) AS rows_read
                FROM PREDICTIONS WHERE run_id = ?
            ) p LEFT JOIN CATEGORIES c ON c.run_id = ? AND CONTAINS(p.lower_response, c.matches)
            WHERE p.off_list OR p.unanswered
        ) GROUP BY role, variant, model, evaluation_set, row_key""",
        (r"\s+", run_id, run_id),
    )


def lost_answers_sql(run_id: str) -> Sql:
    """role, model, variant, reason, replies, of, example; teacher, base student, tuned student."""
    unread = unread_answers_sql(run_id)
    return Sql(
        f"""SELECT role, model, variant, reason, COUNT(*), MAX(rows_read), MIN(LEFT(said, {EXAMPLE}))
        FROM ({unread.text}) GROUP BY role, model, variant, reason
        ORDER BY DECODE(role, 'teacher', 1, 'base student', 2, 3), variant, 5 DESC, reason""",
        unread.binds,
    )
