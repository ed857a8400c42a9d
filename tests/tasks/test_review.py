"""A person looks at tickets: which are shown, what a mark does, how agreement is told."""

from datetime import datetime, timedelta

import pytest

from cortex_distill.agreement import Agreement, kappa_text
from cortex_distill.load import load_experiment, resolved
from flows.review import form, review_tickets
from tasks.generate import generate_tickets
from tasks.judge import judge_tickets
from tasks.prepare import prepare_tables
from tasks.review import (
    UNSEEN,
    Sampled,
    Shown,
    apply_review,
    form_text,
    is_overdue,
    reviewed_from,
    sample_tickets,
)


@pytest.fixture
def judged(make_run):
    """A run of twelve tickets, of which the judge dropped four."""
    run = make_run({"review": {"tickets": 6}})
    prepare_tables.fn(run)
    for n in range(12):
        kept = n % 3 > 0
        run.sql(
            """INSERT INTO TICKETS (run_id, ticket_id, category, request, rating, kept, dropped_because)
            SELECT ?, ?, 'Refund', ?, PARSE_JSON(?), ?, ?""",
            *(run.id, f"t{n}", f"request {n}", f'{{"valid": {4 if kept else 1}}}', kept),
            None if kept else "judge: valid 1 < 3",
        )
    return run


def marked(run, mark_of):
    """Apply a mark for each ticket of the sample; mark_of gets whether the judge kept it."""
    kept = dict(run.sql("SELECT ticket_id, judge_kept FROM REVIEWS WHERE run_id = ?", run.id))
    return apply_review.fn(run, {ticket: mark_of(judge) for ticket, judge in kept.items()}, "Anna", "")


def test_half_of_the_sample_was_dropped_by_the_judge(judged):
    sample_tickets.fn(judged, 6, 1)
    assert judged.count("SELECT COUNT_IF(judge_kept) FROM REVIEWS") == 3
    assert judged.count("SELECT COUNT(*) FROM REVIEWS") == 6


def test_where_one_side_is_short_the_other_fills_up(judged):
    assert len(sample_tickets.fn(judged, 11, 1).tickets) == 11
    assert judged.count("SELECT COUNT_IF(NOT judge_kept) FROM REVIEWS") == 4


def test_a_run_that_goes_on_asks_about_the_same_tickets(judged):
    first, second = sample_tickets.fn(judged, 6, 1), sample_tickets.fn(judged, 6, 1)
    assert first.tickets == second.tickets
    assert (first.new, second.new, second.answered) == (True, False, False)


def test_repeats_are_not_shown(judged):
    judged.sql("UPDATE TICKETS SET duplicate_of = 't0' WHERE ticket_id <> 't1'")
    assert [ticket.ticket_id for ticket in sample_tickets.fn(judged, 6, 1).tickets] == ["t1"]


def test_what_a_person_drops_is_dropped_and_what_a_person_keeps_comes_back(judged):
    sample_tickets.fn(judged, 6, 1)
    reviewed = marked(judged, lambda judge_kept: "drop" if judge_kept else "keep")
    assert reviewed.kept == 8
    assert reviewed.moved == "3 dropped by a person, 3 brought back by a person"
    assert judged.count("SELECT COUNT_IF(dropped_because = 'review: dropped by Anna') FROM TICKETS WHERE NOT kept") == 3
    assert judged.count("SELECT COUNT(*) FROM TICKETS WHERE kept AND dropped_because IS NOT NULL") == 0


def test_the_judges_reason_stays_where_both_drop(judged):
    sample_tickets.fn(judged, 6, 1)
    marked(judged, lambda judge_kept: "keep" if judge_kept else "drop")
    assert judged.count("SELECT COUNT_IF(dropped_because LIKE 'judge: %') FROM TICKETS") == 4


def test_a_ticket_that_was_not_looked_at_stays_as_the_judge_left_it(judged):
    sample_tickets.fn(judged, 6, 1)
    reviewed = marked(judged, lambda _: UNSEEN)
    assert (reviewed.kept, reviewed.moved) == (8, "")
    assert "nobody marked any of the 6 tickets" in reviewed.text


