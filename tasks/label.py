"""Step 2 for real requests: the teacher says which category each belongs to, where else it would write tickets.

Source: the notebook that the quickstart links labels a table of support tickets so; abstaining is ours.
In:   `source:` (tasks/source.py)
Out:  TICKETS (the rows of this run): category, completion_key; dropped ones with the reason

Requests that differ in nothing but case, blanks and punctuation at the ends are asked once, and share the label.
The model sees the request and nothing else of its row.
"""

from __future__ import annotations

from cortex_distill.config_rows import NONE_OF_THESE, Labelling
from cortex_distill.errors import StepError
from cortex_distill.labelled import Labelled
from cortex_distill.ledger import Ask, Asked
from cortex_distill.lost_replies import by_reason_sql, lost_in, need
from cortex_distill.prompts import to_sql
from cortex_distill.replies import normal_sql, object_schema, only_object_sql
from cortex_distill.run import Run
from cortex_distill.sql import Sql
from cortex_distill.transient import is_transient_text
from tasks.evaluate import in_turn
from tasks.source import EMPTY, TOO_LONG, write_requests
from tasks.step import ON_CORTEX, progress, task

ABSTAINED = f"label: {NONE_OF_THESE}"
FAILED = "label: the call failed"
SILENT = "label: the reply was empty"
OFF_LIST = "label: the reply names no category"


@task(name="label", **ON_CORTEX)
def label_requests(run: Run) -> Labelled:
    """Read, ask, label. Safe to repeat. Raises StepError if no request got a label."""
    write_requests(run)
    with progress("label") as report:
        asked = run.ask(labelling_ask(run), report)
    run.query(label_sql(run.id, asked.replies))
    return _count(run, asked)


def labelling_of(run: Run) -> Labelling:
    """The file's words for it. Raises StepError where it has none, which the loader refuses."""
    if run.config.label is None:
        raise StepError("label: the experiment file has no section label; write its prompt")
    return run.config.label


def labelling_ask(run: Run) -> Ask:
    """What the teacher is asked about each different request."""
    config = labelling_of(run)
    labels = [*run.config.categories, *([NONE_OF_THESE] if config.abstain else [])]
    return Ask(
        step="label",
        rows=prompts_sql(run),
        model=run.config.models.teacher,
        parameters={"temperature": 0, "max_tokens": config.max_tokens},
        schema=object_schema({"category": {"type": "string", "enum": labels}}) if config.structured_output else None,
    )


def prompts_sql(run: Run) -> Sql:
    """One prompt for each different request that is neither empty nor too long."""
    examples = in_turn(run.experiment.examples)
    values = {"categories": run.config.categories, "none_of_these": NONE_OF_THESE, "examples": examples}
    prompt = to_sql(labelling_of(run).prompt, values, {"request": "t.request"})
    twins = _twins_sql(run.id)
    return Sql(
        f"""SELECT t.ticket_id AS row_key, {prompt.text} AS prompt, 0 AS draw
        FROM TICKETS t JOIN ({twins.text}) w ON w.own_id = t.ticket_id AND w.first_id = t.ticket_id
        WHERE t.run_id = ?""",
        (*prompt.binds, *twins.binds, run.id),
    )


def _twins_sql(run_id: str) -> Sql:
    """own_id, first_id of every request that is asked about, itself or by its twin."""
    request = normal_sql("request")
    return Sql(
        f"""SELECT ticket_id AS own_id,
            FIRST_VALUE(ticket_id) OVER (PARTITION BY {request.text} ORDER BY ticket_id) AS first_id
        FROM TICKETS WHERE run_id = ? AND dropped_because IS NULL""",
        (*request.binds, run_id),
    )


def label_sql(run_id: str, replies: str) -> Sql:
    """The label of each request, and of its repeats; where there is none, why."""
    twins, label = _twins_sql(run_id), only_object_sql("reply")
    said = normal_sql(f"COALESCE({label.text}:category::STRING, reply, '')")
    return Sql(
        f"""UPDATE TICKETS SET category = l.category, completion_key = l.completion_key, dropped_because = l.reason,
            kept = IFF(l.reason IS NULL, NULL, FALSE)
        FROM (
            SELECT w.own_id, a.completion_key, c.category, CASE WHEN c.category IS NOT NULL THEN NULL
                WHEN a.reply IS NULL THEN ? WHEN a.said = '' THEN ? WHEN a.said = ? THEN ? ELSE ? END AS reason
            FROM ({twins.text}) w
            JOIN (SELECT row_key, completion_key, reply, {said.text} AS said FROM {replies}) a ON a.row_key = w.first_id
            LEFT JOIN CATEGORIES c ON c.run_id = ? AND c.matches = a.said
        ) l WHERE TICKETS.run_id = ? AND TICKETS.ticket_id = l.own_id""",
        (
            *(FAILED, SILENT, NONE_OF_THESE, ABSTAINED, OFF_LIST),
            *(*twins.binds, *label.binds, *said.binds, run_id, run_id),
        ),
    )


def _count(run: Run, asked: Asked) -> Labelled:
    counted = run.sql(
        """SELECT COUNT(*), COUNT(dropped_because = ? OR NULL), COUNT(STARTSWITH(dropped_because, ?) OR NULL),
            COUNT(dropped_because = ? OR NULL), COUNT(dropped_because IN (?, ?, ?) OR NULL), COUNT(category),
            COUNT(source_key) - COUNT(DISTINCT source_key)
        FROM TICKETS WHERE run_id = ?""",
        *(EMPTY, TOO_LONG, ABSTAINED, FAILED, SILENT, OFF_LIST, run.id),
    )[0]
    requests, empty, too_long, abstained, unreadable, labelled, same_id = map(int, counted)
    lost = lost_in("label", asked.model, run.query(by_reason_sql(unread_labels_sql(asked.replies, run.id))))
    if not labelled and asked.rows and all(is_transient_text(one.example) for one in lost) and lost:
        raise StepError(f"label: none of {asked.rows} calls of {asked.model} was answered: {lost[0].example}")
    need(
        f"label: {labelled} of {requests} requests got a label from {asked.model} ({abstained} belong to none,"
        f" {unreadable} replies unreadable, {empty} requests empty, {too_long} too long)",
        {"labelled by the teacher": labelled},
        lost,
        "see that source names the column with the requests, and that label.prompt prints the categories",
    )
    by_category = run.sql(
        """SELECT c.category, COUNT(t.ticket_id) FROM CATEGORIES c
        LEFT JOIN TICKETS t ON t.run_id = c.run_id AND t.category = c.category
        WHERE c.run_id = ? GROUP BY c.category, c.position ORDER BY c.position""",
        run.id,
    )
    return Labelled(
        *(requests, asked, empty, too_long, abstained, unreadable, labelled, same_id),
        by_category=[(category, int(count)) for category, count in by_category],
        lost=lost,
    )


def unread_labels_sql(replies: str, run_id: str) -> Sql:
    """row_key, said, rows_read, reason of the teacher's replies; no reason where it named a category, or abstained."""
    return Sql(
        f"""SELECT r.row_key, COALESCE(r.reply, r.error, '') AS said, COUNT(*) OVER () AS rows_read,
            IFF(t.dropped_because IN (?, ?, ?), SUBSTR(t.dropped_because, 8), NULL) AS reason
        FROM {replies} r JOIN TICKETS t ON t.run_id = ? AND t.ticket_id = r.row_key""",
        (FAILED, SILENT, OFF_LIST, run_id),
    )
