"""Several judges: whose word counts, what stays on record, and that a dropped ticket names who dropped it."""

from itertools import product

import pytest

from cortex_distill.errors import ConfigError
from cortex_distill.ledger import Asked
from cortex_distill.load import load_experiment
from cortex_distill.lost_replies import Lost
from cortex_distill.upload import upload
from tasks.judge import Judged, all_judged, judge_tickets, settle_sql
from tasks.prepare import prepare_tables

GOOD, BAD = '{"realistic": 4, "valid": 4}', '{"realistic": 5, "valid": 2}'
WORSE, TORN = '{"realistic": 1, "valid": 1}', ""
FIRST, SECOND, THIRD = "llama3.3-70b", "claude-haiku-4-5", "qwen3-32b"


@pytest.fixture
def settled(make_run):
    """(kept, dropped_because) of tickets; each is given as the replies of its judges."""

    def settle(*tickets, agree="all"):
        judges = len(tickets[0])
        run = make_run({"judge.also": [SECOND, THIRD][: judges - 1], "judge.agree": agree})
        prepare_tables.fn(run)
        columns = ["run_id", "ticket_id", "category", "request"]
        upload(run.session, "TICKETS", columns, [(run.id, str(n), "Refund", "x") for n in range(len(tickets))])
        for judge, replies in enumerate(zip(*tickets, strict=True)):
            columns = "row_key STRING, completion_key STRING, reply STRING"
            run.sql(f"CREATE OR REPLACE TEMPORARY TABLE REPLIES_{judge} ({columns})")
            rows = [(str(n), "k", reply) for n, reply in enumerate(replies)]
            upload(run.session, f"REPLIES_{judge}", ["row_key", "completion_key", "reply"], rows)
        for _ in range(2):  # a step that is done again
            for statement in settle_sql(run, [f"REPLIES_{judge}" for judge in range(judges)]):
                run.query(statement)
        ratings = "SELECT judge, keeps, because FROM RATINGS WHERE ticket_id = '0' ORDER BY position"
        settle.ratings = [tuple(row) for row in run.sql(ratings)]
        return [tuple(row) for row in run.sql("SELECT kept, dropped_because FROM TICKETS ORDER BY ticket_id::NUMBER")]

    return settle


def test_where_all_must_agree_one_judge_drops_a_ticket_and_whoever_drops_it_is_named(settled):
    assert settled((GOOD, BAD, GOOD), (GOOD, GOOD, GOOD), (BAD, GOOD, WORSE)) == [
        (False, f"judge: valid 2 < 3 ({SECOND})"),
        (True, None),
        (False, f"judge: valid 2 < 3 ({FIRST}); realistic 1 < 3 ({THIRD})"),
    ]
    assert settled.ratings == [(FIRST, True, None), (SECOND, False, "valid 2 < 3"), (THIRD, True, None)]


EVERY = list(product((GOOD, BAD, TORN), repeat=3))


def test_a_majority_is_more_than_half_of_those_whose_rating_can_be_read(settled):
    found = [kept for kept, _ in settled(*EVERY, agree="majority")]
    assert found == [replies.count(GOOD) > replies.count(BAD) for replies in EVERY]


def test_all_are_all(settled):
    assert [kept for kept, _ in settled(*EVERY)] == [set(replies) == {GOOD} for replies in EVERY]


def test_where_all_must_agree_a_rating_that_cannot_be_read_drops_the_ticket_as_a_single_judges_does(settled):
    unread, low = settled((TORN, GOOD), (TORN, BAD))
    assert unread == (False, f"judge: the rating could not be read: empty ({FIRST})")
    assert low[1].startswith(f"judge: valid 2 < 3 ({SECOND}); the rating could not be read")  # counted as low
    assert settled.ratings[0] == (FIRST, None, "the rating could not be read: empty")


