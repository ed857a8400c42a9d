"""Answers outlive a statement that failed, and a killed engine; nobody pays for them twice, and none grows stale."""

import os
import signal
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from snowflake.connector.errors import Error
from snowflake.snowpark.exceptions import SnowparkSQLException

from cortex_distill.local import connect
from cortex_distill.local.cortex.answer_store import FILE, KEPT_DAYS, AnswerStore, Asked, _runs
from cortex_distill.local.cortex.answers import Answers
from cortex_distill.local.engine import Engine
from cortex_distill.local.providers import NEVER, Answer, Call, CallError
from cortex_distill.local.service import client, door
from tests.local.endpoint import completion, echo, prompt, serving
from tests.local.engine_fake import FakeProvider

COMPLETE = "SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', p)"
WARM = "AI_COMPLETE(model => 'llama3.1-8b', prompt => p, model_parameters => {'temperature': 0.5})"


@pytest.fixture
def prompts(rows):
    rows("CREATE TABLE t AS SELECT SEQ4() AS n, 'prompt ' || SEQ4() AS p FROM TABLE(GENERATOR(ROWCOUNT => 10))")


def fail_for(*prompts):
    """A reply that fails for these prompts: the statement then fails, too, if it is a COMPLETE."""
    return lambda call: CallError("no") if call.messages[0]["content"] in prompts else f"echo {call.draw}"


def asked(provider):
    return sorted(call.messages[0]["content"] for call in provider.calls)


def test_after_a_failure_only_what_has_no_answer_is_asked_again(rows, prompts, provider):
    provider.reply = fail_for("prompt 3", "prompt 4")
    with pytest.raises(SnowparkSQLException, match="no"):
        rows(f"SELECT {COMPLETE} FROM t")
    provider.reply, provider.calls = fail_for(), []
    assert rows(f"SELECT {COMPLETE} FROM t") == [("echo 0",)] * 10
    assert asked(provider) == ["prompt 3", "prompt 4"]


def test_after_a_success_the_same_statement_asks_again(rows, prompts, provider):
    for _ in range(2):
        rows(f"SELECT {COMPLETE} FROM t")
    assert len(provider.calls) == 20
    provider.reply = fail_for("prompt 3")
    with pytest.raises(SnowparkSQLException):
        rows(f"SELECT {COMPLETE} FROM t")
    provider.reply, provider.calls = fail_for(), []
    for _ in range(2):  # the first uses up what the failed one left
        rows(f"SELECT {COMPLETE} FROM t")
    assert len(provider.calls) == 1 + 10


def test_a_statement_that_was_canceled_leaves_its_answers(session, rows, prompts, provider):
    def reply(call):
        if call.messages[0]["content"] == "prompt 5":
            session.connection.cursor().execute("SELECT SYSTEM$CANCEL_ALL_QUERIES(CURRENT_SESSION())")
        return "said"

    provider.reply = reply
    with pytest.raises(SnowparkSQLException, match="canceled"):
        rows(f"SELECT {COMPLETE} FROM t ORDER BY n")
    made, provider.reply, provider.calls = len(provider.calls), lambda call: "said", []
    assert 0 < made < 10
    rows(f"SELECT {COMPLETE} FROM t ORDER BY n")
    assert len(provider.calls) == 10 - made


def test_equal_rows_are_each_asked_and_each_kept(rows, provider):
    rows("CREATE TABLE t AS SELECT CASE WHEN SEQ4() < 6 THEN 'same' ELSE 'other' END AS p"
         " FROM TABLE(GENERATOR(ROWCOUNT => 7))")  # fmt: skip
    provider.reply = fail_for("other")
    with pytest.raises(SnowparkSQLException):
        rows(f"SELECT {COMPLETE} FROM t")
    assert asked(provider) == ["other"] + ["same"] * 6
    provider.reply, provider.calls = fail_for(), []
    rows(f"SELECT {COMPLETE} FROM t")
    assert asked(provider) == ["other"]


def test_the_draws_of_a_failed_statement_are_drawn_again(rows, provider):
    """The next statement gets the numbers, and so the answers, that the failed one had."""

    def draw(count, last="ticket"):
        return sorted(rows(f"""SELECT SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', [{{'role': 'user', 'content':
            IFF(SEQ4() = {count}, '{last}', 'ticket')}}], {{'temperature': 0.5}}):choices[0]:messages::STRING
            FROM TABLE(GENERATOR(ROWCOUNT => {count + 1}))"""))  # fmt: skip

    provider.reply = fail_for("bad")
    assert draw(1) == [("echo 0",), ("echo 1",)]
    with pytest.raises(SnowparkSQLException):
        draw(2, "bad")
    assert draw(4) == [(f"echo {n}",) for n in range(2, 7)]
    drawn = [call.draw for call in provider.calls if call.messages[0]["content"] == "ticket"]
    assert sorted(drawn) == list(range(7))


