"""Step 5: fine-tune the student on the training share.

Source: quickstart, "Fine-tuning using FINETUNE() SQL API".
In:   TICKETS (split); the examples of the file, where fine_tune.rows wants them
Out:  TRAINING_ROWS, FINE_TUNES; the tuned student under a name that says what it was trained on

Nothing outside this file and the engine knows how training happens.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from cortex_distill.errors import StepError
from cortex_distill.ledger import Progress
from cortex_distill.prompts import to_sql
from cortex_distill.run import Run
from cortex_distill.session import who_answers
from cortex_distill.sql import Sql, identifier, literal, qualified
from cortex_distill.upload import upload
from tasks.evaluate import in_turn
from tasks.step import ON_CORTEX, log, progress, task

EXAMPLES, LEARNT = "LEARNT_EXAMPLES", "LEARNT_ROWS"  # of this session alone: rows come once, however many there are
EXAMPLE_COLUMNS = ("request", "category")
CREATE_EXAMPLES = f"CREATE OR REPLACE TEMPORARY TABLE {EXAMPLES} (request STRING, category STRING)"
LOST = ("ERROR", "CANCELLED")
SECONDS_BETWEEN_POLLS = 2.0
LONGEST_POLL = 30.0


class FineTune(NamedTuple):
    """A fine-tuning job."""

    name: str  # of the training: experiment and a hash of rows, base model and options
    job_id: str
    reused: bool  # the same training was started before, by this run or another
    rows: int  # that it learns from


class TunedStudent(NamedTuple):
    """A model that can be asked."""

    model: str
    job_id: str
    training_loss: float | None
    validation_loss: float | None
    trained_tokens: int | None
    seconds: float
    rows: int


@task(name="start fine-tuning", retries=0)
def start_fine_tuning(run: Run) -> FineTune:
    """Start the job, unless the same training already runs or is done. Submitting twice would pay twice."""
    name = write_rows(run)
    known = run.sql("SELECT job_id, status FROM FINE_TUNES WHERE fine_tune = ? ORDER BY created_at DESC", name)
    job_id = next((job for job, status in known if status not in LOST), None) or _orphan(run, name)
    reused = job_id is not None
    if job_id is None:
        job_id = str(run.query(create_sql(run, name))[0][0]).strip('"')
    if job_id not in [job for job, _ in known]:
        run.sql(
            """INSERT INTO FINE_TUNES (fine_tune, run_id, base_model, options, job_id, status, created_at)
            SELECT ?, ?, ?, ?, ?, 'PENDING', CURRENT_TIMESTAMP()::TIMESTAMP_NTZ""",
            name,
            run.id,
            run.config.models.student,
            json.dumps({"max_epochs": run.config.fine_tune.max_epochs}),
            job_id,
        )
    log("fine-tuning %s: job %s%s", name, job_id, " (started before, not paid again)" if reused else "")
    rows = run.count("SELECT COUNT(*) FROM TRAINING_ROWS WHERE run_id = ? AND split = 'train'", run.id)
    return FineTune(name, job_id, reused, rows)


@task(name="wait for fine-tuning", **ON_CORTEX)
def wait_for_fine_tuning(run: Run, started: FineTune) -> TunedStudent:
    """Poll until the job ends. Raises StepError with the job's own message if it failed."""
    began, pause = time.monotonic(), SECONDS_BETWEEN_POLLS
    with progress("fine-tune") as report:
        while True:
            job = _describe(run, started.job_id)
            status = str(job.get("status", "")).upper()
            done = int(100 * float(job.get("progress") or 0))
            done = 100 if status == "SUCCESS" else min(done, 99)  # a whole bar would say that it is over
            report(Progress("fine-tune", run.config.models.student, 100, done, 0, time.monotonic() - began))
            if status == "SUCCESS" or status in LOST:
                break
            time.sleep(pause)
            pause = min(pause * 1.2, LONGEST_POLL)
    run.sql(
        "UPDATE FINE_TUNES SET status = ?, description = PARSE_JSON(?) WHERE job_id = ?",
        status,
        json.dumps(job),
        started.job_id,
    )
    return _tuned(job, started)


def _tuned(job: dict[str, Any], started: FineTune) -> TunedStudent:
    status = str(job["status"]).upper()
    if status != "SUCCESS":
        message = (job.get("error") or {}).get("message") or "no reason given"
        raise StepError(
            f"fine-tuning job {started.job_id} ended as {status}: {message}; the base results are kept,"
            " running again starts one new job"
        )
    losses = job.get("training_result") or {}
    if isinstance(losses, list):  # snowflake-ml-python types it as a list, the documentation shows an object
        losses = losses[0] if losses else {}
    seconds = (float(job["finished_on"]) - float(job["created_on"])) / 1000
    return TunedStudent(
        job["model"],
        started.job_id,
        losses.get("training_loss"),
        losses.get("validation_loss"),
        job.get("trained_tokens"),
        seconds,
        started.rows,
    )


