"""Messages, step 2: the tuned student sorts the inbox into the categories that it was trained on.

Source: quickstart, "Inferencing the Distilled Model".
In:   MESSAGE_INBOX, CATEGORIES (of the student's run)
Out:  MESSAGE_INBOX.category, classified_key, left_out
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cortex_distill.errors import StepError
from cortex_distill.ledger import Ask, Asked
from cortex_distill.markup import one_line
from cortex_distill.message_sql import redacted_sql
from cortex_distill.prompts import to_sql
from cortex_distill.replies import normal_sql
from cortex_distill.run import Run
from cortex_distill.sql import Sql
from tasks.inbox import messages_of
from tasks.step import ON_CORTEX, progress, task
from tasks.student import Student

FAILED = "classify: the call failed"
NO_CATEGORY = "classify: the answer names no category"
OTHER = "classify: not among messages.only"


class Classified(NamedTuple):
    """What the student made of the inbox."""

    calls: Asked
    by_category: Sequence[tuple[str, int]]  # tickets that are answered
    failed: int
    no_category: int
    other: int  # of a category that is not answered

    @property
    def answered(self) -> int:
        """Tickets that get a message."""
        return sum(tickets for _, tickets in self.by_category)


@task(name="classify the inbox", **ON_CORTEX)
def classify_inbox(run: Run, student: Student) -> Classified:
    """Ask and compare. Safe to repeat. Raises StepError if no ticket is left to be answered."""
    run.sql(
        """UPDATE MESSAGE_INBOX SET category = NULL, classified_key = NULL,
            left_out = IFF(STARTSWITH(left_out, 'classify: '), NULL, left_out) WHERE run_id = ?""",
        run.id,
    )
    with progress("classify the inbox") as report:
        asked = run.ask(classify_ask(run, student), report)
    run.query(update_sql(run, student, asked.replies))
    return _counted(run, asked)


def classify_ask(run: Run, student: Student) -> Ask:
    """What the student is asked: its own prompt and parameters, so that requests of its run cost nothing."""
    kinds = messages_of(run).redact
    # one name per column, and the redaction inside it, so that a template may print it wherever it likes
    prompt = to_sql(student.prompt, {"categories": student.categories}, {"request": "i.shown"})
    shown = redacted_sql("request", kinds)
    return Ask(
        step="classify",
        rows=Sql(
            f"""SELECT i.row_key, {prompt.text} AS prompt, 0 AS draw FROM (
                SELECT row_key, {shown.text} AS shown FROM MESSAGE_INBOX WHERE run_id = ? AND left_out IS NULL) i""",
            (*prompt.binds, *shown.binds, run.id),
        ),
        model=student.model,
        parameters={"temperature": 0, "max_tokens": student.max_tokens},
    )


def update_sql(run: Run, student: Student, replies: str) -> Sql:
    """Compare in normal form, as the evaluation does; what names no category is left out, and says so."""
    said, only = normal_sql("COALESCE(r.reply, '')"), messages_of(run).only
    wanted = f"COALESCE(a.category IN ({', '.join('?' * len(only))}), FALSE)" if only else "TRUE"
    return Sql(
        f"""UPDATE MESSAGE_INBOX SET category = a.category, classified_key = a.completion_key,
            left_out = CASE WHEN a.reply IS NULL THEN ? WHEN a.category IS NULL THEN ? WHEN NOT {wanted} THEN ? END
        FROM (
            SELECT r.row_key, r.completion_key, r.reply, c.category
            FROM (SELECT r.row_key, r.completion_key, r.reply, {said.text} AS said FROM {replies} r) r
            LEFT JOIN CATEGORIES c ON c.run_id = ? AND c.matches = r.said
        ) a WHERE MESSAGE_INBOX.run_id = ? AND MESSAGE_INBOX.row_key = a.row_key""",
        (FAILED, NO_CATEGORY, *only, OTHER, *said.binds, student.run_id, run.id),
    )


def _counted(run: Run, asked: Asked) -> Classified:
    rows = run.sql(
        """SELECT category, COUNT(*) FROM MESSAGE_INBOX WHERE run_id = ? AND left_out IS NULL
        GROUP BY 1 ORDER BY 2 DESC, 1""",
        run.id,
    )
    failed, no_category, other = (
        run.count("SELECT COUNT(*) FROM MESSAGE_INBOX WHERE run_id = ? AND left_out = ?", run.id, why)
        for why in (FAILED, NO_CATEGORY, OTHER)
    )
    if not rows:
        example = run.sql(f"SELECT MIN(LEFT(COALESCE(reply, error, ''), 200)) FROM {asked.replies}")[0][0]
        raise StepError(
            f"classify: none of {asked.rows} tickets is left to be answered ({failed} calls failed, {no_category}"
            f" answers name no category, {other} are not among messages.only); {asked.model} said for instance"
            f" '{one_line(str(example or ''), 120)}'; choose another run with --run, or mend messages.only"
        )
    return Classified(asked, [(str(name), int(n)) for name, n in rows], failed, no_category, other)
