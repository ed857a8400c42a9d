"""Replies that could not be used, counted by reason, each with an example; and the least that a run needs.

A ticket or rating that cannot be read is lost, an answer that names no category is wrong: either is counted here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cortex_distill.errors import StepError
from cortex_distill.markup import one_line
from cortex_distill.sql import Sql

EXAMPLE = 300  # characters of a lost reply that are kept as an example

# What a run cannot do without, in tickets. With less it ends in a StepError; whatever else is lost is only counted.
MINIMUM = {"written by the teacher": 1, "kept by the judge": 1, "to train on": 1, "to validate on": 1}


class Lost(NamedTuple):
    """Replies to one model and prompt that were lost for the same reason."""

    step: str
    model: str
    prompt: str  # the variant; '' where a step has only one
    reason: str
    replies: int
    of: int  # replies that the step read from this model and prompt
    example: str  # the beginning of one of them, or its error


def need(what: str, found: dict[str, int], lost: Iterable[Lost], remedy: str) -> None:
    """Raises StepError if less was `found` of something than MINIMUM says: what came, the minimum, why, what to do."""
    if all(number >= MINIMUM[name] for name, number in found.items()):
        return
    least = ", ".join(f"{MINIMUM[name]} {name}" for name in found)
    why = "".join(
        f"; {one.replies} of {one.of} replies: {one.reason}, e.g. {one_line(one.example, 120)!r}" for one in lost
    )
    raise StepError(f"{what}, and a run needs at least {least}{why}; {remedy}")


def lost_in(step: str, model: str, prompt: str, rows: Sequence[Sequence[object]]) -> list[Lost]:
    """From rows of reason, replies, of, example."""
    return [Lost(step, model, prompt, str(row[0]), int(str(row[1])), int(str(row[2])), str(row[3])) for row in rows]


def lost_tickets_sql(replies: str, tickets: Sql) -> Sql:
    """reason, replies, of, example of a teacher's replies that held less tickets than they named, the worst first.

    `tickets` is a SELECT with the completion_key of each ticket that was read. A reply names a ticket where it has
    the key `request`, so what was cut off before that key is not seen.
    """
    return Sql(
        f"""SELECT reason, COUNT(*), MAX(rows_read), MIN(LEFT(COALESCE(reply, error, ''), {EXAMPLE})) FROM (
            SELECT r.reply, r.error, COUNT(*) OVER () AS rows_read,
                CASE WHEN r.reply IS NULL THEN 'the call failed' WHEN TRIM(r.reply) = '' THEN 'empty'
                    WHEN REGEXP_COUNT(r.reply, ?, 1, 'i') <= COALESCE(t.tickets, 0) AND t.tickets > 0 THEN NULL
                    WHEN NOT CONTAINS(r.reply, '{{') THEN 'no JSON object'
                    WHEN REGEXP_COUNT(r.reply, ?, 1, 'i') = 0 THEN 'JSON without a request'
                    ELSE IFF(REGEXP_COUNT(r.reply, ?) > REGEXP_COUNT(r.reply, ?), 'cut off', 'broken or not a text')
                        || IFF(t.tickets > 0, ', the other tickets saved', '') END AS reason
            FROM {replies} r LEFT JOIN (SELECT completion_key, COUNT(*) AS tickets FROM ({tickets.text})
                GROUP BY completion_key) t ON t.completion_key = r.completion_key
        ) WHERE reason IS NOT NULL GROUP BY reason ORDER BY 2 DESC, 1""",
        (_REQUEST, _REQUEST, r"\{", r"\}", *tickets.binds),
    )


_REQUEST = r"""request["'”\\]*\s*:"""


def lost_ratings_sql(replies: str, run_id: str, because: str) -> Sql:
    """reason, replies, of, example of a judge's replies that could not be read, by TICKETS.dropped_because.

    `because` is what stands in front of the reason there.
    """
    return Sql(
        f"""SELECT reason, COUNT(*), MAX(rows_read), MIN(LEFT(COALESCE(reply, error, ''), {EXAMPLE})) FROM (
            SELECT r.reply, r.error, COUNT(*) OVER () AS rows_read,
                IFF(STARTSWITH(t.dropped_because, ?), SUBSTR(t.dropped_because, ?), NULL) AS reason
            FROM {replies} r JOIN TICKETS t ON t.run_id = ? AND t.ticket_id = r.row_key
        ) WHERE reason IS NOT NULL GROUP BY reason ORDER BY 2 DESC, 1""",
        (because, len(because) + 3, run_id),
    )


def lost_answers_sql(run_id: str) -> Sql:
    """role, variant, model, reason, replies, of, example: answers that name no category of the run, by what they hold.

    An answer with one category among other words stays wrong: whoever uses the model gets that answer, not our
    reading of it, and "anything but a refund" holds one, too. The count says what a better prompt might win.
    """
    return Sql(
        f"""SELECT role, variant, model, reason, COUNT(*), MAX(rows_read), MIN(LEFT(said, {EXAMPLE})) FROM (
            SELECT p.role, p.variant, p.model, p.rows_read, COALESCE(p.response, p.error, '') AS said,
                CASE WHEN p.response IS NULL THEN 'the call failed' WHEN p.unanswered THEN 'empty'
                    WHEN COUNT(c.category) = 0 THEN 'no category in it'
                    WHEN COUNT(c.category) = 1 THEN 'one category among other words'
                    ELSE 'several categories' END AS reason
            FROM (
                SELECT role, variant, model, evaluation_set, row_key, response, error, unanswered, off_list, run_id,
                    LOWER(REGEXP_REPLACE(response, ?, ' ')) AS lower_response,
                    COUNT(*) OVER (PARTITION BY role, variant) AS rows_read
                FROM PREDICTIONS WHERE run_id = ?
            ) p LEFT JOIN CATEGORIES c ON c.run_id = p.run_id AND CONTAINS(p.lower_response, c.matches)
            WHERE p.off_list OR p.unanswered
            GROUP BY p.role, p.variant, p.model, p.evaluation_set, p.row_key, p.response, p.error, p.unanswered,
                p.rows_read
        ) GROUP BY 1, 2, 3, 4 ORDER BY role DESC, variant, 5 DESC, reason""",
        (r"\s+", run_id),
    )
