"""How different the kept tickets are: counted in the engine, comparable between runs, shown with its n."""

import json

import pytest

from cortex_distill.diversity import WORDS, diversity
from cortex_distill.report_diversity import diversity as shown
from cortex_distill.report_diversity import in_short
from cortex_distill.upload import upload
from tasks.prepare import prepare_tables

COLUMNS = ["run_id", "ticket_id", "category", "request", "kept", "completion_key", "duplicate_of", "similarity"]


@pytest.fixture
def of(make_run):
    """The diversity of tickets given as (category, request), and of others as whole rows."""

    def one(tickets, others=(), attributes=None):
        run = make_run()
        prepare_tables.fn(run)
        rows = [(run.id, f"t{n:06d}", *ticket, True, f"c{n // 2}", None, None) for n, ticket in enumerate(tickets)]
        upload(run.session, "TICKETS", COLUMNS, [*rows, *((run.id, *row) for row in others)])
        for number, said in enumerate(attributes or ()):
            run.sql(
                "UPDATE TICKETS SET attributes = PARSE_JSON(?) WHERE ticket_id = ?", json.dumps(said), f"t{number:06d}"
            )
        return diversity(run.query, run.id)

    return one


def test_words_and_pairs_are_counted_without_marks_and_case_and_a_pair_ends_with_its_ticket(of):
    found = of([("Refund", "My money, my MONEY!"), ("Refund", "money back")])
    every, refund = found.spreads
    # my money my money | money back: 3 words of 6, pairs my-money, money-my, my-money, money-back
    assert (every.category, refund.category) == ("", "Refund")
    assert (refund.sample, refund.distinct_1, refund.distinct_2) == (6, 3 / 6, 3 / 4)
    assert refund.words == (2, 2.5, 3, 3.5, 4)


def test_a_run_of_any_size_is_measured_on_as_many_words(of):
    tickets = [(name, f"word{n} is another request of number {n}") for n in range(200) for name in ("Refund", "Late")]
    found = of(tickets)
    assert [(one.category, one.tickets, one.sample) for one in found.spreads] == [
        ("", 400, WORDS),
        ("Late", 200, WORDS),
        ("Refund", 200, WORDS),
    ]
    assert "| n |" not in shown(found)


def test_a_teacher_that_varies_less_has_a_lower_figure(of):
    same = of([("Refund", "I want my money back now")] * 30)
    other = of([("Refund", f"a{n} b{n} c{n} d{n} e{n} f{n}") for n in range(30)])
    assert same.spreads[0].distinct_2 < 0.1 < 0.9 < other.spreads[0].distinct_2


def test_repeats_are_told_by_kind_and_dropped_tickets_are_in_no_figure(of):
    twins = [
        ("x1", "Refund", "One", False, "c9", "t000000", None),
        ("x2", "Refund", "Ones", False, "c9", "t000000", 0.9),
    ]
    found = of([("Refund", "one"), ("Refund", "two words")], twins)
    assert (found.written, found.repeats, found.near, found.spreads[0].tickets) == (4, 1, 1, 2)
    assert "25.0% of 4 written tickets repeat another one, 25.0% nearly" in shown(found)


def test_each_text_of_an_attribute_is_shown_with_its_calls_and_what_was_kept(of):
    dropped = [("t000003", "Refund", "d", False, "c1", None, None)]
    tones = [{"tone": "calm"}, {"tone": "calm"}, {"tone": "a|b"}, {"tone": "a|b"}]
    found = of([("Refund", text) for text in "abc"], dropped, tones)
    assert [(one.text, one.calls, one.written, one.kept) for one in found.values] == [
        ("a|b", 1, 2, 1),
        ("calm", 1, 2, 2),
    ]
    assert "| tone | a\\|b | 1 | 2 | 1 | 50.0% |" in shown(found)
    assert "tone 1 to 1" in shown(found)
    assert "distinct-1 1.00" in in_short(found)


def test_without_a_kept_ticket_there_is_nothing_to_say(of):
    assert of([]) is None
    assert shown(None) == ""
