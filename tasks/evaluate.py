"""Step 6: ask every model and prompt variant about rows that nobody trained on, and count.

Source: quickstart, "Test Base Model Performance" and "Inferencing the Distilled Model"; the counting is ours.
In:   TICKETS (validation, test), HOLDOUT, CATEGORIES
Out:  PREDICTIONS, one row per arm and evaluation row
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from cortex_distill.ledger import Ask, Asked
from cortex_distill.prompts import to_sql
from cortex_distill.replies import normal_sql, object_schema, only_object_sql
from cortex_distill.run import Run
from cortex_distill.sql import Sql
from tasks.step import ON_CORTEX, progress, task

TUNED_VARIANT = "tuned"  # the variant name of fine_tune.prompt; no variant of the file may have it
JSON_TOKENS = 24  # allowed beyond evaluate.max_tokens for {"category": "…"}, which takes some ten


class Arm(NamedTuple):
    """One model asked with one prompt."""

    role: str  # teacher, base student, tuned student
    model: str
    variant: str
    template: str
    constrained: bool = False  # to answers that are categories, by a JSON schema


def base_arms(run: Run) -> list[Arm]:
    """Teacher and base student with every variant."""
    models = (("teacher", run.config.models.teacher), ("base student", run.config.models.student))
    variants = [(*variant, variant[0] in run.config.evaluate.constrained) for variant in run.config.prompts.items()]
    return [Arm(role, model, *variant) for role, model in models for variant in variants]


def tuned_arm(run: Run, model: str) -> Arm:
    """The tuned student with the prompt that it was trained on."""
    return Arm("tuned student", model, TUNED_VARIANT, run.config.fine_tune.prompt)


@task(name="evaluate", task_run_name="evaluate {arm.role} {arm.variant}", **ON_CORTEX)
def evaluate_arm(run: Run, arm: Arm) -> Asked:
    """Ask and compare. Safe to repeat. An empty or off-list answer is wrong, and counted as such."""
    with progress(f"evaluate {arm.role}, {arm.variant}") as report:
        asked = run.ask(evaluation_ask(run, arm), report)
    run.sql("DELETE FROM PREDICTIONS WHERE run_id = ? AND role = ? AND variant = ?", run.id, arm.role, arm.variant)
    insert = insert_sql(run.id, arm, asked.replies)
    run.sql(insert.text, *insert.binds)
    return asked


def evaluation_ask(run: Run, arm: Arm) -> Ask:
    """What a model is asked about every row that is predicted."""
    most = run.config.evaluate.max_tokens + (JSON_TOKENS if arm.constrained else 0)
    label = {"category": {"type": "string", "enum": list(run.config.categories)}}
    return Ask(
        step="evaluate",
        rows=prompts_sql(run, arm),
        model=arm.model,
        parameters={"temperature": 0, "max_tokens": most},
        schema=object_schema(label) if arm.constrained else None,
    )


def rows_sql(run_id: str) -> Sql:
    """evaluation_set, row_key, category, request of everything that is predicted. A ticket's key is the same in
    every run that has the ticket, and a holdout row's in every run with that holdout."""
    return Sql(
        """SELECT split AS evaluation_set, ticket_id AS row_key, category, request
        FROM TICKETS WHERE run_id = ? AND split IN ('validation', 'test')
        UNION ALL SELECT 'holdout', row_key, category, request FROM HOLDOUT WHERE run_id = ?""",
        (run_id, run_id),
    )


def prompts_sql(run: Run, arm: Arm) -> Sql:
    """The arm's prompt for every row."""
    rows = rows_sql(run.id)
    values = {"categories": run.config.categories, "examples": in_turn(run.experiment.examples)}
    prompt = to_sql(arm.template, values, {"request": "e.request"})
    return Sql(
        f"SELECT e.evaluation_set || ' ' || e.row_key AS row_key, {prompt.text} AS prompt, 0 AS draw"
        f" FROM ({rows.text}) e",
        (*prompt.binds, *rows.binds),
    )


def in_turn(examples: Mapping[str, Sequence[dict[str, str]]]) -> list[dict[str, str]]:
    """One example of each category, then the next of each: the first n of them are as balanced as can be."""
    return [example for each in zip_longest(*examples.values()) for example in each if example is not None]


def insert_sql(run_id: str, arm: Arm, replies: str) -> Sql:
    """Compare in normal form: case, blanks, quotes and punctuation around the label do not count."""
    rows, label = rows_sql(run_id), only_object_sql("r.reply")
    if arm.constrained:
        said = normal_sql(f"COALESCE({label.text}:category::STRING, r.reply, '')")
        said = Sql(said.text, (*label.binds, *said.binds))
    else:
        said = normal_sql("COALESCE(r.reply, '')")
    return Sql(
        f"""INSERT INTO PREDICTIONS (run_id, role, model, variant, evaluation_set, row_key, category, request,
            completion_key, response, error, prediction, correct, off_list, unanswered, served_by, prompt_tokens,
            completion_tokens)
        SELECT ?, ?, ?, ?, a.evaluation_set, a.row_key, a.category, a.request, a.completion_key, a.reply, a.error,
            c.category, COALESCE(c.category = a.category, FALSE), a.said <> '' AND c.category IS NULL, a.said = '',
            a.served_by, a.prompt_tokens, a.completion_tokens
        FROM (
            SELECT e.evaluation_set, e.row_key, e.category, e.request, r.completion_key, r.reply, r.error,
                r.served_by, r.prompt_tokens, r.completion_tokens, {said.text} AS said
            FROM ({rows.text}) e JOIN {replies} r ON r.row_key = e.evaluation_set || ' ' || e.row_key
        ) a LEFT JOIN CATEGORIES c ON c.run_id = ? AND c.matches = a.said""",
        (run_id, arm.role, arm.model, arm.variant, *said.binds, *rows.binds, run_id),
    )
