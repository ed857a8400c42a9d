"""FINETUNE: jobs, their fields, their models, and what happens to a job whose engine ends."""

import json
import time

import pytest
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkSQLException

from cortex_distill.local.engine import Engine
from tests.local.engine_fake import FakeProvider

TRAIN = "SELECT request AS prompt, category AS completion, 1 AS more FROM rows_to_learn"


@pytest.fixture(autouse=True)
def learnable(rows):
    rows("CREATE TABLE rows_to_learn AS SELECT column1::STRING AS request, column2 AS category"
         " FROM VALUES ('it''s lost', 'Lost phone'), ('bill', 'Roaming fees'), (NULL, 'x')")  # fmt: skip


@pytest.fixture
def create(one):
    def created(name="tuned", base="llama3.1-8b", train=TRAIN, validation=TRAIN, options='{"max_epochs": 3}'):
        return one("SELECT SNOWFLAKE.CORTEX.FINETUNE('CREATE', ?, ?, ?, ?, ?)", name, base, train, validation, options)

    return created


@pytest.fixture
def describe(one):
    def described(job_id, *statuses):
        for _ in range(400):
            job = json.loads(one("SELECT SNOWFLAKE.CORTEX.FINETUNE('DESCRIBE', ?)", job_id))
            if job["status"] in (statuses or ("SUCCESS", "ERROR", "CANCELLED")):
                return job
            time.sleep(0.01)
        raise AssertionError(job)

    return described


def test_a_job_trains_on_the_rows_of_its_queries_and_reports_the_documented_fields(create, describe, provider, schema):
    job_id = create()
    assert job_id.startswith("ft_") and len(job_id) == 39
    job = describe(job_id)
    assert job.pop("created_on") <= job.pop("finished_on") <= time.time() * 1000
    assert job == {
        "id": job_id,
        "status": "SUCCESS",
        "progress": 1.0,
        "base_model": "llama3.1-8b",
        "model": f"DISTILL.{schema}.TUNED",
        "training_data": TRAIN,
        "validation_data": TRAIN,
        "options": {"max_epochs": 3},
        "trained_tokens": 100,
        "training_result": {"training_loss": 0.5, "validation_loss": 0.6},
    }
    assert provider.jobs[0].train == [("it's lost", "Lost phone"), ("bill", "Roaming fees")]
    assert provider.jobs[0].max_epochs == 3


@pytest.mark.parametrize("name", ["tuned", "Tuned", "{}.tuned", "distill.{}.TUNED"])
def test_the_tuned_model_is_called_by_short_or_qualified_name(create, describe, one, provider, engine, schema, name):
    job_id = create()
    describe(job_id)
    one("SELECT AI_COMPLETE(?, 'x')", name.format(schema.lower()))
    assert provider.calls[0].weights == engine.home / "models" / job_id
    assert (provider.calls[0].weights / "weights").exists()


def test_a_name_that_is_taken_gets_a_suffix_and_show_models_lists_both(create, describe, rows, schema):
    names = [describe(create())["model"] for _ in range(2)]
    assert names == [f"DISTILL.{schema}.TUNED", f"DISTILL.{schema}.TUNED_2"]
    listed = [row[1] for row in rows("SHOW MODELS") if row[4] == schema]
    assert sorted(listed) == ["TUNED", "TUNED_2"]
    assert {job["status"] for job in json.loads(rows("SELECT SNOWFLAKE.CORTEX.FINETUNE('SHOW')")[0][0])} >= {"SUCCESS"}


WRONG = [
    ({"base": "mistral-7b"}, "mistral-7b.*llama3.1-8b"),
    ({"train": "SELECT request AS prompt FROM rows_to_learn"}, "missing: completion"),
    ({"train": "SELECT * FROM not_there"}, "NOT_THERE"),
    ({"options": '{"max_epochs": 11}'}, "from 1 to 10"),
    ({"options": '{"epochs": 1}'}, "max_epochs only"),
    ({"options": "{"}, "not JSON"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_a_job_that_cannot_work_is_refused_at_once(create, provider, wrong, message):
    with pytest.raises(SnowparkSQLException, match=message):
        create(**wrong)
    assert provider.jobs == []


def test_no_training_rows_is_the_jobs_error(create, describe):
    job = describe(create(train="SELECT request AS prompt, category AS completion FROM rows_to_learn WHERE FALSE"))
    assert job["status"] == "ERROR" and "no row" in job["error"]["message"]
    assert "model" not in job and "trained_tokens" not in job


def test_an_unknown_job_is_an_error(describe):
    with pytest.raises(SnowparkSQLException, match="no such job: CortexFineTuningWorkflow_x"):
        describe("CortexFineTuningWorkflow_x")


def test_training_blocks_no_statement_and_can_be_cancelled(create, describe, one, provider):
    provider.finish_training.clear()
    job_id = create()
    assert provider.training.wait(5)
    assert describe(job_id, "IN_PROGRESS")["progress"] == 0.5
    assert one("SELECT 1 AS a") == 1
    assert one("SELECT SNOWFLAKE.CORTEX.FINETUNE('CANCEL', ?)", job_id) == f"Canceled Cortex Fine-tuning job: {job_id}"
    assert provider.cancelled.wait(5)
    assert describe(job_id)["status"] == "CANCELLED"
    with pytest.raises(SnowparkSQLException, match="unknown model"):
        one("SELECT AI_COMPLETE('tuned', 'x')")


def test_closing_the_engine_stops_training_and_the_next_one_reports_it(tmp_path):
    provider = FakeProvider()
    provider.finish_training.clear()
    engine = Engine(tmp_path, provider)
    session = Session.builder.configs({"connection": engine.connect("D", "S")}).create()
    session.sql("CREATE TABLE t AS SELECT 'p' AS prompt, 'c' AS completion").collect()
    create = (
        "SELECT SNOWFLAKE.CORTEX.FINETUNE('CREATE', 'm', 'llama3.1-8b', 'SELECT * FROM t', 'SELECT * FROM t') AS id"
    )
    job_id = session.sql(create).collect()[0].ID
    assert provider.training.wait(5)
    started = time.monotonic()
    engine.close()
    assert provider.cancelled.is_set() and provider.closed and time.monotonic() - started < 5

    engine = Engine(tmp_path, FakeProvider())
    session = Session.builder.configs({"connection": engine.connect("D", "S")}).create()
    job = json.loads(
        session.sql("SELECT SNOWFLAKE.CORTEX.FINETUNE('DESCRIBE', ?) AS j", params=[job_id]).collect()[0].J
    )
    assert (
        job["status"] == "ERROR" and "the local engine ended while this job was in_progress" in job["error"]["message"]
    )
    engine.close()
