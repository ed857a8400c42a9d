"""Evaluating: what counts as right, as off the list, as unanswered; and how it is recorded."""

import json

import pytest

from cortex_distill.upload import upload
from tasks.evaluate import Arm, evaluate_arm, in_turn, insert_sql
from tasks.prepare import prepare_tables
from tasks.record import count_scores, record_results

ARM = Arm("teacher", "llama3.3-70b", "v", "{{ request }}")


@pytest.fixture
def run(make_run, tmp_path):
    rows = ["I want my money back,Refund", "It does not fit,Wrong size", "Where is my parcel,Late delivery"]
    (tmp_path / "rows.csv").write_text("\n".join(["request,category", *rows]), encoding="utf-8")
    run = make_run({"holdout.file": "rows.csv"})
    prepare_tables.fn(run)
    return run


def predicted(run, *replies, arm=ARM):
    """Stores what a model is said to have answered to the holdout's rows, and gives back what became of it."""
    run.sql(
        "CREATE OR REPLACE TEMPORARY TABLE REPLIES_x (row_key STRING, completion_key STRING, reply STRING,"
        " error STRING, served_by STRING, prompt_tokens NUMBER, completion_tokens NUMBER)"
    )
    keys = [row[0] for row in run.sql("SELECT row_key FROM HOLDOUT WHERE run_id = ? ORDER BY 1", run.id)]
    columns = ["row_key", "completion_key", "reply", "error", "served_by", "prompt_tokens", "completion_tokens"]
    rows = [
        (f"holdout {key}", "k", reply, None if reply is not None else "boom", "real-model", 7, 2)
        for key, reply in zip(keys, replies, strict=False)
    ]
    upload(run.session, "REPLIES_x", columns, rows)
    insert = insert_sql(run.id, arm, "REPLIES_x")
    run.sql(insert.text, *insert.binds)
    found = run.sql("SELECT prediction, correct, off_list, unanswered FROM PREDICTIONS ORDER BY row_key")
    return [tuple(row) for row in found]


@pytest.mark.parametrize("reply", ["Refund", " refund.\n", '"Refund"', "**Refund**", "REFUND!", "`Refund`"])
def test_case_blanks_quotes_and_marks_around_a_label_do_not_count(run, reply):
    assert predicted(run, reply) == [("Refund", True, False, False)]


def test_another_label_is_wrong(run):
    assert predicted(run, "wrong   SIZE") == [("Wrong size", False, False, False)]


@pytest.mark.parametrize("reply", ["The category is Refund", "Refund or Wrong size", "Complaint", "{}x"])
def test_an_answer_off_the_list_is_wrong_and_counted(run, reply):
    assert predicted(run, reply) == [(None, False, True, False)]


def test_a_constrained_answer_is_read_out_of_its_json_and_a_free_one_is_not(run):
    reply = '{"category": "Refund"}'
    assert predicted(run, reply, arm=ARM._replace(constrained=True)) == [("Refund", True, False, False)]
    run.sql("DELETE FROM PREDICTIONS")
    assert predicted(run, reply) == [(None, False, True, False)]


def test_a_constrained_variant_can_only_answer_with_a_category(run):
    arm = Arm("base student", "llama3.1-8b", "v", "Which of Refund, Wrong size? request: {{ request }}", True)
    evaluate_arm.fn(run, arm)
    ((off_list, unanswered, n),) = run.sql("SELECT COUNT_IF(off_list), COUNT_IF(unanswered), COUNT(*) FROM PREDICTIONS")
    assert (off_list, unanswered, n) == (0, 0, 3)
    assert run.count("SELECT COUNT(*) FROM COMPLETIONS WHERE response_format:properties:category:enum[2] IS NULL") == 0


def test_examples_come_one_of_each_category_in_turn():
    one, two, three = {"request": "1"}, {"request": "2"}, {"request": "3"}
    assert in_turn({"a": [one, three], "b": [two]}) == [one, two, three]


@pytest.mark.parametrize("reply", ["", "  \n", "...", None])
def test_an_empty_or_failed_answer_is_wrong_and_counted_as_unanswered(run, reply):
    assert predicted(run, reply) == [(None, False, False, True)]


def test_scores_add_up(run):
    predicted(run, "Refund", "Complaint", "")
    (score,) = count_scores(run)
    assert (score.n, score.correct, score.off_list, score.unanswered) == (3, 1, 1, 1)
    assert (score.prompt_tokens, score.completion_tokens, score.served_by) == (21, 6, "real-model")
    assert score.confusion == {("Refund", "Refund"): 1, ("Wrong size", ""): 1, ("Late delivery", ""): 1}


def test_evaluating_twice_leaves_one_row_per_arm_and_row_and_makes_no_call(run):
    first = evaluate_arm.fn(run, ARM)
    again = evaluate_arm.fn(run, ARM)
    assert (first.made, again.made) == (3, 0)
    assert run.count("SELECT COUNT(*) FROM PREDICTIONS") == 3


def test_a_recorded_row_holds_figure_interval_source_and_config(run):
    asked = evaluate_arm.fn(run, ARM)
    (score,) = record_results.fn(run, [(ARM, asked)])
    row = run.sql("SELECT * FROM EXPERIMENTS")[0].as_dict()
    assert (row["RUN_ID"], row["EXPERIMENT"], row["ROLE"], row["VARIANT"]) == (run.id, "shoes", "teacher", "v")
    assert (row["N"], row["CORRECT"], row["EVALUATION_SET"]) == (3, score.correct, "holdout")
    assert (row["ACCURACY_LOW"], row["ACCURACY_HIGH"]) == pytest.approx(score.interval)
    assert row["SERVED_BY"].startswith("simulated:")
    assert row["CREDITS"] is None
    assert json.loads(row["CONFIG"])["models"]["student"] == "llama3.1-8b"


def test_recording_twice_leaves_one_row(run):
    asked = evaluate_arm.fn(run, ARM)
    record_results.fn(run, [(ARM, asked)])
    record_results.fn(run, [(ARM, asked)])
    assert run.count("SELECT COUNT(*) FROM EXPERIMENTS") == 1
