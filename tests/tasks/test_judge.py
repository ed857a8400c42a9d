"""Judging: thresholds are inclusive, and a reply that cannot be read says nothing about the ticket."""

import pytest

from cortex_distill.errors import StepError
from cortex_distill.upload import upload
from tasks.judge import UNREADABLE, judge_tickets, keep_sql, prompts_sql, rate_sql
from tasks.prepare import prepare_tables

THRESHOLDS = {"realistic": 4, "valid": 4}


@pytest.fixture
def judged(make_run):
    """Runs the two statements of the step on replies that the test writes, and gives back TICKETS by reply."""

    def judge(*replies):
        run = make_run()
        prepare_tables.fn(run)
        columns = ["run_id", "ticket_id", "category", "request"]
        upload(run.session, "TICKETS", columns, [(run.id, str(n), "Refund", "x") for n in range(len(replies))])
        run.sql("CREATE OR REPLACE TEMPORARY TABLE REPLIES_x (row_key STRING, completion_key STRING, reply STRING)")
        upload(
            run.session,
            "REPLIES_x",
            ["row_key", "completion_key", "reply"],
            [(str(n), "k", r) for n, r in enumerate(replies)],
        )
        for statement in (rate_sql(run.id, "REPLIES_x", THRESHOLDS), keep_sql(run.id, THRESHOLDS)):
            run.sql(statement.text, *statement.binds)
        return [tuple(row) for row in run.sql("SELECT kept, dropped_because FROM TICKETS ORDER BY ticket_id::NUMBER")]

    return judge


def test_a_rating_at_the_bar_is_kept(judged):
    assert judged('{"realistic": 4, "valid": 4}') == [(True, None)]


def test_a_rating_below_the_bar_names_the_criterion_and_both_numbers(judged):
    assert judged('{"realistic": 5, "valid": 3}') == [(False, "judge: valid 3 < 4")]


def test_a_rating_in_a_fence_or_in_prose_is_read(judged):
    fenced = '```json\n{"realistic": 5, "valid": 4, "reason": "uses {braces} and \\"quotes\\""}\n```'
    assert judged(fenced, 'Sure! {"valid": "4", "realistic": 5.0} Hope it helps.') == [(True, None)] * 2


@pytest.mark.parametrize(
    ("reply", "why"),
    [("", "empty"), ("I cannot rate this.", "no JSON object"), ('{"realistic": 5}', "a criterion is missing"),
     ('{"realistic": 5, "valid": "high"}', "not a number from 1 to 5"),
     ('{"realistic": 9, "valid": 5}', "not a number from 1 to 5"),
     ('{"realistic": 0, "valid": 5}', "not a number from 1 to 5"),
     ('{"realistic": 5, "valid": null}', "a criterion is missing"),
     ('{"realistic": 5, "val', "a criterion is missing")],
)  # fmt: skip
def test_an_unreadable_rating_is_counted_not_zero(judged, reply, why):
    assert judged(reply) == [(False, f"{UNREADABLE}: {why}")]


def test_a_failed_call_is_unreadable_too(judged):
    assert judged(None) == [(False, f"{UNREADABLE}: the call failed")]


def with_tickets(run, requests):
    prepare_tables.fn(run)
    columns = ["run_id", "ticket_id", "category", "scenario", "request"]
    rows = [(run.id, str(n), "Refund", "s", request) for n, request in enumerate(requests)]
    upload(run.session, "TICKETS", columns, rows)


def test_the_judge_sees_category_definition_and_ticket_as_they_are(make_run):
    run = make_run({"judge.prompt": "{{ category }}|{{ definition }}|{{ scenario }}|{{ request }}"})
    with_tickets(run, ["it's {{ 7*7 }} $$ \\n 'quoted'"])
    prompts = prompts_sql(run)
    assert run.sql(prompts.text, *prompts.binds)[0][1] == (
        "Refund|the customer wants the money back|s|it's {{ 7*7 }} $$ \\n 'quoted'"
    )


def test_judging_twice_makes_no_second_call_and_the_same_tickets(make_run):
    run = make_run()
    with_tickets(run, ["I bought shoes and want my money back, please refund the order.", "asdf"])
    first = judge_tickets.fn(run)
    stored = [tuple(row) for row in run.sql("SELECT ticket_id, kept, rating FROM TICKETS ORDER BY 1")]
    again = judge_tickets.fn(run)
    assert (first.calls.made, again.calls.made) == (2, 0)
    assert again[1:] == first[1:]
    assert [tuple(row) for row in run.sql("SELECT ticket_id, kept, rating FROM TICKETS ORDER BY 1")] == stored


def test_zero_kept_names_the_threshold(make_run):
    run = make_run({"judge.thresholds": {"realistic": 5, "valid": 5}})
    with_tickets(run, ["asdf"])
    with pytest.raises(StepError, match=r"kept 0 of 1 tickets.*now realistic: 5, valid: 5"):
        judge_tickets.fn(run)
