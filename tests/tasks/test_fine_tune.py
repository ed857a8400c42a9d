"""Fine-tuning: the same training is never started twice, and a failed job says why."""

import json

import pytest

from cortex_distill.errors import StepError
from cortex_distill.session import execute
from cortex_distill.upload import upload
from tasks import fine_tune, step
from tasks.fine_tune import start_fine_tuning, wait_for_fine_tuning
from tasks.prepare import prepare_tables

ROWS = [("train", "money back please", "Refund"), ("train", "too small for me", "Wrong size"),
        ("train", "where is my parcel", "Late delivery"), ("validation", "refund me", "Refund")]  # fmt: skip


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch):
    monkeypatch.setattr(fine_tune, "SECONDS_BETWEEN_POLLS", 0.05)


def with_tickets(run, rows=ROWS):
    prepare_tables.fn(run)
    columns = ["run_id", "ticket_id", "category", "request", "split"]
    upload(run.session, "TICKETS", columns, [(run.id, str(n), c, r, s) for n, (s, r, c) in enumerate(rows)])
    return run


def jobs(run):
    return run.count("SELECT COUNT(*) FROM FINE_TUNES")


def test_the_tuned_student_can_be_asked_by_the_name_that_describe_gives(make_run):
    run = with_tickets(make_run())
    tuned = wait_for_fine_tuning.fn(run, start_fine_tuning.fn(run))
    assert tuned.model.startswith("DISTILL.PUBLIC.SHOES_")
    assert tuned.trained_tokens > 0
    reply = run.sql("SELECT AI_COMPLETE(?, 'I want a refund, money back')", tuned.model)[0][0]
    assert reply.strip('"') in {"Refund", "Wrong size", "Late delivery"}


def test_the_same_training_in_another_run_uses_the_job_that_exists(make_run):
    first, second = with_tickets(make_run()), with_tickets(make_run())
    started, again = start_fine_tuning.fn(first), start_fine_tuning.fn(second)
    assert (again.name, again.job_id, again.reused) == (started.name, started.job_id, True)
    assert jobs(first) == 1


@pytest.mark.parametrize("change", [{"fine_tune.max_epochs": 2}, {"models.student": "llama3-8b"}])
def test_other_options_or_another_base_are_another_training(make_run, change, monkeypatch):
    monkeypatch.setenv("DISTILL_MODELS_AS_OF", "2024-10-01")  # when there were two bases to choose from
    first, second = with_tickets(make_run()), with_tickets(make_run(change))
    assert start_fine_tuning.fn(first).job_id != start_fine_tuning.fn(second).job_id


def test_other_rows_are_another_training(make_run):
    first, second = with_tickets(make_run()), with_tickets(make_run(), ROWS[1:])
    assert start_fine_tuning.fn(first).name != start_fine_tuning.fn(second).name


@pytest.mark.parametrize(("rows", "learnt"), [("tickets", 3), ("examples", 2), ("both", 5)])
def test_the_student_learns_from_tickets_examples_or_both_and_is_validated_on_the_same_rows(
    make_run, tmp_path, rows, learnt
):
    lines = [{"category": c, "scenario": "s", "request": r} for c, r in [("Refund", "money!"), ("Wrong size", "big")]]
    (tmp_path / "known.jsonl").write_text("\n".join(map(json.dumps, lines)))
    prompt = "{{ count }} of {{ category }} like {{ examples }}"
    change = {"generate.examples": {"file": "known.jsonl"}, "generate.prompt": prompt, "fine_tune.rows": rows}
    run = with_tickets(make_run(change))
    assert start_fine_tuning.fn(run).rows == learnt
    counted = run.sql("SELECT split, COUNT(*) FROM TRAINING_ROWS WHERE run_id = ? GROUP BY 1 ORDER BY 1", run.id)
    assert [tuple(row) for row in counted] == [("train", learnt), ("validation", 1)]