def test_marks_stored_twice_stand_once_and_outlive_a_judge_that_runs_again(judged):
    sample_tickets.fn(judged, 6, 1)
    one = marked(judged, lambda _: "drop")
    judged.sql("UPDATE TICKETS SET kept = TRUE WHERE rating:valid::NUMBER >= 3")
    assert sample_tickets.fn(judged, 6, 1).answered
    assert apply_review.fn(judged, {}, "", "") == one
    assert judged.count("SELECT COUNT(*) FROM REVIEWS") == 6


def test_other_runs_tickets_are_left_alone(judged):
    sample_tickets.fn(judged, 6, 1)
    judged.sql("INSERT INTO TICKETS (run_id, ticket_id, kept) SELECT 'other', ticket_id, TRUE FROM TICKETS")
    marked(judged, lambda _: "drop")
    assert judged.count("SELECT COUNT_IF(kept) FROM TICKETS WHERE run_id = 'other'") == 12


def test_kappa_has_an_interval_where_there_can_be_one():
    # Fleiss, Cohen, Everitt by hand: observed 30/38, expected (25*23 + 13*15)/38²
    observed, expected = 30 / 38, (25 * 23 + 13 * 15) / 38**2
    told = kappa_text(Agreement(20, 5, 3, 10))
    assert told.startswith(f"Cohen's kappa {(observed - expected) / (1 - expected):.2f} (0.28–")


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ((5, 0, 0, 5), "Cohen's kappa 1.00 (too few marks for an interval)"),
        ((5, 0, 0, 0), "Cohen's kappa undefined (only one kind of ticket)"),
        ((0, 0, 0, 5), "Cohen's kappa undefined (only one kind of ticket)"),
    ],
)
def test_few_marks_promise_nothing(cells, told):
    assert kappa_text(Agreement(*cells)) == told


def test_agreement_no_better_than_chance_is_told_as_such():
    assert kappa_text(Agreement(5, 5, 5, 5)).startswith("Cohen's kappa 0.00")
    assert kappa_text(Agreement(0, 5, 0, 0)).startswith("Cohen's kappa 0.00")


def test_the_sentence_tells_the_sample_and_what_changed():
    reviewed = reviewed_from(Agreement(4, 1, 1, 3), 10, 5, 20, ("Anna", "4 is odd"))
    assert "of 10 tickets (5 that the judge kept, 5 that it dropped) Anna marked 9" in reviewed.text
    assert "7 of 9 marked as the judge did" in reviewed.text
    assert reviewed.text.endswith("1 dropped by a person, 1 brought back by a person. Remark: 4 is odd")


def test_a_hostile_ticket_stays_text_in_the_form():
    text = form_text([Shown("t", "Refund", "<script>alert(1)</script> | **keep** me", "valid 4")])
    assert "<script>" not in text
    assert "\\*\\*keep\\*\\* me" in text
    assert "\\| " in text


def test_nothing_is_preselected_in_the_form():
    asked = form(Sampled([Shown("t", "Refund", "money back", "valid 4")], True, False, False))
    assert asked().model_dump() == {"reviewer": "", "remark": "", "ticket_1": UNSEEN}
    assert asked.model_json_schema()["properties"]["ticket_1"]["title"] == "1. Refund: “money back”"


def test_the_time_for_an_answer_ends():
    asked = datetime(2026, 11, 26, 12)
    assert not is_overdue(asked, asked + timedelta(hours=23), 24)
    assert is_overdue(asked, asked + timedelta(hours=24), 24)


def test_where_nobody_can_be_asked_the_run_says_so_and_asks_nothing(make_run):
    run = make_run({"review": {"tickets": 4}, "generate.per_category": 2})
    prepare_tables.fn(run)
    generate_tickets.fn(run)
    judge_tickets.fn(run)
    assert "nobody can be asked here" in review_tickets(run).text
    assert run.count("SELECT COUNT(*) FROM REVIEWS") == 0


def test_without_review_in_the_file_there_is_none(make_run):
    assert review_tickets(make_run()) is None


def test_files_without_review_and_gate_keep_their_hash_and_record(write):
    plain, gated = load_experiment(write()), load_experiment(write({"promote": GATE}, "gated.yaml"))
    assert not {"review", "promote"} & set(resolved(plain))
    assert plain.hash == gated.hash  # a gate changes no figure
    assert plain.hash != load_experiment(write(), {"review.tickets": 5}).hash


GATE = {"alias": "shoe_router", "set": "validation", "min_accuracy": 0.5}
