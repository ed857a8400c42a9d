"""FINETUNE: jobs, their fields, their models, and what happens to a job whose engine ends."""

import json
import time

import duckdb
import pytest
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkSQLException

from cortex_distill.local.engine import Engine
from tests.local.engine_fake import FakeProvider

DESCRIBE = "SELECT SNOWFLAKE.CORTEX.FINETUNE('DESCRIBE', ?)"
TRAIN = "SELECT request AS prompt, category AS completion, 1 AS more FROM rows_to_learn"


def until(condition):
    """Wait for what another thread does in a moment."""
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.01)


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
    ({"options": '{"max_epochs": 0}'}, "from 1 to 10"),
    ({"options": '{"max_epochs": 1.5}'}, "from 1 to 10"),
    ({"options": '{"max_epochs": true}'}, "from 1 to 10"),
    ({"train": "SELECT 'p' AS prompt, 'c' AS completion"}, "must come from a table or view"),
    ({"train": "DROP TABLE rows_to_learn"}, "must come from a table or view"),
    ({"train": f"{TRAIN}; {TRAIN}"}, "by one query"),
    ({"validation": "SELECT category AS completion FROM rows_to_learn"}, "missing: prompt"),
    ({"base": "llama3-8b"}, "llama3-8b.*cannot be fine-tuned.*use one of llama3.1-8b"),
    ({"name": "1st"}, "no name for a model"),
    ({"name": "_hidden"}, "no name for a model"),
    ({"name": "my model"}, "no name for a model"),
    ({"name": "a.b.c.d"}, "no name for a model"),
    ({"name": "nowhere.at_all.tuned"}, "Schema 'NOWHERE.AT_ALL' does not exist"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_a_job_that_cannot_work_is_refused_at_once(create, provider, wrong, message):
    with pytest.raises(SnowparkSQLException, match=message):
        create(**wrong)
    assert provider.jobs == []


def test_no_training_rows_is_the_jobs_error_and_leaves_no_files(create, describe, engine):
    job = describe(create(train="SELECT request AS prompt, category AS completion FROM rows_to_learn WHERE FALSE"))
    assert job["status"] == "ERROR" and "no row" in job["error"]["message"]
    assert "model" not in job and "trained_tokens" not in job
    until(lambda: not (engine.home / "models" / job["id"]).exists())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("'DESCRIBE', 'tuned'", "no such job: tuned"),  # by job id only
        ("'DESCRIBE'", "DESCRIBE takes 2"),
        ("'CANCEL'", "CANCEL takes 2"),
        ("'SHOW', 'tuned'", "SHOW takes 1"),
        ("'CREATE', 'tuned', 'llama3.1-8b'", "CREATE takes 4 to 6"),
        ("'RESTART', 'x'", "unknown operation"),
        ("'CREATE', 'tuned', 'llama3.1-8b', 'SELECT 1 FROM t', '', {'max_epochs': 1}", "options is a string"),
    ],
)
def test_a_call_of_another_form_is_refused(create, describe, one, call, message):
    describe(create())
    with pytest.raises(SnowparkSQLException, match=message):
        one(f"SELECT SNOWFLAKE.CORTEX.FINETUNE({call})")


@pytest.mark.parametrize(("epochs", "most"), [(1, 150_000), (3, 50_000), (None, 50_000), (10, 15_000)])
def test_the_rows_that_fit_get_fewer_with_every_epoch(create, describe, rows, provider, epochs, most):
    lots = f"SELECT 'p' AS prompt, 'c' AS completion FROM TABLE(GENERATOR(ROWCOUNT => {most + 1}))"
    rows(f"CREATE TABLE too_many AS {lots}")
    options = json.dumps({"max_epochs": epochs} if epochs else {})
    job = describe(create(train="SELECT * FROM too_many", options=options))
    assert job["status"] == "ERROR" and f"{most + 1} rows are more than the {most}" in job["error"]["message"]
    job = describe(create(train=f"SELECT * FROM too_many LIMIT {most}", options=options))
    assert (job["status"], len(provider.jobs[0].train)) == ("SUCCESS", most)


