"""What earlier statements were, returned and used; and how running ones are stopped."""

import json
import threading
import time

import pytest
from snowflake.connector.errors import ProgrammingError
from snowflake.snowpark.exceptions import SnowparkSQLException

from cortex_distill.local.engine import Engine
from cortex_distill.local.providers import CallError
from cortex_distill.local.session.kept import Kept
from cortex_distill.local.wire import running
from tests.local.engine_fake import FakeProvider

USAGE = "SNOWFLAKE.ACCOUNT_USAGE.CORTEX_AI_FUNCTIONS_USAGE_HISTORY"


@pytest.fixture
def cursor(session):
    return session.connection.cursor()


@pytest.fixture
def used(rows):
    """FUNCTION_NAME, MODEL_NAME, input tokens, output tokens of one statement."""

    def of(query_id):
        ask = f"SELECT FUNCTION_NAME, MODEL_NAME, METRICS FROM {USAGE} WHERE QUERY_ID = ? ORDER BY 1, 2"
        found = rows(ask, query_id)
        return [(name, model, *[part["value"] for part in json.loads(metrics)]) for name, model, metrics in found]

    return of


def test_a_statement_is_one_usage_row_per_function_and_model(cursor, used, rows):
    cursor.execute("CREATE TABLE p AS SELECT column1 AS x FROM VALUES ('a'), ('b'), (NULL)")
    assert used(cursor.sfqid) == []
    cursor.execute("""SELECT AI_COMPLETE('llama3.1-8b', x), AI_COMPLETE('llama3.3-70b', x),
        SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', x) FROM p""")
    # the fake says 3 tokens in, 2 out; a NULL prompt is no call
    assert used(cursor.sfqid) == [
        ("AI_COMPLETE", "llama3.1-8b", 6, 4),
        ("AI_COMPLETE", "llama3.3-70b", 6, 4),
        ("COMPLETE", "llama3.1-8b", 6, 4),
    ]


def test_a_usage_row_has_the_documented_columns_and_no_money(cursor, session):
    cursor.execute("ALTER SESSION SET QUERY_TAG = '{\"run\": 1}'")
    cursor.execute("SELECT AI_COMPLETE('llama3.1-8b', 'x')")
    (row,) = session.sql(f"SELECT * FROM {USAGE} WHERE QUERY_ID = ?", params=[cursor.sfqid]).collect()
    row = row.as_dict()
    assert json.loads(row.pop("METRICS")) == [
        {"key": {"metric": "input", "unit": "tokens"}, "value": 3},
        {"key": {"metric": "output", "unit": "tokens"}, "value": 2},
    ]
    assert (row.pop("END_TIME") - row.pop("START_TIME")).total_seconds() == 3600
    assert json.loads(row.pop("ROLE_NAMES")) == ["LOCAL"]
    assert row == {
        "FUNCTION_NAME": "AI_COMPLETE", "MODEL_NAME": "llama3.1-8b", "QUERY_ID": cursor.sfqid, "WAREHOUSE_ID": None,
        "QUERY_TAG": '{"run": 1}', "USER_ID": None, "CREDITS": None, "IS_COMPLETED": True,
    }  # fmt: skip


def test_views_batches_and_failures_count_what_was_answered(cursor, used, provider):
    cursor.execute("CREATE TABLE many AS SELECT SEQ4()::STRING AS x FROM TABLE(GENERATOR(ROWCOUNT => 5000))")
    cursor.execute("CREATE VIEW asked AS SELECT AI_COMPLETE('llama3.1-8b', x) AS a FROM many")
    cursor.execute("SELECT COUNT(a) FROM asked")
    assert used(cursor.sfqid) == [("AI_COMPLETE", "llama3.1-8b", 15000, 10000)]
    provider.reply = lambda call: CallError("no") if call.messages[0]["content"] == "3" else "yes"
    with pytest.raises(ProgrammingError):
        cursor.execute("SELECT SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', x) FROM many WHERE x IN ('2', '3')")
    assert used(cursor.sfqid) == [("COMPLETE", "llama3.1-8b", 3, 2)]