def test_a_later_rounds_ratings_leave_tickets_of_earlier_rounds_as_they_are(make_run):
    run = make_run({"judge.also": [SECOND]})
    with_tickets(run, "first", "second")
    for ticket in ("0", "1"):
        sql = "CREATE OR REPLACE TEMPORARY TABLE REPLIES_x AS SELECT ? AS row_key, 'k' AS completion_key, ? AS reply"
        run.sql(sql, ticket, GOOD)
        for statement in settle_sql(run, ["REPLIES_x", "REPLIES_x"]):
            run.query(statement)
        run.sql("UPDATE TICKETS SET kept = FALSE, dropped_because = 'vote: says Late delivery' WHERE ticket_id = '0'")
    assert [tuple(row) for row in run.sql("SELECT kept, dropped_because FROM TICKETS ORDER BY ticket_id")] == [
        (False, "vote: says Late delivery"),
        (True, None),
    ]
    assert run.count("SELECT COUNT(*) FROM RATINGS") == 4


def with_tickets(run, *requests):
    prepare_tables.fn(run)
    columns = ["run_id", "ticket_id", "category", "scenario", "request"]
    upload(run.session, "TICKETS", columns, [(run.id, str(n), "Refund", "s", r) for n, r in enumerate(requests)])


REQUESTS = ("I bought shoes and want my money back, please refund the order.", "asdf")


def test_each_judge_is_asked_once_and_the_first_ones_rating_stays_on_the_ticket(make_run):
    run = make_run({"judge.also": [SECOND]})
    with_tickets(run, *REQUESTS)
    judged, again = judge_tickets.fn(run), judge_tickets.fn(run)
    assert [(one.model, one.made) for one in (judged.calls, *judged.further)] == [(FIRST, 2), (SECOND, 2)]
    assert sum(one.made for one in (again.calls, *again.further)) == 0
    assert (judged.kept, judged.below) == (again.kept, again.below)
    differ = """SELECT COUNT(*) FROM TICKETS t JOIN RATINGS r ON r.run_id = t.run_id AND r.ticket_id = t.ticket_id
        WHERE r.position = 0 AND (TO_JSON(r.rating) <> TO_JSON(t.rating) OR r.judge_key <> t.judge_key)"""
    assert (run.count(differ), run.count("SELECT COUNT(*) FROM RATINGS")) == (0, 4)


def test_unreadable_ratings_are_counted_by_judge(make_run, connect):
    run = make_run({"judge.also": [SECOND], "judge.agree": "majority"}, connect("broken_json=0.5"))
    with_tickets(run, *(f"I want my money back for order number {n}, please refund it." for n in range(20)))
    judged = judge_tickets.fn(run)
    unread = dict(run.sql("SELECT judge, COUNT_IF(keeps IS NULL) FROM RATINGS GROUP BY judge"))
    assert {one.model: one.replies for one in judged.lost} == unread
    assert judged.unreadable == run.count(
        "SELECT COUNT(*) FROM (SELECT 1 FROM RATINGS GROUP BY ticket_id HAVING COUNT(keeps) = 0)"
    )


def test_one_judge_leaves_no_row_in_ratings(make_run):
    run = make_run()
    with_tickets(run, *REQUESTS)
    judge_tickets.fn(run)
    assert run.count("SELECT COUNT(*) FROM RATINGS") == 0


@pytest.mark.parametrize("also", [[FIRST], [SECOND, SECOND]])
def test_a_judge_named_twice_is_refused(write, also):
    with pytest.raises(ConfigError, match=rf"judge.also.{len(also) - 1}: '{also[-1]}' judges already"):
        load_experiment(write({"judge.also": also}))


def test_over_the_rounds_each_judge_keeps_its_own_lost_replies():
    rounds = [
        Judged(asked(FIRST), 1, 0, 3, [lost(FIRST)], [asked(SECOND)]),
        Judged(asked(FIRST), 2, 0, 2, [lost(FIRST), lost(SECOND)], [asked(SECOND)]),
    ]
    judged = all_judged(rounds)
    assert [(one.model, one.replies, one.of) for one in judged.lost] == [(FIRST, 2, 8), (SECOND, 1, 8)]
    assert [(one.model, one.rows) for one in judged.further] == [(SECOND, 8)]


def asked(model):
    return Asked("judge", model, 4, 4, 0, 1, 1, 1.0, "REPLIES_x")


def lost(model):
    return Lost("judge", model, "", "empty", 1, 4, "")
