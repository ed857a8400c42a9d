"""What the report shows of a run's rows: a ticket of each category, the worst mistakes, what was paid for.

In:   TICKETS, PREDICTIONS, COMPLETIONS
Out:  rows of a Summary
"""

from __future__ import annotations

import json

from cortex_distill.ledger import REPLY
from cortex_distill.run import Run
from cortex_distill.summary import Mistake, Sample, Spent

MISTAKES_SHOWN = 10


def sample_tickets(run: Run) -> list[Sample]:
    """The first kept ticket of each category, with its ratings."""
    rows = run.sql(
        """SELECT t.category, t.request, t.rating FROM TICKETS t
        JOIN CATEGORIES c ON c.run_id = t.run_id AND c.category = t.category
        WHERE t.run_id = ? AND t.kept
        QUALIFY ROW_NUMBER() OVER (PARTITION BY t.category ORDER BY t.ticket_id) = 1 ORDER BY c.position""",
        run.id,
    )
    return [Sample(category, request, _rating(rating)) for category, request, rating in rows]


def _rating(cell: str | None) -> str:
    rating = json.loads(cell) if cell else {}
    return ", ".join(f"{name} {value}" for name, value in rating.items() if name != "reason")


def worst_mistakes(run: Run, evaluation_set: str) -> list[Mistake]:
    """The worst ones: first those that most of the other arms, hence teacher and base student, got right."""
    rows = run.sql(
        f"""SELECT t.category, t.request, COALESCE(t.prediction, t.response, t.error, ''),
            COUNT(o.role = 'teacher' AND o.correct OR NULL), COUNT(o.role = 'teacher' OR NULL),
            COUNT(o.role = 'base student' AND o.correct OR NULL), COUNT(o.role = 'base student' OR NULL)
        FROM PREDICTIONS t LEFT JOIN PREDICTIONS o ON o.run_id = t.run_id AND o.evaluation_set = t.evaluation_set
            AND o.row_key = t.row_key AND o.role <> t.role
        WHERE t.run_id = ? AND t.role = 'tuned student' AND t.evaluation_set = ? AND NOT t.correct
        GROUP BY t.row_key, 1, 2, 3 ORDER BY COUNT(o.correct OR NULL) DESC, t.row_key LIMIT {MISTAKES_SHOWN}""",
        run.id,
        evaluation_set,
    )
    return [Mistake._make((*row[:3], tuple(map(int, row[3:5])), tuple(map(int, row[5:7])))) for row in rows]


def what_was_spent(run: Run) -> list[Spent]:
    """What this run paid for, in the order of the first calls; a call that failed has no tokens."""
    rows = run.sql(
        f"""SELECT step, model,
            COALESCE(LISTAGG(DISTINCT served_by, ', ') WITHIN GROUP (ORDER BY served_by), ''), COUNT(*),
            COUNT(reply IS NULL OR NULL), COALESCE(SUM(prompt_tokens), 0), COALESCE(SUM(completion_tokens), 0)
        FROM (
            SELECT c.step, c.model, c.answered_at, {REPLY} AS reply, c.answer:value:model::STRING AS served_by,
                c.answer:value:usage:prompt_tokens::NUMBER AS prompt_tokens,
                c.answer:value:usage:completion_tokens::NUMBER AS completion_tokens
            FROM COMPLETIONS c WHERE c.run_id = ?
        ) GROUP BY step, model ORDER BY MIN(answered_at), step, model""",
        run.id,
    )
    return [Spent(*row[:3], *map(int, row[3:])) for row in rows]