def create_sql(run: Run, name: str) -> Sql:
    """The statement that starts a job. All arguments are constants: whether FINETUNE takes binds is unknown."""
    options = json.dumps({"max_epochs": run.config.fine_tune.max_epochs})
    table = qualified(*run.sql("SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()")[0], "TRAINING_ROWS")
    queries = (_query(run, table, name, split) for split in ("train", "validation"))
    arguments = (name, run.config.models.student, *queries)
    constants = ", ".join(literal(value) for value in ("CREATE", *arguments, options))
    return Sql(f"SELECT SNOWFLAKE.CORTEX.FINETUNE({constants})")


def write_rows(run: Run) -> str:
    """Put the rows where both FINETUNE queries find them; the name of the training, from their content.

    Rows that are there stay as they are: a job that waits may read them at any moment, also while its run is retried.
    """
    if run.config.fine_tune.rows != "tickets":
        run.sql(CREATE_EXAMPLES)
        upload(run.session, EXAMPLES, EXAMPLE_COLUMNS, examples_of(run))
    rows = rows_sql(run)
    run.sql(f"CREATE OR REPLACE TEMPORARY TABLE {LEARNT} AS {rows.text}", *rows.binds)
    student = run.config.models.student
    identity = json.dumps([who_answers(run.session, student), student, run.config.fine_tune.max_epochs])
    fingerprint = run.sql(
        f"""SELECT SHA2(CONCAT(?, LISTAGG(row_hash, '') WITHIN GROUP (ORDER BY row_hash)), 256) FROM (
            SELECT SHA2(split || ' ' || TO_JSON(ARRAY_CONSTRUCT(prompt, completion)), 256) AS row_hash
            FROM {LEARNT})""",
        identity,
    )[0][0]
    name = identifier(f"{run.config.name}_{fingerprint[:12]}".upper())
    run.sql(
        f"""INSERT INTO TRAINING_ROWS (run_id, fine_tune, split, prompt, completion)
        SELECT ?, ?, s.split, s.prompt, s.completion FROM {LEARNT} s
        WHERE NOT EXISTS (SELECT 1 FROM TRAINING_ROWS t WHERE t.run_id = ? AND t.fine_tune = ?)""",
        run.id,
        name,
        run.id,
        name,
    )
    run.sql("DELETE FROM TRAINING_ROWS WHERE run_id = ? AND fine_tune <> ?", run.id, name)
    return name


def examples_of(run: Run) -> Iterator[tuple[str, str]]:
    """(request, category) of the file's examples, the categories in turn."""
    return ((one["request"], one["category"]) for one in in_turn(run.experiment.examples))


def rows_sql(run: Run) -> Sql:
    """split, prompt, completion: every ticket of the validation share, and of the train share and the examples those
    that fine_tune.rows wants."""
    prompt = to_sql(run.config.fine_tune.prompt, {"categories": run.config.categories}, {"request": "request"})
    wanted = run.config.fine_tune.rows
    shares = "('validation')" if wanted == "examples" else "('train', 'validation')"
    examples = f" UNION ALL SELECT 'train', request, category FROM {EXAMPLES}" if wanted != "tickets" else ""
    return Sql(
        f"""SELECT split, {prompt.text} AS prompt, category AS completion FROM (
            SELECT split, request, category FROM TICKETS WHERE run_id = ? AND split IN {shares}{examples})""",
        (*prompt.binds, run.id),
    )


def _query(run: Run, table: str, name: str, split: str) -> str:
    """One of the two queries of FINETUNE, by the table's full name: the job is detached from this session.

    Several runs may have written the same training's rows; they are the same, so any one run's will do.
    """
    where = f"fine_tune = {literal(name)} AND split = {literal(split)} AND run_id = {literal(run.id)}"
    return f"SELECT prompt, completion FROM {table} WHERE {where}"


def _orphan(run: Run, name: str) -> str | None:
    """A job for this training that was started but never written down, because the process died in between."""
    written = {job for (job,) in run.sql("SELECT job_id FROM FINE_TUNES")}
    for job in _json(run.sql("SELECT SNOWFLAKE.CORTEX.FINETUNE('SHOW')")[0][0]) or []:
        if job["id"] in written or str(job["status"]).upper() in LOST:
            continue
        if f"fine_tune = {literal(name)}" in str(_describe(run, job["id"]).get("training_data")):
            return str(job["id"])
    return None


def _describe(run: Run, job_id: str) -> dict[str, Any]:
    described: dict[str, Any] = _json(run.sql(f"SELECT SNOWFLAKE.CORTEX.FINETUNE('DESCRIBE', {literal(job_id)})")[0][0])
    return described


def _json(cell: Any) -> Any:
    return json.loads(cell) if isinstance(cell, str) else cell
