"""Checking the judge: labelled requests under their own category and another; what it keeps of either is counted."""

import pytest

from tasks.check_judge import check_judge, count_sql, prompts_sql
from tasks.prepare import prepare_tables

ROWS = [
    "I want my money back,Refund",
    "It does not fit,Wrong size",
    "Where is my parcel,Late delivery",
    "Refund me,Refund",
]


@pytest.fixture
def checked(make_run, tmp_path):
    """A run with a holdout of four rows, prepared."""

    def make(changes=None):
        (tmp_path / "rows.csv").write_text("\n".join(["request,category", *ROWS]), encoding="utf-8")
        run = make_run({"holdout": {"file": "rows.csv"}, **(changes or {})})
        prepare_tables.fn(run)
        return run

    return make


def prompts(run):
    rows = prompts_sql(run)
    return [(row[0].split()[0], row[1]) for row in run.sql(f"{rows.text} ORDER BY 2", *rows.binds)]


def test_each_request_is_shown_under_its_own_category_and_under_the_next_one(checked):
    shown = prompts(checked({"judge.prompt": "{{ category }} ({{ definition }}): {{ request }}"}))
    assert len(shown) == 8
    assert ("own", "Wrong size (the shoe is too small or too large and should be exchanged): It does not fit") in shown
    assert ("other", "Late delivery (the parcel has not arrived yet): It does not fit") in shown
    assert ("other", "Wrong size (the shoe is too small or too large and should be exchanged): Refund me") in shown


def test_the_rows_asked_about_are_as_balanced_as_can_be(checked):
    shown = prompts(checked({"judge.check": 3, "judge.prompt": "{{ category }}: {{ request }}"}))
    assert sorted(text.split(":")[0] for whose, text in shown if whose == "own") == [
        "Late delivery",
        "Refund",
        "Wrong size",
    ]


def test_a_kept_pair_is_counted_by_which_of_the_two_was_kept(checked):
    run = checked()
    run.sql("CREATE OR REPLACE TEMPORARY TABLE REPLIES_x (row_key STRING, completion_key STRING, reply STRING)")
    good, bad = '{"realistic": 3, "valid": 3}', '{"realistic": 5, "valid": 2}'
    for key, own, other in (
        ("1", good, good),
        ("2", good, bad),
        ("3", good, "unreadable"),
        ("4", bad, good),
        ("5", bad, bad),
    ):
        run.sql(
            "INSERT INTO REPLIES_x (row_key, reply) SELECT ?, ? UNION ALL SELECT ?, ?",
            f"own {key}",
            own,
            f"other {key}",
            other,
        )
    count = count_sql("REPLIES_x", {"realistic": 3, "valid": 3})
    assert tuple(run.sql(count.text, *count.binds)[0]) == (1, 2, 1, 1)


def test_a_judge_that_knows_the_categories_keeps_more_requests_under_their_own(checked):
    found = check_judge.fn(checked())
    assert (found.rows, found.calls.rows) == (4, 8)
    assert found.own >= found.other
    assert f"keeps {found.own} under their own category and {found.other} under another" in found.text


def test_four_rows_cannot_show_that_a_judge_can_tell(checked):
    assert check_judge.fn(checked()).can_tell is False


@pytest.mark.parametrize("changes", [{"holdout": None}, {"judge.check": 0}])
def test_without_labelled_rows_nothing_is_asked(checked, changes):
    run = checked(changes)
    assert check_judge.fn(run) is None
    assert run.count("SELECT COUNT(*) FROM COMPLETIONS") == 0
