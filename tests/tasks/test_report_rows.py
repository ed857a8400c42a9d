"""What the report reads from the tables: the worst mistakes, and what the run paid for."""

import json

import pytest

from cortex_distill.lost_replies import Lost, lost_answers, lost_answers_sql
from cortex_distill.summary import Spent
from cortex_distill.tables import create_sql
from tasks.prepare import prepare_tables
from tasks.report_rows import what_was_spent, worst_mistakes


@pytest.fixture
def run(make_run):
    made = make_run()
    for table in ("PREDICTIONS", "COMPLETIONS"):
        made.sql(create_sql(table))
    return made


def predict(run, row_key, role, variant, correct, prediction="Refund"):
    run.sql(
        """INSERT INTO PREDICTIONS (run_id, role, variant, row_key, request, prediction, correct, evaluation_set,
            category) SELECT ?, ?, ?, ?, ?, ?, ?, 'holdout', 'Wrong size'""",
        *(run.id, role, variant, row_key, f"request {row_key}", prediction, correct),
    )


def test_the_worst_mistakes_are_those_that_most_others_got_right(run):
    for row_key, teacher, base in (("1", False, False), ("2", True, False), ("3", True, True)):
        predict(run, row_key, "tuned student", "tuned", False)
        predict(run, row_key, "teacher", "a", teacher)
        predict(run, row_key, "base student", "a", base)
        predict(run, row_key, "base student", "b", False)
    predict(run, "4", "tuned student", "tuned", True)
    found = [(one.request, one.teachers, one.bases) for one in worst_mistakes(run, "holdout")]
    assert found == [("request 3", (1, 1), (1, 2)), ("request 2", (1, 1), (0, 2)), ("request 1", (0, 1), (0, 2))]


def test_an_answer_that_names_no_category_is_shown_as_it_was(run):
    predict(run, "1", "tuned student", "tuned", False, prediction=None)
    run.sql("UPDATE PREDICTIONS SET response = 'no idea'")
    (one,) = worst_mistakes(run, "holdout")
    assert (one.answer, one.teachers) == ("no idea", (0, 0))


def complete(run, step, text, run_id=None, tokens=10):
    usage = {"model": "simulated:small", "usage": {"prompt_tokens": tokens, "completion_tokens": 1}}
    value = {**usage, "choices": [{"messages": text}]} if text else None
    run.sql(
        """INSERT INTO COMPLETIONS (run_id, step, model, answer, answered_at)
        SELECT ?, ?, 'm', PARSE_JSON(?), CURRENT_TIMESTAMP()::TIMESTAMP_NTZ""",
        *(run_id or run.id, step, json.dumps({"value": value, "error": None if text else "refused"})),
    )


def test_the_run_pays_for_its_own_calls_those_that_failed_included(run):
    complete(run, "judge", "4")
    complete(run, "judge", "5", tokens=20)
    complete(run, "judge", "")
    complete(run, "evaluate", "a")
    complete(run, "judge", "4", run_id="another run")
    assert what_was_spent(run) == [
        Spent("judge", "m", "simulated:small", 3, 1, 30, 2),
        Spent("evaluate", "m", "simulated:small", 1, 0, 10, 1),
    ]


def test_lost_answers_are_counted_by_arm_and_by_what_they_hold(run):
    prepare_tables.fn(run)
    for key, response, unanswered in (
        ("1", "It is a refund", False),
        ("2", "surely a Refund", False),
        ("3", "Refund or wrong size", False),
        ("4", "", True),
        ("5", None, True),
    ):
        predict(run, key, "teacher", "a", False, prediction=None)
        run.sql(
            "UPDATE PREDICTIONS SET model = 'm', response = ?, error = 'refused', off_list = ?, unanswered = ?"
            " WHERE row_key = ?",
            *(response, not unanswered, unanswered, key),
        )
    predict(run, "6", "tuned student", "tuned", True)
    assert lost_answers(run.query(lost_answers_sql(run.id))) == [
        Lost("teacher", "m", "a", "one category among other words", 2, 5, "It is a refund"),
        Lost("teacher", "m", "a", "empty", 1, 5, ""),
        Lost("teacher", "m", "a", "several categories", 1, 5, "Refund or wrong size"),
        Lost("teacher", "m", "a", "the call failed", 1, 5, "refused"),
    ]