@pytest.fixture
def left(rows, provider):
    """A failed statement has left the answer to the prompt `p`."""
    provider.reply = fail_for("bad")
    with pytest.raises(SnowparkSQLException):
        rows("SELECT SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', column1) FROM VALUES ('p'), ('bad')")
    provider.calls = []


@pytest.mark.parametrize(
    ("asks", "calls"),
    [
        ("AI_COMPLETE('llama3.1-8b', 'p')", 0),
        ("AI_COMPLETE('llama3.3-70b', 'p')", 1),
        ("AI_COMPLETE('llama3.1-8b', 'q')", 1),
        ("AI_COMPLETE('llama3.1-8b', 'p', {'max_tokens': 5})", 1),
        ("AI_COMPLETE('llama3.1-8b', [{'role': 'system', 'content': 'p'}])", 1),
    ],
)
def test_another_model_prompt_or_parameter_is_another_call(rows, left, provider, asks, calls):
    rows(f"SELECT {asks}")
    assert len(provider.calls) == calls


def test_what_another_provider_answered_is_not_taken(rows, left, provider):
    provider.reset()
    rows("SELECT AI_COMPLETE('llama3.1-8b', 'p')")
    assert len(provider.calls) == 1


def test_tokens_are_counted_with_the_statement_that_made_the_answer(rows, left, one, provider):
    usage = "SELECT COUNT(*) FROM SNOWFLAKE.ACCOUNT_USAGE.CORTEX_AI_FUNCTIONS_USAGE_HISTORY"
    before = one(usage)
    rows("SELECT AI_COMPLETE('llama3.1-8b', 'p')")
    assert (one(usage), provider.calls) == (before, [])


def test_inside_a_transaction_a_statement_that_succeeded_is_over(rows, prompts, provider):
    rows("BEGIN")
    rows(f"CREATE TEMPORARY TABLE said AS SELECT {COMPLETE} AS c FROM t")
    rows("ROLLBACK")
    rows(f"SELECT {COMPLETE} FROM t")
    assert len(provider.calls) == 20


def insert_prompts(connection):
    connection.cursor().execute("CREATE TABLE IF NOT EXISTS said (n INT, c VARCHAR)")
    connection.cursor().execute(
        f"""INSERT INTO said SELECT n, {WARM} FROM (
            SELECT SEQ4() AS n, IFF(SEQ4() < 20, 'Write a ticket', 'Ticket ' || SEQ4()) AS p
            FROM TABLE(GENERATOR(ROWCOUNT => 40)))"""
    )


def insert_in_vain(connection):
    with pytest.raises(Error):
        insert_prompts(connection)


def test_a_killed_engine_pays_again_only_what_was_in_flight(tmp_path):
    """The server holds back the calls that are under way at the kill; all that it has answered must be kept."""
    concurrency, answered, holding = 4, 22, threading.Event()

    def behave(body, number):
        if len(server.calls) > answered + 4 and not holding.is_set():  # the 4 of a statement that succeeded before
            return echo(body)._replace(seconds=60)
        return echo(body)._replace(document=completion(f"{prompt(body)} {body['seed']}", body))

    with serving() as server:
        server.behave = behave
        file, home = tmp_path / "local.toml", tmp_path / "home"
        route = f'provider = "openai"\nbase_url = "{server.base_url}"\nmodel = "m"\nconcurrency = {concurrency}'
        file.write_text(f"[[models]]\n{route}")
        connection = connect(home, str(file), database="DISTILL", schema="PUBLIC")
        drawn = WARM.replace("prompt => p", "prompt => 'Write a ticket'")
        connection.cursor().execute(f"SELECT {drawn} FROM TABLE(GENERATOR(ROWCOUNT => 4))")
        under_way = threading.Thread(target=insert_in_vain, args=[connection])
        under_way.start()
        _until(lambda: len(server.calls) == 4 + answered + concurrency)
        os.kill(client.ask(door.read(home), "status")["pid"], signal.SIGKILL)
        under_way.join(30)
        holding.set()
        again = connect(home, str(file), database="DISTILL", schema="PUBLIC")
        insert_prompts(again)
        assert len(server.calls) - (4 + 40) == server.repeats <= concurrency
        kept = again.cursor().execute("SELECT COUNT(*), COUNT(DISTINCT c) FROM said").fetchall()
        assert kept == [(40, 40)]  # no draw came twice, although the engine that counted them is dead
        insert_prompts(again)
        assert len(server.calls) == 4 + 40 + server.repeats + 40  # what succeeded is asked again
        client.stop(home, 0)


