"""Which models can be called on which day, and how they are listed."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from snowflake.connector.errors import DatabaseError
from snowflake.snowpark.exceptions import SnowparkSQLException

from cortex_distill.errors import SetupError
from cortex_distill.local import connect, engines
from cortex_distill.local.cortex import catalogue
from cortex_distill.local.cortex.catalogue import MODELS, closed, tunable
from tests.local.engine_fake import FakeProvider

BEFORE, AFTER = "2024-10-01", "2026-11-22"


@pytest.mark.parametrize(
    ("model", "day", "why"),
    [
        ("llama3.1-8b", "2026-11-22", None),
        ("llama3.1-405b", "2024-10-01", None),
        ("llama3.1-405b", "2026-07-10", None),  # gone after that date
        ("llama3.1-405b", "2026-07-11", "end of life was 2026-07-10"),
        ("llama3-8b", "2026-08-11", None),
        ("llama3-8b", "2026-08-12", "legacy since 2026-08-12"),
        ("llama3-8b", "2026-11-22", "legacy since 2026-08-12"),  # "no sooner than" ends nothing
        ("claude-4-sonnet", "2026-10-14", "legacy"),
        ("claude-4-sonnet", "2026-10-15", "end of life was 2026-10-14"),
        ("snowflake-arctic", "2026-04-29", "end of life"),
        ("mistral-large3", "2026-11-22", None),  # a public preview is open to all
    ],
)
def test_a_model_is_closed_from_its_documented_day_on(model, day, why):
    said = closed(model, date.fromisoformat(day))
    assert said is None if why is None else why in said


def test_every_model_has_a_source_and_a_stage():
    assert all(listed.source and listed.stage in ("GA", "PUPR") for listed in MODELS.values())


def test_fine_tuning_takes_llama3_8b_only_before_its_legacy_date():
    assert [tunable(date.fromisoformat(day)) for day in ("2026-08-11", "2026-08-12")] == [
        ["llama3.1-8b", "llama3-8b"],
        ["llama3.1-8b"],
    ]


@pytest.mark.parametrize("call", ["SNOWFLAKE.CORTEX.COMPLETE(?, 'x')", "AI_COMPLETE(?, 'x')"])
def test_a_call_of_a_closed_model_fails_its_statement_and_asks_nobody(rows, provider, call):
    rows("ALTER SESSION SET LOCAL_MODELS_AS_OF = '2026-11-22'")
    for model in ("llama3.1-405b", "mistral-7b"):
        with pytest.raises(SnowparkSQLException, match=f"100351.*unknown model .*{model}.*seen from 2026-11-22"):
            rows(f"SELECT {call}", model)
    assert provider.calls == []


def test_the_day_is_a_session_parameter_that_can_be_set_shown_and_unset(rows, provider):
    rows(f"ALTER SESSION SET LOCAL_MODELS_AS_OF = '{BEFORE}'")
    assert rows("SHOW PARAMETERS LIKE 'local_models_as_of'")[0][:2] == ("LOCAL_MODELS_AS_OF", BEFORE)
    rows("SELECT AI_COMPLETE('llama3.1-405b', 'x')")
    rows("ALTER SESSION UNSET LOCAL_MODELS_AS_OF")
    with pytest.raises(SnowparkSQLException, match="end of life was 2026-07-10"):
        rows("SELECT AI_COMPLETE('llama3.1-405b', 'x')")
    assert len(provider.calls) == 1


@pytest.mark.parametrize("day", ["'yesterday'", "'2024-13-01'", "20240"])
def test_a_bad_day_is_refused(rows, day):
    with pytest.raises(SnowparkSQLException, match=r"invalid value .* for parameter 'LOCAL_MODELS_AS_OF'"):
        rows(f"ALTER SESSION SET LOCAL_MODELS_AS_OF = {day}")


def test_the_day_can_come_with_the_login(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "provider_of", lambda models: FakeProvider())
    connection = connect(tmp_path, "simulated", database="D", schema="S", as_of=BEFORE, in_process=True)
    assert connection.cursor().execute("SELECT AI_COMPLETE('reka-flash', 'x')").fetchall() == [("echo x",)]
    with pytest.raises(SetupError, match="DISTILL_MODELS_AS_OF: 'soon' is no day"):
        connect(tmp_path, "simulated", database="D", schema="S", as_of="soon", in_process=True)
    with pytest.raises(DatabaseError, match="LOCAL_MODELS_AS_OF"):
        engines.connect(tmp_path, "simulated", "D", "S", {"LOCAL_MODELS_AS_OF": "soon"})
    engines.close()


def test_a_view_sees_the_day_of_the_session_that_reads_it(rows):
    rows(f"ALTER SESSION SET LOCAL_MODELS_AS_OF = '{BEFORE}'")
    rows("CREATE VIEW asks AS SELECT AI_COMPLETE('llama3.1-405b', 'x') AS a")
    assert rows("SELECT a FROM asks") == [("echo x",)]
    rows("ALTER SESSION UNSET LOCAL_MODELS_AS_OF")
    with pytest.raises(SnowparkSQLException, match="unknown model"):
        rows("SELECT a FROM asks")


BASE_COLUMNS = ["created_on", "name", "model_type", "database_name", "schema_name", "owner", "lifecycle_status",
                "in_region_availability", "legacy_date", "eol_date", "cross_region_availability"]  # fmt: skip


def test_base_models_are_listed_in_their_schema_with_their_state_of_the_day(session):
    session.sql(f"ALTER SESSION SET LOCAL_MODELS_AS_OF = '{AFTER}'").collect()
    listed = session.sql("SHOW CORTEX BASE MODELS LIKE 'llama3%' IN SCHEMA SNOWFLAKE.MODELS").collect()
    assert list(listed[0].as_dict()) == BASE_COLUMNS
    states = {row["name"]: (row["lifecycle_status"], row["legacy_date"], row["eol_date"]) for row in listed}
    assert states["LLAMA3.1-8B"] == ("GA", None, None)
    assert states["LLAMA3-8B"] == ("LEGACY", "2026-08-12", "No sooner than October 14, 2026")
    assert states["LLAMA3.1-405B"] == ("EOL", None, "2026-07-10")
    assert {row["model_type"] for row in listed} == {"CORTEX_BASE"}


@pytest.mark.parametrize(
    ("clauses", "count"),
    [
        ("", 0),  # the current database has none
        ("IN SNOWFLAKE.MODELS", len(MODELS)),
        ("IN ACCOUNT", len(MODELS)),
        ("LIKE '%CLAUDE-SONNET-4%' IN SCHEMA SNOWFLAKE.MODELS", 2),
        ("IN SCHEMA SNOWFLAKE.MODELS STARTS WITH 'MISTRAL' LIMIT 2", 2),
        ("IN SCHEMA SNOWFLAKE.MODELS STARTS WITH 'mistral'", 0),  # case sensitive
    ],
)
def test_show_cortex_base_models_takes_the_documented_clauses(rows, clauses, count):
    assert len(rows(f"SHOW CORTEX BASE MODELS {clauses}")) == count


def test_show_models_of_the_models_schema_are_the_base_models(rows):
    shown = rows("SHOW MODELS IN SNOWFLAKE.MODELS")
    assert len(shown) == len(MODELS) and {row[2] for row in shown} == {"CORTEX_BASE"}
    assert {row[5] for row in shown} == {"SNOWFLAKE"}


def test_what_is_not_a_documented_form_is_refused(rows):
    with pytest.raises(SnowparkSQLException, match="not supported by the local engine"):
        rows("SHOW MODELS HISTORY")


def test_a_tuned_model_ends_with_its_base(rows, one, monkeypatch):
    rows("CREATE TABLE t AS SELECT 'p' AS prompt, 'c' AS completion")
    create = "SELECT SNOWFLAKE.CORTEX.FINETUNE('CREATE', 'ending', 'llama3.1-8b', ?, ?)"
    job_id = one(create, "SELECT * FROM t", "SELECT * FROM t")
    while json.loads(one("SELECT SNOWFLAKE.CORTEX.FINETUNE('DESCRIBE', ?)", job_id))["status"] != "SUCCESS":
        time.sleep(0.01)
    assert one("SELECT AI_COMPLETE('ending', 'x')") == "echo x"
    ended = catalogue.MODELS["llama3.1-8b"]._replace(eol_date="2026-01-01")
    monkeypatch.setitem(catalogue.MODELS, "llama3.1-8b", ended)
    with pytest.raises(SnowparkSQLException, match=re.escape("base model llama3.1-8b was 2026-01-01")):
        one("SELECT AI_COMPLETE('ending', 'x')")


def test_tables_are_listed_while_another_session_drops_its_temporary_ones(tmp_path):
    def opened():
        return connect(tmp_path, "simulated", database="D", schema="S", in_process=True)

    with opened() as one, opened() as other, ThreadPoolExecutor() as pool:

        def come_and_go():
            for number in range(40):
                other.cursor().execute(f"CREATE TEMPORARY TABLE T{number} (a NUMBER)")
                other.cursor().execute(f"DROP TABLE T{number}")

        going = pool.submit(come_and_go)
        while not going.done():
            assert one.cursor().execute("SHOW TABLES").fetchall() == []
        going.result()
    engines.close(tmp_path)
