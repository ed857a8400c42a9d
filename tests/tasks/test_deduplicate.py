"""De-duplicating: what repeats another ticket is marked with its twin, and what only looks like it is not."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cortex_distill.alike import similarity
from cortex_distill.upload import upload
from tasks.deduplicate import deduplicate_tickets
from tasks.prepare import prepare_tables

LONG = (
    "my order of running shoes was promised for last friday but the parcel never came and your tracking page says"
    " nothing new since tuesday"
)


def put(run, *requests, category="Refund", round_=None, start=0):
    rows = [(run.id, f"t{place:03d}", category, text, round_) for place, text in enumerate(requests, start=start)]
    upload(run.session, "TICKETS", ["run_id", "ticket_id", "category", "request", "round"], rows)


def marks(run):
    rows = run.sql(
        "SELECT ticket_id, duplicate_of, ROUND(similarity, 2), dropped_because FROM TICKETS WHERE run_id = ?",
        run.id,
    )
    return {row[0]: tuple(row[1:]) for row in rows if row[1] is not None}


@pytest.fixture
def run(make_run):
    run = make_run()
    prepare_tables.fn(run)
    return run


def test_repeats_keep_their_twin_their_likeness_and_the_reason(run):
    put(run, LONG, "Where is my refund?", LONG.replace("friday", "monday"), " where is MY refund?!")
    done = deduplicate_tickets.fn(run)
    assert (done.tickets, done.exact, done.near, done.in_another) == (4, 1, 1, 0)
    alike = similarity(LONG, LONG.replace("friday", "monday"))
    assert marks(run) == {
        "t002": ("t000", round(alike, 2), f"deduplicate: {int(alike * 100) / 100:.2f} like another ticket"),
        "t003": ("t001", 1.0, "deduplicate: repeats another ticket"),
    }
    assert run.count("SELECT COUNT_IF(NOT kept) FROM TICKETS") == 2


def test_a_repeat_in_another_category_says_that_a_label_is_wrong(run):
    put(run, LONG, "same")
    put(run, f"{LONG} please", " SAME. ", category="Late delivery", start=2)
    assert deduplicate_tickets.fn(run).in_another == 2
    assert all("of another category: one of the two is labelled wrongly" in mark[2] for mark in marks(run).values())


def test_of_a_chain_each_ticket_that_repeats_no_ticket_that_stays_stays(run):
    words = LONG.split()
    chain = [" ".join([*words[:-n], *(["else"] * n)]) if n else LONG for n in range(5)]
    assert similarity(chain[0], chain[1]) >= 0.8 > similarity(chain[0], chain[4])
    put(run, *chain)
    deduplicate_tickets.fn(run)
    stays = [text for place, text in enumerate(chain) if f"t{place:03d}" not in marks(run)]
    assert chain[0] in stays
    assert all(similarity(a, b) < 0.8 for a in stays for b in stays if a is not b)
    assert all(any(similarity(text, kept) >= 0.8 for kept in stays) for text in chain)


def test_the_earlier_round_stays_and_a_later_round_changes_nothing_about_it(run):
    put(run, LONG, round_=2)
    put(run, f"{LONG} please", round_=1, start=1)
    deduplicate_tickets.fn(run)
    assert list(marks(run)) == ["t000"]
    before = marks(run)
    put(run, f"{LONG} thanks", round_=3, start=2)
    deduplicate_tickets.fn(run)
    assert {name: mark for name, mark in marks(run).items() if name != "t002"} == before
    assert marks(run)["t002"][0] == "t001"


def test_doing_it_twice_changes_nothing_and_spares_what_the_judge_said(run):
    put(run, LONG, LONG, "unlike all others")
    first = deduplicate_tickets.fn(run), marks(run)
    run.sql("UPDATE TICKETS SET kept = FALSE, dropped_because = 'judge: valid 1 < 3' WHERE ticket_id = 't002'")
    assert (deduplicate_tickets.fn(run), marks(run)) == first
    assert run.sql("SELECT dropped_because FROM TICKETS WHERE ticket_id = 't002'")[0][0] == "judge: valid 1 < 3"


def test_with_drop_1_only_exact_repeats_are_marked(make_run):
    run = make_run({"deduplicate": {"drop": 1.0, "together": 1.0}})
    prepare_tables.fn(run)
    put(run, LONG, f"{LONG} please", f"  {LONG.upper()}! ")
    assert deduplicate_tickets.fn(run).text == "1 repeat another ticket"
    assert list(marks(run)) == ["t002"]


def test_hostile_requests_are_compared_as_they_are(run):
    put(
        run,
        "...",
        "!!!",
        "😀",
        "שלום עולם",
        "'; DROP TABLE TICKETS; --",
        "x" * 1_000_000,
        "...",
        "\u202eabc",
        "日本語 ",
    )
    deduplicate_tickets.fn(run)
    assert marks(run) == {"t006": ("t000", 1.0, "deduplicate: repeats another ticket")}


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=7).map(" ".join), min_size=1, max_size=15))
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_two_tickets_that_stay_are_alike_and_each_that_goes_is_like_one_that_stays(run, requests):
    run.sql("DELETE FROM TICKETS")
    put(run, *requests)
    deduplicate_tickets.fn(run)
    gone = marks(run)
    stays = [text for place, text in enumerate(requests) if f"t{place:03d}" not in gone]
    assert all(similarity(a, b) < 0.8 for place, a in enumerate(stays) for b in stays[place + 1 :])
    assert all(
        any(similarity(text, kept) >= 0.8 or text.strip() == kept.strip() for kept in stays) for text in requests
    )
