"""Quotas: every category ends with its number of kept tickets, or the report says where they were lost."""

import pytest

from cortex_distill.quotas import BELOW, REPEATS, UNREADABLE, UNWRITTEN
from cortex_distill.report_quota import quotas
from tasks.deduplicate import deduplicate_tickets
from tasks.generate import all_generated, generate_tickets
from tasks.judge import all_judged, judge_tickets
from tasks.prepare import prepare_tables
from tasks.quota import kept_tickets, quotas_found, rounds

FREE_TEXT = {"generate.structured_output": False, "judge.structured_output": False}  # what is broken is still a reply
FAULTS = "too_few=0.3,duplicates=0.3,broken_json=0.2,refusal=0.1"


@pytest.fixture
def fill(make_run, connect):
    """All rounds of SMALL with changes; the run, and what generate and judge say of all rounds."""

    def one(knobs="", changes=None, run=None):
        run = run or make_run(changes, connect(knobs))
        prepare_tables.fn(run)
        generated, judged = [], []
        for now in rounds(run):
            generated.append(generate_tickets.fn(run, now))
            deduplicate_tickets.fn(run, now)
            judged.append(judge_tickets.fn(run, now))
        return run, all_generated(generated), all_judged(judged)

    return one


def test_with_faults_every_category_is_filled_and_again_for_nothing_and_with_more_for_new_calls_alone(
    fill, make_run, connect
):
    changes = {"generate.per_category": 12, "generate.rounds": 6, **FREE_TEXT}
    run, generated, judged = fill(FAULTS, changes)
    assert generated.rounds > 1
    assert all(kept >= 12 for kept in kept_tickets(run).values())
    found = quotas_found(run, generated)
    assert (found.short, found.warning) == ([], "")
    assert sum(one.asked for one in found.rows) == generated.asked > 36
    assert sum(one.kept for one in found.rows) == judged.kept
    assert "Every category is full" in quotas(found)

    other, again, judged_again = fill(run=make_run(changes, run.session))
    assert (again.calls.made, judged_again.calls.made) == (0, 0)
    assert rows(other) == rows(run)

    more, raised, _ = fill(run=make_run({**changes, "generate.per_category": 14}, run.session))
    assert all(kept >= 14 for kept in kept_tickets(more).values())
    assert raised.calls.made < raised.calls.rows / 2
    assert run.sql("SELECT key FROM COMPLETIONS GROUP BY key HAVING COUNT(answer:value) > 1") == []


def rows(run):
    columns = "ticket_id, category, request, round, kept, dropped_because, duplicate_of"
    return run.sql(f"SELECT {columns} FROM TICKETS WHERE run_id = ? ORDER BY ticket_id", run.id)


def test_a_teacher_with_one_sentence_fills_nothing_and_the_report_says_where_tickets_went(fill):
    run, generated, _ = fill("one_sentence=1")
    found = quotas_found(run, generated)
    assert (found.rounds, len(found.short)) == (3, 3)
    assert all(one.lost_most == REPEATS and one.kept <= 1 for one in found.rows)
    assert found.warning.startswith("3 of 3 categories kept fewer tickets than wanted after 3 rounds (")
    said = quotas(found)
    assert "| short by |" in said and "the teacher repeats itself" in said
    assert all(one.asked <= 3 * 8 for one in found.rows)


def test_lost_replies_and_ratings_are_told_from_repeats(fill):
    run, generated, _ = fill("truncated_json=0.5", {"generate.rounds": 1})
    found = quotas_found(run, generated)
    places = {place for one in found.rows for place in one.lost}
    assert places <= {REPEATS, BELOW, UNREADABLE}
    assert UNWRITTEN in {one.lost_most for one in found.short} | {UNREADABLE}
    assert found.warning == ""  # no refill was wanted
    assert quotas(found)


def test_a_round_that_is_tried_again_leaves_later_rounds_out_and_repeats_no_call(fill, make_run):
    run, generated, _ = fill("too_few=0.5", {"generate.rounds": 2})
    assert generated.rounds == 2
    before = rows(run)
    _, again, judged = fill(run=run)  # killed after the last round, and begun again
    assert (again.calls.made, judged.calls.made) == (0, 0)
    assert rows(run) == before


def test_a_later_round_rates_its_own_tickets_and_leaves_the_others_as_they_are(fill, make_run, connect):
    run = make_run({"judge.thresholds": {"realistic": 5, "valid": 5}}, connect())
    prepare_tables.fn(run)
    judged = []
    for now in rounds(run):
        generate_tickets.fn(run, now)
        deduplicate_tickets.fn(run, now)
        if now.number == 2:
            run.sql(
                "UPDATE TICKETS SET kept = FALSE, dropped_because = 'vote: other' WHERE run_id = ? AND round = 1",
                run.id,
            )
        judged.append(judge_tickets.fn(run, now))
    assert run.count("SELECT COUNT_IF(dropped_because = 'vote: other') FROM TICKETS") == 24
    assert judged[1].calls.rows == run.count("SELECT COUNT(*) FROM TICKETS WHERE round = 2 AND duplicate_of IS NULL")