def test_rows_that_a_waiting_job_may_read_are_not_touched_when_its_run_is_tried_again(make_run):
    run = with_tickets(make_run())
    started = start_fine_tuning.fn(run)
    run.sql("UPDATE TRAINING_ROWS SET completion = 'as it was' WHERE run_id = ?", run.id)
    assert start_fine_tuning.fn(run).name == started.name
    assert run.count("SELECT COUNT(completion <> 'as it was' OR NULL) FROM TRAINING_ROWS WHERE run_id = ?", run.id) == 0


def test_rows_of_another_training_of_the_same_run_are_replaced(make_run):
    run = with_tickets(make_run())
    first = start_fine_tuning.fn(run)
    run.sql("UPDATE TICKETS SET request = request || '!' WHERE run_id = ? AND split = 'train'", run.id)
    again = start_fine_tuning.fn(run)
    assert again.name != first.name and again.rows == first.rows
    assert run.sql("SELECT DISTINCT fine_tune FROM TRAINING_ROWS WHERE run_id = ?", run.id)[0][0] == again.name


def test_a_job_that_was_started_but_never_written_down_is_found_again(make_run):
    run = with_tickets(make_run())
    started = start_fine_tuning.fn(run)
    run.sql("DELETE FROM FINE_TUNES")  # what a kill between CREATE and INSERT leaves
    again = start_fine_tuning.fn(run)
    assert (again.job_id, again.reused, jobs(run)) == (started.job_id, True, 1)


def test_a_failed_job_is_an_error_with_its_id_and_message_and_is_started_anew(make_run, monkeypatch):
    run = with_tickets(make_run())
    started = start_fine_tuning.fn(run)
    failed = {"status": "ERROR", "error": {"message": "out of luck"}}
    with monkeypatch.context() as patch:
        patch.setattr(fine_tune, "_describe", lambda run, job_id: failed)
        with pytest.raises(StepError, match=f"{started.job_id} ended as ERROR: out of luck"):
            wait_for_fine_tuning.fn(run, started)
    again = start_fine_tuning.fn(run)
    assert (again.job_id != started.job_id, again.reused) == (True, False)


def test_a_quote_in_a_ticket_stays_inside_the_training_rows(make_run):
    hostile = 'it\'s {{ 7*7 }} $$ \\ "x"; DROP TABLE TICKETS'
    run = with_tickets(make_run(), [("train", hostile, "Refund"), *ROWS])
    start_fine_tuning.fn(run)
    assert run.count("SELECT COUNT(*) FROM TRAINING_ROWS WHERE prompt = ?", hostile) == 1


def test_no_bind_grows_with_the_examples_and_rows_are_made_once(make_run, tmp_path, monkeypatch):
    """The text of a statement with its binds should stay below 1 MB (docs: user-guide/query-size-limits)."""
    lines = [{"category": "Refund", "scenario": "s", "request": f"money {n} {'.' * 1000}"} for n in range(2000)]
    (tmp_path / "known.jsonl").write_text("\n".join(map(json.dumps, lines)))
    prompt = "{{ count }} of {{ category }} like {{ examples }}"
    change = {"generate.examples": {"file": "known.jsonl"}, "generate.prompt": prompt, "fine_tune.rows": "both"}
    run, sent = with_tickets(make_run(change)), []
    for module in ("cortex_distill.run", "cortex_distill.upload"):
        monkeypatch.setattr(f"{module}.execute", lambda *given: sent.append(given[1]) or execute(*given))
    fine_tune.write_rows(run)
    assert max(len(str(bind)) for one in sent for bind in one.binds) < 1_100_000
    assert sum("FROM TICKETS" in one.text for one in sent) == 1
    assert run.count("SELECT COUNT(*) FROM TRAINING_ROWS") == 2004


def test_a_job_is_shown_as_whole_only_when_it_has_ended(make_run, monkeypatch):
    run = with_tickets(make_run())
    started = start_fine_tuning.fn(run)
    states = [{"status": "IN_PROGRESS", "progress": 1.0}, {"status": "ERROR", "progress": 1.0}]
    heard = []
    monkeypatch.setattr(fine_tune, "_describe", lambda run, job_id: states.pop(0))
    monkeypatch.setattr(step, "listeners", [lambda title, now: heard.append(now.done)])
    with pytest.raises(StepError):
        wait_for_fine_tuning.fn(run, started)
    assert heard == [99, 99]