def _until(condition):
    give_up = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.01)


class Statement:
    """As much of one as Answers looks at."""

    def __init__(self, key):
        self.id, self.stop = key, NEVER


def call(number, **parameters):
    return Call("llama3.1-8b", [{"role": "user", "content": f"p{number}"}], parameters, None, None)


def test_an_engine_that_ends_in_an_orderly_way_keeps_what_unfinished_statements_made(tmp_path):
    provider = FakeProvider()
    first = Answers(provider, tmp_path)
    first.complete([call(n) for n in range(5)], Statement("a"))
    first.complete([call(n) for n in range(5, 9)], Statement("b"))
    first.end(Statement("b"), succeeded=True)
    first.close()
    second, provider.calls = Answers(provider, tmp_path), []
    second.complete([call(n) for n in range(9)], Statement("c"))
    assert len(provider.calls) == 4
    second.close()


def test_what_a_running_statement_has_made_is_not_for_others(tmp_path):
    answers = Answers(provider := FakeProvider(), tmp_path)
    for key in "ab":
        answers.complete([call(1)], Statement(key))
    assert len(provider.calls) == 2
    answers.close()


def test_draws_go_on_where_the_last_engine_stopped(tmp_path):
    provider = FakeProvider()
    for key in "ab":
        answers = Answers(provider, tmp_path)
        answers.complete([call(1, temperature=1), call(2, temperature=1), call(1, temperature=1)], Statement(key))
        answers.end(Statement(key), succeeded=True)
        answers.close()
    assert [one.draw for one in provider.calls] == [0, 0, 1, 2, 1, 3]


def test_what_is_older_than_a_week_is_dropped(tmp_path, monkeypatch):
    now = time.time()
    for number, days in enumerate((KEPT_DAYS + 0.01, KEPT_DAYS - 0.01)):
        monkeypatch.setattr(time, "time", lambda days=days: now - days * 86_400)
        answers = Answers(FakeProvider(), tmp_path)
        answers.complete([call(number)], Statement("a"))
        answers.close()
    assert kept(tmp_path) == 2
    monkeypatch.undo()
    assert kept(tmp_path) == 1


def kept(folder):
    """How many answers the next engine would find."""
    store = AnswerStore(folder)
    try:
        return len(store.all())
    finally:
        store.close()


def test_a_file_that_was_spoiled_is_begun_anew(tmp_path, caplog):
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    answers = Answers(provider := FakeProvider(), tmp_path)
    answers.complete([call(1)], Statement("a"))
    answers.close()
    assert "begun anew" in caplog.text and len(provider.calls) == 1
    assert kept(tmp_path) == 1


def test_a_full_disk_fails_no_statement(tmp_path, caplog):
    store = AnswerStore(tmp_path)
    store.keep(Asked(b"k", 0), Answer("text", 1, 1, "x"), lambda asked, number: None)
    store._database.execute("PRAGMA max_page_count = 1")
    told = []
    for number in range(3):
        store.keep(Asked(b"k", number), Answer("text" * 5000, 1, 1, "x"), lambda *given: told.append(given))
    assert told == [] and caplog.text.count("answers are not kept") == 1
    store.settle([1], {b"k": 3})
    store.close()


def test_only_the_numbers_given_are_forgotten(tmp_path):
    assert list(_runs([5, 1, 2, 9, 3])) == [(1, 3), (5, 5), (9, 9)]
    store, numbers = AnswerStore(tmp_path), []
    for draw in range(9):
        store.keep(Asked(b"k", draw), Answer("t", 1, 1, "x"), lambda asked, number: numbers.append(number))
    store.settle(numbers[2:5] + numbers[7:], {})
    assert [asked.draw for asked, _ in store.all()] == [0, 1, 5, 6]
    store.close()


def test_a_folder_of_answers_is_one_database_that_duckdb_leaves_alone(tmp_path):
    for _ in range(2):
        engine = Engine(tmp_path / "home", FakeProvider())
        cursor = engine.connect("DISTILL", "PUBLIC").cursor()
        cursor.execute("SELECT AI_COMPLETE('llama3.1-8b', 'p')")
        assert "ANSWERS" not in [row[1] for row in cursor.execute("SHOW DATABASES").fetchall()]
        engine.close()
    assert sqlite3.connect(Path(tmp_path, "home", FILE)).execute("SELECT COUNT(*) FROM answers").fetchone() == (0,)
