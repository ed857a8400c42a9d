"""Leaks: nothing that models are measured on is trained on, and what was taken out is told."""

import csv
import json

import pytest

from cortex_distill.report_leaks import leaks as section
from cortex_distill.upload import upload
from tasks.leaks import across_sql, find_leaks
from tasks.prepare import prepare_tables
from tasks.split import divide, split_tickets

LONG = (
    "my order of running shoes was promised for last friday but the parcel never came and your tracking page says"
    " nothing new since tuesday"
)
OTHERS = [f"shoe {n}a pinches {n}b at the {n}c toe" for n in range(8)]


@pytest.fixture
def write_holdout(tmp_path):
    def write_rows(*requests):
        with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("request", "category"), *((text, "Refund") for text in requests)])
        return {"holdout.file": "rows.csv"}

    return write_rows


def filled(make_run, changes, *requests):
    run = make_run(changes)
    prepare_tables.fn(run)
    rows = [(run.id, f"t{place:03d}", "Refund", text) for place, text in enumerate([*requests, *OTHERS])]
    upload(run.session, "TICKETS", ["run_id", "ticket_id", "category", "request"], rows)
    run.sql("UPDATE TICKETS SET kept = TRUE")
    return run


def test_what_nearly_is_in_the_holdout_leaves_with_its_twin_and_is_listed(make_run, write_holdout):
    holdout = write_holdout("Where is my money?", LONG.replace("friday", "monday") + " <i>")
    run = filled(make_run, holdout, LONG, " WHERE is my money? ")
    assert split_tickets.fn(run).in_holdout == 2
    assert split_tickets.fn(run).in_holdout == 2
    rows = run.sql("SELECT ticket_id, dropped_because, split FROM TICKETS WHERE NOT kept ORDER BY 1")
    assert [tuple(row) for row in rows] == [
        ("t000", "leak: 0.81 like holdout row 000003", None),
        ("t001", "leak: the same as holdout row 000002", None),
    ]
    found = find_leaks(run)
    assert (found.holdout, found.tickets, next(one.twin for one in found.found)) == (2, 2, "Where is my money?")
    text = section(found, "", "")
    assert "2 kept tickets left the run" in text
    assert "<i>" not in text


def test_examples_that_are_in_the_holdout_are_told_of_and_stay(make_run, write_holdout, tmp_path):
    row = {"category": "Refund", "scenario": "s", "request": f"{LONG}!"}
    (tmp_path / "examples.jsonl").write_text(json.dumps(row), encoding="utf-8")
    changes = write_holdout(LONG) | {"generate.examples": {"file": "examples.jsonl"}, "fine_tune.rows": "both"}
    changes["generate.prompt"] = "{{ count }} {{ category }} {{ examples }}"
    found = find_leaks(filled(make_run, changes))
    assert (found.tickets, found.examples, found.learnt) == (0, 1, True)
    assert "1 example resembles a holdout row: the student is trained on them" in found.caution


def test_a_twin_that_got_into_another_share_leaves_train(make_run):
    run = filled(make_run, {}, LONG, LONG.replace("friday", "monday"), "exact twin", "Exact twin!")
    divide(run)
    run.sql("UPDATE TICKETS SET split = IFF(ticket_id IN ('t000', 't002'), 'train', 'validation')")
    for statement in across_sql(run.id, 0.8):
        run.query(statement)
    rows = run.sql("SELECT ticket_id, dropped_because FROM TICKETS WHERE NOT kept ORDER BY 1")
    assert [tuple(row) for row in rows] == [
        ("t000", "leak: 0.84 like ticket t001 of validation"),
        ("t002", "leak: the same as ticket t003 of validation"),
    ]


def test_without_a_holdout_nothing_is_compared_and_nothing_leaves(make_run):
    run = filled(make_run, {})
    assert split_tickets.fn(run).in_holdout == 0
    assert find_leaks(run).holdout == 0