def test_the_history_tells_of_success_failure_and_what_runs(rows, session, cursor):
    cursor.execute("ALTER SESSION SET QUERY_TAG = 'tagged'")
    cursor.execute("SELECT column1 FROM VALUES (1), (2)")
    with pytest.raises(ProgrammingError):
        cursor.execute("SELECT * FROM nowhere")
    told = rows("""SELECT QUERY_TEXT, EXECUTION_STATUS, ERROR_CODE, ROWS_PRODUCED, QUERY_TAG, SCHEMA_NAME
        FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY_BY_SESSION(RESULT_LIMIT => 3)) ORDER BY START_TIME DESC""")
    schema = session.get_current_schema().strip('"')
    assert told[0][1:3] == ("RUNNING", None) and "QUERY_HISTORY" in told[0][0]
    assert told[1:] == [
        ("SELECT * FROM nowhere", "FAILED_WITH_ERROR", 2003, None, "tagged", schema),
        ("SELECT column1 FROM VALUES (1), (2)", "SUCCESS", None, 2, "tagged", schema),
    ]
    view = "SELECT EXECUTION_STATUS FROM SNOWFLAKE.ACCOUNT_USAGE.QUERY_HISTORY WHERE QUERY_ID = ?"
    assert rows(view, cursor.sfqid) == [("FAIL",)]


@pytest.mark.parametrize("call", ["QUERY_HISTORY_BY_USER()", "QUERY_HISTORY(RESULT_LIMITS => 1)"])
def test_a_history_of_another_kind_is_refused(rows, call):
    with pytest.raises(SnowparkSQLException, match="not supported by the local engine"):
        rows(f"SELECT * FROM TABLE(INFORMATION_SCHEMA.{call})")


def test_results_can_be_scanned_by_id_and_position(cursor):
    values = "VALUES (1, '{\"k\": 5}'), (2, NULL)"
    cursor.execute(f"SELECT column1 AS a, PARSE_JSON(column2) AS v, column1 AS a FROM {values}")
    first = cursor.sfqid
    ask = "SELECT a + a_1, v:k::INT FROM TABLE(RESULT_SCAN({})) WHERE a < 2"
    assert cursor.execute("SELECT LAST_QUERY_ID()").fetchall() == [(first,)]
    for key in ("LAST_QUERY_ID(-2)", f"'{first}'", "LAST_QUERY_ID(1)", "1"):
        assert cursor.execute(ask.format(key)).fetchall() == [(2, 5)], key
    scan = "SELECT * FROM TABLE(RESULT_SCAN(LAST_QUERY_ID(1))) x JOIN TABLE(RESULT_SCAN('{0}')) y ON x.a = y.a"
    assert len(cursor.execute(scan.format(first)).fetchall()) == 2


def test_a_show_statement_can_be_filtered_afterwards(cursor):
    cursor.execute("SHOW MODELS IN SNOWFLAKE.MODELS")
    cursor.execute("""SELECT "name" FROM TABLE(RESULT_SCAN(LAST_QUERY_ID())) WHERE "name" LIKE 'QWEN%32B'""")
    assert cursor.fetchall() == [("QWEN3-32B",)]


def test_a_result_that_is_not_kept_is_an_error(rows):
    with pytest.raises(SnowparkSQLException, match=r"000709.*Statement no-such-id not found"):
        rows("SELECT * FROM TABLE(RESULT_SCAN('no-such-id')) WHERE TRUE")


def test_kept_results_are_bounded_by_bytes_but_for_the_newest():
    kept = Kept(100)
    for key, size in (("a", 60), ("b", 60), ("c", 30), ("d", 500)):
        kept.keep(key, key, size)
        assert kept.get(key) == key
    assert [key for key in "abcd" if kept.get(key)] == ["d"]


def test_large_answers_make_room_for_others_once_they_were_fetched(monkeypatch):
    monkeypatch.setattr(running, "_KEPT_BYTES", 130)
    answers = running.Running()
    for key in ("a", "b", "c", "d"):
        answers.start(key, lambda: lambda: {"success": True, "data": {"rowsetBase64": "x" * 60}})
        if key != "a":
            answers.wait(key)
        while not answers._futures[key].done():
            time.sleep(0.001)
    assert [key for key in "abcd" if answers.knows(key)] == ["a", "c", "d"]