def test_without_a_validation_query_the_training_rows_are_split(create, describe, rows, provider):
    rows("CREATE TABLE thirty AS SELECT SEQ4()::STRING AS prompt, 'c' AS completion"
         " FROM TABLE(GENERATOR(ROWCOUNT => 30))")  # fmt: skip
    assert describe(create(train="SELECT * FROM thirty", validation=None))["validation_data"] == ""
    (job,) = provider.jobs
    assert (len(job.train), len(job.validation)) == (27, 3) and not set(job.train) & set(job.validation)


def test_a_quoted_name_keeps_its_case_and_describe_quotes_it_again(create, describe, one, provider, schema):
    model = describe(create(name='"My model"'))["model"]
    assert model == f'DISTILL.{schema}."My model"'
    for name in (model, '"My model"'):
        assert one("SELECT AI_COMPLETE(?, 'x')", name) == "echo x"
    with pytest.raises(SnowparkSQLException, match="unknown model"):
        one("SELECT AI_COMPLETE(?, 'x')", '"MY MODEL"')


def test_a_model_goes_where_its_full_name_says(create, describe, rows, schema):
    rows("CREATE SCHEMA IF NOT EXISTS distill.elsewhere")  # which becomes the current one
    rows(f"USE SCHEMA distill.{schema}")
    assert describe(create(name="distill.elsewhere.far"))["model"] == "DISTILL.ELSEWHERE.FAR"
    shown = rows("SHOW MODELS LIKE 'far' IN SCHEMA distill.elsewhere")
    assert [(row[1], row[2], row[3], row[4]) for row in shown] == [("FAR", "CORTEX_FINETUNED", "DISTILL", "ELSEWHERE")]


def test_show_and_describe_are_objects_with_milliseconds_newest_first(create, describe, rows):
    ids = [create() for _ in range(2)]
    for job_id in ids:
        describe(job_id)
    shown = json.loads(rows("SELECT SNOWFLAKE.CORTEX.FINETUNE('SHOW')")[0][0])
    mine = [job for job in shown if job["id"] in ids]
    assert [set(job) for job in mine] == [{"id", "status", "base_model", "created_on"}] * 2
    created = [job["created_on"] for job in shown]
    assert created == sorted(created, reverse=True) and abs(created[0] / 1000 - time.time()) < 60
    path = rows(f"SELECT d:status::STRING FROM (SELECT SNOWFLAKE.CORTEX.FINETUNE('DESCRIBE', '{ids[0]}') AS d)")
    assert path == [("SUCCESS",)]


def test_a_job_goes_on_when_its_session_ends(open_session, provider, describe, learnable):
    provider.finish_training.clear()
    session = open_session()
    create = "SELECT SNOWFLAKE.CORTEX.FINETUNE('CREATE', 'later', 'llama3.1-8b', ?, ?)"
    job_id = session.sql(create, params=[TRAIN, TRAIN]).collect()[0][0]
    assert provider.training.wait(5)
    session.close()
    provider.finish_training.set()
    assert describe(job_id)["status"] == "SUCCESS"


def test_a_dropped_model_is_gone_and_its_name_is_free_again(create, describe, rows, one, engine, schema):
    job_id = create()
    describe(job_id)
    assert one("DROP MODEL tuned") == "TUNED successfully dropped."
    assert not (engine.home / "models" / job_id).exists() and rows("SHOW MODELS IN SCHEMA") == []
    with pytest.raises(SnowparkSQLException, match="unknown model"):
        one("SELECT AI_COMPLETE('tuned', 'x')")
    with pytest.raises(SnowparkSQLException, match=r"002003.*(?s:.)*TUNED' does not exist"):
        rows("DROP MODEL tuned")
    assert describe(create())["model"] == f"DISTILL.{schema}.TUNED"


def test_trained_tokens_are_told_by_the_hour_and_base_model_without_money(create, describe, rows):
    before = rows("SELECT SUM(TOKENS) FROM SNOWFLAKE.ACCOUNT_USAGE.CORTEX_FINE_TUNING_USAGE_HISTORY")[0][0] or 0
    describe(create())
    ask = "SELECT SUM(TOKENS), COUNT(TOKEN_CREDITS), MAX(MODEL_NAME) FROM"
    after = rows(f"{ask} SNOWFLAKE.ACCOUNT_USAGE.CORTEX_FINE_TUNING_USAGE_HISTORY")
    assert after == [(before + 100, 0, "llama3.1-8b")]


def test_an_unknown_job_is_an_error(describe):
    with pytest.raises(SnowparkSQLException, match="no such job: CortexFineTuningWorkflow_x"):
        describe("CortexFineTuningWorkflow_x")


