"""Sessions, threads, Snowpark's own API, files that persist, engines of one process."""

import subprocess
import sys
import threading
import time

import pytest
from snowflake.snowpark import Session

from cortex_distill.errors import SetupError
from cortex_distill.local import engines
from cortex_distill.local.engine import Engine
from cortex_distill.local.wire import running
from tests.local.engine_fake import FakeProvider

PREAMBLE = """
import sys
from pathlib import Path
sys.path.insert(0, ".")
from snowflake.snowpark import Session
from cortex_distill.local import engines
from cortex_distill.local.engine import Engine
from tests.local.engine_fake import FakeProvider
"""


def test_snowpark_frames_work(session):
    frame = session.create_dataframe([[1, "a", None], [2, "b", 1.5]], schema=["x", "y", "z"])
    frame.write.save_as_table("frames", mode="overwrite")
    assert session.table("frames").filter("x > 1").count() == 1
    assert list(session.table("frames").to_pandas()["Y"]) == ["a", "b"]
    assert session.sql("SELECT 5 AS a").collect_nowait().result()[0].A == 5


def test_temporary_tables_belong_to_one_session_and_shadow(open_session):
    one, other = open_session(), open_session()
    one.sql("CREATE TABLE shared (a STRING)").collect()
    for session, value in ((one, "one"), (other, "other")):
        session.sql("CREATE OR REPLACE TEMPORARY TABLE shared AS SELECT ? AS a", params=[value]).collect()
    assert [s.sql("SELECT shared.a FROM shared").collect()[0].A for s in (one, other)] == ["one", "other"]
    other.sql("DROP TABLE shared").collect()
    assert other.sql("SELECT COUNT(*) AS n FROM shared").collect()[0].N == 0


@pytest.mark.parametrize("own_session", [True, False])
def test_twelve_threads_neither_fail_nor_mix_rows(open_session, own_session):
    shared = open_session()
    shared.sql("CREATE TABLE log (who NUMBER, k NUMBER)").collect()
    shared.sql("CREATE TABLE counter AS SELECT 0 AS n").collect()
    problems = []

    def work(who):
        session = open_session() if own_session else shared
        for k in range(4):
            try:
                session.sql(
                    f"CREATE OR REPLACE TEMPORARY TABLE mine_{who} AS SELECT ? AS a, ? AS b", params=[who, k]
                ).collect()
                got = session.sql(f"SELECT a, b FROM mine_{who}").collect()
                if [tuple(row) for row in got] != [(who, k)]:
                    problems.append(f"thread {who} read {got}")
                session.sql("INSERT INTO log SELECT ?, ?", params=[who, k]).collect()
                session.sql("UPDATE counter SET n = n + 1").collect()
            except Exception as error:  # noqa: BLE001  collected, so that the test can show all of them
                problems.append(str(error))

    threads = [threading.Thread(target=work, args=(who,)) for who in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert shared.sql("SELECT COUNT(*) AS n FROM log").collect()[0].N == 48
    assert shared.sql("SELECT n FROM counter").collect()[0].N == 48


def test_statements_of_one_session_run_side_by_side(session, provider):
    together = threading.Barrier(4)
    provider.reply = lambda call: together.wait(60) is not None and "late"
    jobs = [session.sql("SELECT AI_COMPLETE('llama3.1-8b', ?)", params=[str(n)]).collect_nowait() for n in range(4)]
    assert [job.result()[0][0] for job in jobs] == ["late"] * 4


def test_a_long_statement_is_polled_and_runs_once(rows, provider, monkeypatch):
    monkeypatch.setattr(running, "PING", 0.1)
    provider.reply = lambda call: time.sleep(0.6) or "late"
    assert rows("SELECT AI_COMPLETE('llama3.1-8b', 'x')") == [("late",)]
    assert len(provider.calls) == 1


def opened(engine):
    return Session.builder.configs({"connection": engine.connect("DISTILL", "PUBLIC")}).create()


def test_tables_views_and_functions_survive_a_restart_and_temporary_ones_do_not(tmp_path):
    for round_ in (1, 2):
        engine = Engine(tmp_path, FakeProvider())
        session = opened(engine)
        if round_ == 1:
            session.sql("CREATE TABLE kept AS SELECT 1 AS a").collect()
            session.sql("CREATE VIEW seen AS SELECT a FROM kept").collect()
            session.sql("CREATE FUNCTION twice(s STRING) RETURNS STRING AS $$ s || s $$").collect()
            session.sql("CREATE TEMPORARY TABLE gone AS SELECT 1 AS a").collect()
        else:
            assert session.sql("SELECT twice('x') AS s, a FROM seen").collect()[0].S == "xx"
            with pytest.raises(Exception, match="GONE"):
                session.sql("SELECT * FROM gone").collect()
        engine.close()


def test_a_folder_in_use_by_another_process_is_named_with_its_owner(tmp_path):
    holder = (
        f"engine = Engine(Path({str(tmp_path)!r}), FakeProvider()); print('ready', flush=True); input(); engine.close()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().strip() == "ready"
    with pytest.raises(SetupError, match=f"{tmp_path}.*in use by process {process.pid}"):
        Engine(tmp_path, FakeProvider())
    process.communicate("\n")
    Engine(tmp_path, FakeProvider()).close()


@pytest.fixture
def fake_providers(monkeypatch):
    monkeypatch.setattr(engines, "provider_of", lambda models: FakeProvider())
    yield
    engines.close()


def test_connect_shares_one_engine_and_refuses_other_models(tmp_path, fake_providers):
    first = engines.connect(tmp_path, "simulated", database="DISTILL", schema="PUBLIC")
    second = engines.connect(tmp_path / ".", "simulated", database="DISTILL", schema="OTHER")
    first.cursor().execute("CREATE TABLE seen_by_both AS SELECT 1 AS a")
    assert second.cursor().execute("SELECT a FROM distill.public.seen_by_both").fetchall() == [(1,)]
    with pytest.raises(SetupError, match=r"models 'simulated'.*'gguf'"):
        engines.connect(tmp_path, "gguf", database="DISTILL", schema="PUBLIC")
    engines.close()
    engines.connect(tmp_path, "gguf", database="DISTILL", schema="PUBLIC").close()


@pytest.mark.parametrize(("models", "account"), [("gguf", "LOCAL_GGUF"), ("simulated", "LOCAL_SIMULATED")])
def test_the_account_is_named_after_the_models(models, account):
    assert engines.account_of(models) == account
    assert engines.account_of("simulated:seed=1").startswith("LOCAL_SIMULATED_")


@pytest.mark.parametrize("models", ["nonsense", "simulated:", "gguf:x=1"])
def test_an_unknown_provider_is_a_setup_error(models):
    with pytest.raises(SetupError, match="unknown"):
        engines.provider_of(models)


def test_a_process_that_forgets_to_close_ends_promptly_and_silently(tmp_path):
    script = f"""
engines.provider_of = lambda models: FakeProvider()
connection = engines.connect(Path({str(tmp_path)!r}), "simulated", database="D", schema="S")
session = Session.builder.configs({{"connection": connection}}).create()
print(session.sql("SELECT 1 AS a").collect()[0].A)
session.sql("CREATE TABLE t AS SELECT 1 AS a").collect()
"""
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_importing_the_package_loads_neither_duckdb_nor_models():
    heavy = {"duckdb", "fakesnow", "xllamacpp", "sklearn"}
    code = f"import sys, cortex_distill.local.providers; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