def test_of_many_answers_the_oldest_that_were_fetched_go(monkeypatch):
    monkeypatch.setattr(running, "_KEPT", 2)
    answers = running.Running()
    for key in "abcdef":
        answers.start(key, lambda: lambda: {"success": True, "data": None})
        answers.wait(key)
    assert [key for key in "abcdef" if answers.knows(key)] == ["d", "e", "f"]


@pytest.fixture
def slow(provider, cursor):
    """A statement of 100 calls, each of which takes a while; set when the third has begun."""
    cursor.execute("CREATE TABLE hundred AS SELECT SEQ4()::STRING AS x FROM TABLE(GENERATOR(ROWCOUNT => 100))")
    begun = threading.Event()

    def reply(call):
        if len(provider.calls) >= 3:
            begun.set()
        time.sleep(0.05)
        return "yes"

    provider.reply = reply
    return begun


CANCELS = {
    "abort_query": lambda session, job: session.connection.cursor().abort_query(job.query_id),
    "AsyncJob.cancel": lambda session, job: job.cancel(),
    "cancel_all": lambda session, job: session.cancel_all(),
}


@pytest.mark.parametrize("cancel", CANCELS.values(), ids=CANCELS)
def test_a_canceled_statement_begins_no_more_calls(session, slow, provider, cancel, rows, used):
    job = session.sql("SELECT AI_COMPLETE('llama3.1-8b', x) AS a FROM hundred").collect_nowait()
    assert slow.wait(5)
    cancel(session, job)
    called = len(provider.calls)
    with pytest.raises(Exception, match="SQL execution canceled"):
        job.result()
    time.sleep(0.2)
    assert called <= len(provider.calls) <= called + 1
    ((code, message),) = rows("SELECT ERROR_CODE, ERROR_MESSAGE FROM SNOWFLAKE.ACCOUNT_USAGE.QUERY_HISTORY"
                              " WHERE QUERY_ID = ?", job.query_id)  # fmt: skip
    assert (code, message) == (604, "SQL execution canceled")
    assert used(job.query_id) == [("AI_COMPLETE", "llama3.1-8b", 3 * len(provider.calls), 2 * len(provider.calls))]


def test_canceling_says_what_it_did(session, slow, one):
    job = session.sql("SELECT AI_COMPLETE('llama3.1-8b', x) AS a FROM hundred").collect_nowait()
    assert slow.wait(5)
    assert one(f"SELECT SYSTEM$CANCEL_QUERY('{job.query_id}')") == f"query [{job.query_id}] terminated."
    assert one(f"SELECT SYSTEM$CANCEL_ALL_QUERIES({session.session_id})") == "0 cancelled."


def test_a_statement_ends_when_its_time_is_over(rows, slow, provider):
    rows("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 1")
    with pytest.raises(SnowparkSQLException, match=r"000630.*timeout of 1 second\(s\) and was canceled"):
        rows("SELECT AI_COMPLETE('llama3.1-8b', x) AS a FROM hundred")
    assert len(provider.calls) < 30


def test_a_closed_connection_does_not_stop_its_statement(engine, schema, slow, provider, rows):
    connection = engine.connect("DISTILL", schema)
    connection.cursor().execute_async("CREATE TABLE made AS SELECT AI_COMPLETE('llama3.1-8b', x) AS a FROM hundred")
    assert slow.wait(5)
    connection.close()
    for _ in range(200):
        if rows("SHOW TABLES LIKE 'made'"):
            break
        time.sleep(0.05)
    assert rows("SELECT COUNT(a) FROM made") == [(100,)] and len(provider.calls) == 100


def test_usage_survives_a_restart(tmp_path):
    counted = []
    for _ in range(2):
        engine = Engine(tmp_path, FakeProvider())
        cursor = engine.connect("D", "S").cursor()
        cursor.execute("SELECT AI_COMPLETE('llama3.1-8b', 'x')")
        counted += cursor.execute(f"SELECT COUNT(*) FROM {USAGE}").fetchall()
        engine.close()
    assert counted == [(1,), (2,)]
