"""FINETUNE, from CREATE to the tuned model's answer. On an account only with DISTILL_TEST_FINETUNE=1: it takes minutes,
and what it costs no page says."""

import time
from contextlib import suppress

import pytest

from cortex_distill.replies import object_schema
from cortex_distill.session import SqlError
from cortex_distill.sql import literal
from cortex_distill.upload import upload
from tests.account.conftest import WITH_TRAINING, read

BASE = "llama3.1-8b"
OPTIONS = '{"max_epochs": 1}'
ENDS = {"SUCCESS", "ERROR", "CANCELLED"}
pytestmark = pytest.mark.training


@pytest.fixture(autouse=True)
def _wanted(place):
    if not (WITH_TRAINING or place.stands_in):
        pytest.skip("FINETUNE is only tried with DISTILL_TEST_FINETUNE=1")


def create(place, name, columns="prompt, completion"):
    """Start a job; its id."""
    table = f"{place.one('SELECT CURRENT_DATABASE()')}.{place.schema}.TRAINING_ROWS"
    queries = [f"SELECT {columns} FROM {table} WHERE split = {literal(split)}" for split in ("train", "validation")]
    constants = ", ".join(map(literal, ("CREATE", name, BASE, *queries, OPTIONS)))
    return str(place.one(f"SELECT SNOWFLAKE.CORTEX.FINETUNE({constants})")).strip('"')


def describe(place, job):
    return read(place.one(f"SELECT SNOWFLAKE.CORTEX.FINETUNE('DESCRIBE', {literal(job)})"))


def ended(place, job, minutes=40):
    """The last description of a job."""
    give_up, pause = time.monotonic() + 60 * minutes, 0.2
    while (now := describe(place, job))["status"] not in ENDS and time.monotonic() < give_up:
        time.sleep(pause)
        pause = min(2 * pause, 30)
    return now


@pytest.fixture(scope="module")
def trained(place):
    """(job id, its description when it had ended)."""
    if not (WITH_TRAINING or place.stands_in):
        pytest.skip("FINETUNE is only tried with DISTILL_TEST_FINETUNE=1")
    pairs = [("train", "it is too small", "Wrong size"), ("train", "where is it", "Late delivery"),
             ("train", "my parcel is late", "Late delivery"), ("validation", "too large", "Wrong size")]  # fmt: skip
    upload(place.session, "TRAINING_ROWS", ["split", "prompt", "completion"], pairs * 8)
    job = create(place, "CHECKED")
    return job, ended(place, job)


@pytest.mark.assumption("finetune-describe")
def test_a_job_that_has_ended_tells_model_losses_tokens_and_times(place, trained):
    job, end = trained
    assert end["status"] == "SUCCESS", end
    assert end["id"] == job
    assert end["model"].upper().endswith(f"{place.schema}.CHECKED")
    assert end["finished_on"] > end["created_on"] > 1_700_000_000_000
    assert end["trained_tokens"] > 0
    assert "TRAINING_ROWS" in end["training_data"]


@pytest.mark.assumption("finetune-losses")
def test_losses_are_an_object_or_the_first_of_a_list(trained):
    losses = trained[1]["training_result"]
    losses = losses[0] if isinstance(losses, list) else losses
    assert losses["training_loss"] > 0 and losses["validation_loss"] > 0


@pytest.mark.assumption("finetune-listed")
def test_the_job_is_listed_by_its_id(place, trained):
    jobs = read(place.one("SELECT SNOWFLAKE.CORTEX.FINETUNE('SHOW')"))
    assert [one["status"] for one in jobs if one["id"] == trained[0]] == ["SUCCESS"]


@pytest.mark.assumption("tuned-shown")
def test_the_tuned_model_is_among_the_models_of_the_schema(place, trained):
    cursor = place.session.connection.cursor()
    cursor.execute(f"SHOW MODELS LIKE 'CHECKED' IN SCHEMA {place.schema}")
    names = [column.name for column in cursor.description]
    (row,) = cursor.fetchall()
    assert dict(zip(names, row, strict=True))["model_type"] == "CORTEX_FINETUNED"


@pytest.mark.assumption("tuned-answers")
@pytest.mark.paid(calls=1, tokens=150)
def test_the_tuned_model_answers_under_its_full_name(place, trained):
    (found,) = place.ask(["where is it"], model=trained[1]["model"], temperature=0, max_tokens=20)
    assert found["error"] is None and found["reply"]


@pytest.mark.assumption("tuned-schema")
@pytest.mark.paid(calls=1, tokens=250)
def test_the_tuned_model_takes_a_schema(place, trained):
    schema = object_schema({"category": {"type": "string", "enum": ["Wrong size", "Late delivery"]}})
    (found,) = place.ask(["where is it"], schema, trained[1]["model"], temperature=0, max_tokens=20)
    assert found["error"] is None


@pytest.mark.assumption("finetune-wrong-columns")
def test_rows_without_a_completion_are_refused_or_end_as_an_error_with_a_message(place, trained):
    try:
        job = create(place, "WRONG", columns="prompt")
    except SqlError as error:
        assert not error.transient
        return
    end = ended(place, job)
    assert end["status"] == "ERROR"
    assert end["error"]["message"]


@pytest.mark.assumption("finetune-cancel")
def test_a_job_that_is_cancelled_ends_as_such_and_one_that_has_ended_is_refused(place, trained):
    job = create(place, "CANCELLED")
    with suppress(SqlError):  # a stand-in may have trained it meanwhile
        place.one(f"SELECT SNOWFLAKE.CORTEX.FINETUNE('CANCEL', {literal(job)})")
    assert ended(place, job)["status"] == "CANCELLED" or place.stands_in
    with pytest.raises(SqlError) as refused:
        place.one(f"SELECT SNOWFLAKE.CORTEX.FINETUNE('CANCEL', {literal(trained[0])})")
    assert not refused.value.transient
