"""What a cancelled run leaves in the engine: nothing that costs money."""

import threading
import time

import pytest

from cortex_distill.session import SqlError, execute
from cortex_distill.sql import Sql
from tasks.cancel import cancel_job, cancel_statements, query_tag, waiting_for
from tasks.fine_tune import start_fine_tuning, wait_for_fine_tuning
from tests.tasks.test_fine_tune import with_tickets

SLOW = "SELECT AI_COMPLETE('llama3.1-8b', 'call ' || seq4()) FROM TABLE(GENERATOR(ROWCOUNT => 600))"


def under_way(session, run_id):
    text = "SELECT COUNT(*) FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY()) WHERE execution_status = 'RUNNING'"
    return int(execute(session, Sql(f"{text} AND CONTAINS(query_tag, ?)", (run_id,)))[0][0])


def test_statements_of_the_run_are_cancelled_and_those_of_others_are_not(connect):
    run = connect("latency_ms=100", tag=query_tag("run-1", "shoes"))
    other = connect("latency_ms=100", tag=query_tag("run-2", "shoes"))
    watching = connect("latency_ms=100")
    errors = {}

    def ask(name, session):
        try:
            execute(session, Sql(SLOW))
        except SqlError as error:
            errors[name] = error

    threads = [
        threading.Thread(target=ask, args=(name, session)) for name, session in (("run-1", run), ("run-2", other))
    ]
    for thread in threads:
        thread.start()
    give_up = time.monotonic() + 30
    while not (under_way(watching, "run-1") and under_way(watching, "run-2")) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert cancel_statements(watching, "run-1") == 1
    threads[0].join(30)
    assert "cancel" in str(errors["run-1"]).lower()
    assert under_way(watching, "run-2") == 1
    assert cancel_statements(watching, "run-2") == 1
    threads[1].join(30)


@pytest.fixture
def two(make_run):
    """Two runs that need the same training; the job of the first waits."""
    first, second = with_tickets(make_run()), with_tickets(make_run())
    return first, second


def test_the_job_of_a_cancelled_run_is_cancelled_and_started_anew_by_the_next(two):
    run, _ = two
    started = start_fine_tuning.fn(run)
    cancelled = cancel_job(run.session, run.id)
    assert cancelled in (started.job_id, None)  # None: it had ended before
    assert run.count("SELECT COUNT(*) FROM FINE_TUNES WHERE status = 'CANCELLED'") == (cancelled is not None)
    assert (start_fine_tuning.fn(run).job_id == started.job_id) == (cancelled is None)


def test_a_job_that_has_ended_meanwhile_is_left_alone(two):
    run, _ = two
    started = start_fine_tuning.fn(run)
    wait_for_fine_tuning.fn(run, started)
    run.sql("UPDATE FINE_TUNES SET status = 'PENDING'")  # as if the run had died before it looked
    assert cancel_job(run.session, run.id) is None
    assert start_fine_tuning.fn(run).job_id == started.job_id


def test_a_run_that_waits_for_the_same_training_is_found(two):
    first, second = two
    start_fine_tuning.fn(first)
    assert waiting_for(first.session, first.id) == []
    start_fine_tuning.fn(second)
    assert waiting_for(first.session, first.id) == [second.id]
    first.sql("INSERT INTO EXPERIMENTS (run_id, role) SELECT ?, 'tuned student'", second.id)
    assert waiting_for(first.session, first.id) == []