def test_a_job_in_progress_tells_what_is_known_so_far_apart_from_the_documented_fields(create, describe, provider):
    provider.finish_training.clear()
    job_id = create()
    until(lambda: describe(job_id, "IN_PROGRESS")["progress"] == 0.5)
    job = describe(job_id, "IN_PROGRESS")
    assert job.pop("so_far") == {"training_loss": 1.5, "validation_loss": 1.6, "trained_tokens": 50}
    assert job.keys().isdisjoint({"training_result", "trained_tokens", "model", "finished_on", "error"})
    provider.finish_training.set()
    assert "so_far" not in describe(job_id)


def test_training_blocks_no_statement_and_can_be_cancelled(create, describe, one, provider, engine):
    provider.finish_training.clear()
    job_id = create()
    assert provider.training.wait(5)
    assert (engine.home / "models" / job_id / "rows.json").exists()
    assert one("SELECT 1 AS a") == 1
    assert one("SELECT SNOWFLAKE.CORTEX.FINETUNE('CANCEL', ?)", job_id) == f"Canceled Cortex Fine-tuning job: {job_id}"
    assert provider.cancelled.wait(5)
    assert describe(job_id)["status"] == "CANCELLED"
    until(lambda: not (engine.home / "models" / job_id).exists())
    with pytest.raises(SnowparkSQLException, match="has ended with status CANCELLED"):
        one("SELECT SNOWFLAKE.CORTEX.FINETUNE('CANCEL', ?)", job_id)
    with pytest.raises(SnowparkSQLException, match="unknown model"):
        one("SELECT AI_COMPLETE('tuned', 'x')")


def test_a_job_that_was_cut_off_goes_on_in_the_next_engine_with_the_rows_it_had(tmp_path):
    def opened(provider):
        engine = Engine(tmp_path, provider)
        return engine, Session.builder.configs({"connection": engine.connect("D", "S")}).create()

    def said(session, sql, *binds):
        return json.loads(session.sql(sql, params=list(binds)).collect()[0][0])

    provider = FakeProvider()
    provider.finish_training.clear()
    engine, session = opened(provider)
    session.sql("CREATE TABLE t AS SELECT 'p' AS prompt, 'c' AS completion").collect()
    create = "SELECT SNOWFLAKE.CORTEX.FINETUNE('CREATE', ?, 'llama3.1-8b', 'SELECT * FROM t', 'SELECT * FROM t')"
    first, second = (session.sql(create, params=[name]).collect()[0][0] for name in ("one", "two"))
    assert provider.training.wait(5)
    session.sql("UPDATE t SET prompt = 'other'").collect()
    before = said(session, DESCRIBE, first)
    started = time.monotonic()
    engine.close()
    assert provider.cancelled.is_set() and provider.closed and time.monotonic() - started < 5

    provider = FakeProvider()
    provider.finish_training.clear()
    engine, session = opened(provider)
    assert provider.training.wait(5)
    assert said(session, DESCRIBE, first) == before  # its progress, too
    assert said(session, DESCRIBE, second)["status"] == "PENDING"
    provider.finish_training.set()
    until(lambda: said(session, DESCRIBE, second)["status"] == "SUCCESS")
    after = said(session, DESCRIBE, first)
    assert (after["status"], after["created_on"], after["model"]) == ("SUCCESS", before["created_on"], "D.S.ONE")
    assert [job.train for job in provider.jobs] == [[("p", "c")], [("other", "c")]]
    assert not (tmp_path / "models" / first / "rows.json").exists()
    engine.close()


def test_a_job_of_an_engine_that_did_not_write_down_where_its_queries_run_is_an_error(tmp_path):
    Engine(tmp_path, FakeProvider()).close()
    with duckdb.connect(tmp_path / "_cortex.db") as file:
        file.execute("INSERT INTO CORTEX.JOBS (id, status, options, created_on) VALUES ('ft_old', 'PENDING', '{}', 1)")
    provider = FakeProvider()
    engine = Engine(tmp_path, provider)
    assert "older" in json.loads(engine._jobs.call(["DESCRIBE", "ft_old"], "D.S", None))["error"]["message"]
    assert engine.unfinished_jobs() == 0 and provider.jobs == []
    engine.close()
