"""Weak spots: which categories the tuned student takes for which, and how they are shown."""

import pytest

from cortex_distill.report_weak_spots import weak_spots
from cortex_distill.tables import create_sql
from cortex_distill.upload import upload
from cortex_distill.weak_spots import WeakSpot, WeakSpots
from tasks.weak_spots import find_weak_spots
from tests.test_report import score, summary

COLUMNS = ["run_id", "role", "variant", "evaluation_set", "row_key", "category", "request", "prediction", "correct"]


@pytest.fixture
def run(make_run):
    made = make_run()
    made.sql(create_sql("PREDICTIONS"))
    return made


def answer(run, pairs, role="tuned student", evaluation_set="validation"):
    """Rows by what they are and what was said; '' for an answer that names no category."""
    rows = [
        (run.id, role, "x", evaluation_set, f"{n:04d}", a, f"{a} {n}", said or None, a == said)
        for n, (a, said) in enumerate(pairs)
    ]
    upload(run.session, "PREDICTIONS", COLUMNS, rows)


def test_pairs_are_counted_by_direction_those_with_most_rows_first(run):
    answer(run, [("a", "b")] * 2 + [("b", "a")] * 4 + [("c", "a")] * 2 + [("a", "a")] * 6 + [("c", "")] * 3)
    found = find_weak_spots(run.query, run.id, "validation")
    assert (found.n, found.wrong) == (17, 11)
    assert [(one.category, one.answer, one.rows, one.of) for one in found.pairs] == [
        ("b", "a", 4, 4),
        ("c", "a", 2, 5),
        ("a", "b", 2, 8),
    ]
    assert found.pairs[0].requests == ("b 2", "b 3", "b 4")
    assert found.pairs[0].text == "b taken for a: 4 of 4 (100%)"


def test_no_more_pairs_than_asked_for_and_none_of_other_models_runs_or_sets(run):
    answer(run, [("a", "b"), ("b", "a"), ("c", "b")])
    answer(run, [("c", "a")] * 9, role="teacher")
    answer(run, [("c", "a")] * 9, evaluation_set="holdout")
    found = find_weak_spots(run.query, run.id, "validation", 2)
    assert [(one.category, one.answer) for one in found.pairs] == [("a", "b"), ("b", "a")]
    assert find_weak_spots(run.query, "another run", "validation") == WeakSpots("validation", 0, 0, [])


def shown(evaluation_set, request="too <b>small</b>|"):
    return WeakSpots(evaluation_set, 10, 3, [WeakSpot("a", "b|c", 3, 5, (request,))])


def test_the_report_shows_them_as_text_and_says_what_the_holdout_is_for():
    page = weak_spots(summary(weak=[shown("holdout"), shown("validation")]))
    assert "| a | b\\|c | 3 | 60% of 5 |" in page
    assert "<b>" not in page
    assert "`distill refine 1234`" in page
    assert "rows of the holdout has used them up" in page
    assert weak_spots(summary(weak=[WeakSpots("holdout", 3, 0, [])])) == ""


def test_without_confused_validation_tickets_no_refinement_is_offered():
    assert "distill refine 1234" not in weak_spots(summary(weak=[shown("holdout")]))


@pytest.mark.parametrize(("refined_on", "warned"), [(["holdout"], True), (["validation"], False), ((), False)])
def test_a_figure_on_rows_that_chose_the_pairs_carries_a_caution(refined_on, warned):
    said = summary(scores=[score("base student"), score()], refined_on=refined_on).warnings
    assert any("no longer of untouched rows" in one for one in said) == warned
