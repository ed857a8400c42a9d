"""Splitting: the same tickets, the same shares, everywhere."""

import hashlib
from collections import Counter

import pytest

from cortex_distill.errors import StepError
from cortex_distill.upload import upload
from tasks.prepare import prepare_tables
from tasks.split import split_tickets

COLUMNS = ["run_id", "ticket_id", "category", "request"]


def filled(run, per_category=20):
    prepare_tables.fn(run)
    rows = [
        (run.id, f"{label}-{n}", label, f"{label} number {n}!")
        for label in run.config.categories
        for n in range(per_category)
    ]
    upload(run.session, "TICKETS", COLUMNS, rows)
    run.sql("UPDATE TICKETS SET kept = TRUE WHERE run_id = ?", run.id)
    return rows


def shares(run):
    rows = run.sql("SELECT category, split, COUNT(*) FROM TICKETS WHERE run_id = ? GROUP BY 1, 2", run.id)
    return {(category, split): count for category, split, count in rows}


def test_every_category_is_cut_at_the_same_shares(make_run):
    run = make_run()
    filled(run)
    split_tickets.fn(run)
    assert {split: count for (label, split), count in shares(run).items() if label == "Refund"} == {
        "train": 15,
        "validation": 5,
    }
    assert Counter(split for _, split in shares(run)) == {"train": 3, "validation": 3}


def test_a_third_share_is_the_test_set(make_run):
    run = make_run({"split": {"train": 0.5, "validation": 0.25, "test": 0.25}})
    filled(run)
    assert split_tickets.fn(run)[:3] == (30, 15, 15)


def test_the_split_is_by_sha2_of_the_normal_request_as_plain_python_computes_it(make_run):
    run = make_run()
    rows = filled(run)
    split_tickets.fn(run)
    stored = dict(run.sql("SELECT ticket_id, split FROM TICKETS WHERE run_id = ?", run.id))
    for label in run.config.categories:
        own = [(row[3].lower().strip("!"), row[1]) for row in rows if row[2] == label]
        ranked = sorted(own, key=lambda pair: (hashlib.sha256(pair[0].encode()).hexdigest(), pair[1]))
        assert [stored[ticket] for _, ticket in ranked] == ["train"] * 15 + ["validation"] * 5


def test_splitting_twice_changes_nothing(make_run):
    run = make_run()
    filled(run)
    first = split_tickets.fn(run), shares(run)
    assert (split_tickets.fn(run), shares(run)) == first


def test_dropped_tickets_have_no_share(make_run):
    run = make_run()
    filled(run)
    run.sql("UPDATE TICKETS SET kept = FALSE WHERE run_id = ? AND category = 'Refund'", run.id)
    split_tickets.fn(run)
    assert ("Refund", None) in shares(run)


def test_what_the_holdout_has_is_never_trained_on(make_run, tmp_path):
    (tmp_path / "rows.csv").write_text('request,category\n"REFUND  number 3",Refund\n', encoding="utf-8")
    run = make_run({"holdout.file": "rows.csv"})
    filled(run)
    assert split_tickets.fn(run).in_holdout == 1
    dropped = run.sql("SELECT ticket_id, kept, split, dropped_because, similarity FROM TICKETS WHERE NOT kept")
    assert [tuple(row) for row in dropped] == [
        ("Refund-3", False, None, "leak: the same as holdout row 000002", 1.0)
    ]


def test_too_few_tickets_to_validate_on_is_an_error_that_says_what_to_do(make_run):
    run = make_run()
    filled(run, per_category=1)
    with pytest.raises(StepError, match=r"3 tickets to train on and 0 to validate on.*raise generate\.per_category"):
        split_tickets.fn(run)
