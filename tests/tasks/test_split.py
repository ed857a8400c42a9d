"""Splitting: the same tickets, the same shares, everywhere."""

import hashlib
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cortex_distill.errors import StepError
from cortex_distill.splitting import Ticket, split
from cortex_distill.tables import create_sql
from cortex_distill.upload import upload
from tasks.prepare import prepare_tables
from tasks.split import split_sql, split_tickets
from tasks.together import _connect, texts_sql

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
    assert [tuple(row) for row in dropped] == [("Refund-3", False, None, "leak: the same as holdout row 000002", 1.0)]


def test_too_few_tickets_to_validate_on_is_an_error_that_says_what_to_do(make_run):
    run = make_run()
    filled(run, per_category=1)
    with pytest.raises(StepError, match=r"3 tickets to train on and 0 to validate on.*raise generate\.per_category"):
        split_tickets.fn(run)


def python_split(run, table="TICKETS"):
    rows = run.sql(f"SELECT ticket_id, category, request, together FROM {table} WHERE run_id = ? AND kept", run.id)
    shares = run.config.split
    return split(map(Ticket._make, rows), shares.train, shares.validation, shares.test)


def stored(run):
    return dict(run.sql("SELECT ticket_id, split FROM TICKETS WHERE run_id = ? AND kept", run.id))


def test_a_thousand_tickets_are_split_as_plain_python_splits_them(make_run):
    run = make_run({"split": {"train": 0.7, "validation": 0.2, "test": 0.1}})
    prepare_tables.fn(run)
    labels = list(run.config.categories)
    rows = [(run.id, f"t{n:04d}", labels[n % 7 % 3], f"request w{n} x{n} Ünï {n}\t İΣ") for n in range(1000)]
    upload(run.session, "TICKETS", COLUMNS, rows)
    run.sql("UPDATE TICKETS SET kept = TRUE")
    split_tickets.fn(run)
    assert stored(run) == python_split(run)
    for label in labels:
        n = sum(count for (category, _), count in shares(run).items() if category == label)
        assert all(abs(shares(run)[label, name] - n * part) <= 1 for name, part in SHARES.items())


SHARES = {"train": 0.7, "validation": 0.2, "test": 0.1}
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(rows=st.lists(st.tuples(st.integers(0, 2), TEXTS, st.integers(0, 9)), min_size=1, max_size=30))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_with_any_groups_the_engine_and_python_agree(make_run, session, rows):
    run = make_run({"split": {"train": 0.6, "validation": 0.2, "test": 0.2}}, session)
    session.sql("DROP TABLE IF EXISTS TICKETS").collect()
    run.sql(create_sql("TICKETS"))
    labels = list(run.config.categories)
    filled_rows = [
        (run.id, f"t{n:02d}", labels[label], text, f"g{group}" if group < 5 else None)
        for n, (label, text, group) in enumerate(rows)
    ]
    upload(session, "TICKETS", [*COLUMNS, "together"], filled_rows)
    run.sql("UPDATE TICKETS SET kept = TRUE")
    for statement in split_sql(run.id, run.config.split):
        run.query(statement)
    assert stored(run) == python_split(run)


CALM = "my order of {} shoes was promised for last friday but the parcel never came and nobody answers"


def test_tickets_that_resemble_each_other_fall_into_one_share(make_run):
    run = make_run({"deduplicate": {"drop": 0.95, "together": 0.6}})
    filled(run, per_category=0)
    words = ["running", "walking", "dancing", "hiking", "climbing", "cycling"]
    texts = [CALM.format(word) for word in words] + [f"pair {n}a came {n}b back {n}c torn {n}d" for n in range(14)]
    rows = [(run.id, f"t{n:02d}", list(run.config.categories)[n % 3], text) for n, text in enumerate(texts)]
    upload(run.session, "TICKETS", COLUMNS, rows)
    run.sql("UPDATE TICKETS SET kept = TRUE")
    groups = split_tickets.fn(run).groups
    assert (groups.groups, groups.tickets, groups.largest, groups.least) == (1, 6, 6, 0.6)
    assert len({stored(run)[f"t{n:02d}"] for n in range(6)}) == 1
    assert run.count("SELECT COUNT(DISTINCT together) FROM TICKETS WHERE together = 't00'") == 1
    assert stored(run) == python_split(run)


def test_where_nearly_all_resemble_each_other_only_closer_likeness_counts_and_it_is_said(make_run):
    run = make_run()
    filled(run)  # "Refund number 3!", "Refund number 4!", …
    groups = split_tickets.fn(run).groups
    assert groups.least > groups.asked == 0.6
    assert "at 0.60 one group would hold more than 10% of all tickets" in groups.text


@pytest.mark.parametrize("length", [2, 40])
def test_chains_of_any_order_become_one_group(make_run, length):
    run = make_run()
    prepare_tables.fn(run)
    order = [(n * 17) % length if length % 17 else n for n in range(length)]
    for statement in texts_sql(run.id, None):
        run.query(statement)
    upload(run.session, "SPLIT_ALIKE", ["a", "b", "similarity"],
           [(min(a, b) + 1, max(a, b) + 1, 0.7) for a, b in pairwise(order)])  # fmt: skip
    _connect(run, False, 0.6)
    assert [tuple(row) for row in run.sql("SELECT COUNT(*), MAX(label) FROM SPLIT_LABELS")] == [(length, 1)]


def test_by_call_the_tickets_of_one_call_stay_together(make_run):
    run = make_run({"split.by": "call"})
    filled(run)
    run.sql("UPDATE TICKETS SET completion_key = category || ' ' || FLOOR(SPLIT_PART(ticket_id, '-', 2)::NUMBER / 4)")
    split_tickets.fn(run)
    rows = run.sql("SELECT completion_key, COUNT(DISTINCT split), COUNT(DISTINCT together) FROM TICKETS GROUP BY 1")
    assert {tuple(row[1:]) for row in rows} == {(1, 1)}
    assert stored(run) == python_split(run)
    assert {name for _, name in shares(run)} == {"train", "validation"}
