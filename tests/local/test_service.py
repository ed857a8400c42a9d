"""The engine as a process of its own: found, started once, shared, stopped, killed; its clients as well."""

import gzip
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from snowflake.connector import connect as plain_connect
from snowflake.connector.errors import DatabaseError
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkSQLException

from cortex_distill.errors import SetupError
from cortex_distill.local import connect
from cortex_distill.local.engine import Engine
from cortex_distill.local.service import client, door
from cortex_distill.local.service.presence import Presence
from cortex_distill.local.service.server import Service
from cortex_distill.local.wire import running
from cortex_distill.local.wire.transport import LocalClient
from cortex_distill.session import SqlError, execute, open_session
from cortex_distill.sql import Sql
from tests.local.engine_fake import FakeProvider

ROOT = Path(__file__).parents[2]


@contextmanager
def served(home, provider):
    """An engine behind a port of this process, for tests that look inside."""
    engine = Engine(home, provider)
    service = Service(engine, "fake", 60)
    thread = threading.Thread(target=service.serve)
    thread.start()
    try:
        yield service
    finally:
        service.stop(0)
        thread.join()
        engine.close()


CLIENT = """
import sys, time
from pathlib import Path
from cortex_distill.local import connect
connection = connect(Path(sys.argv[1]), sys.argv[2], database="DISTILL", schema="PUBLIC")
run = lambda sql: connection.cursor().execute(sql).fetchall()
"""


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory):
    """A folder whose engine several tests use."""
    home = tmp_path_factory.mktemp("service") / "home"
    yield home
    client.stop(home, 0)


@pytest.fixture
def home(tmp_path):
    """A folder of the test's own; its engine ends with it."""
    yield tmp_path / "home"
    client.stop(tmp_path / "home", 0)


def opened(home, models="simulated", schema="PUBLIC"):
    return connect(home, models, database="DISTILL", schema=schema)


def rows(connection, sql):
    return connection.cursor().execute(sql).fetchall()


def script(home, body, models="simulated"):
    """Another process that connects and runs `body`."""
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT + body, str(home), models], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def until(condition, seconds=60):
    """Wait for it; whether it came true. It is not asked again then: it may have been true for a moment only."""
    give_up = time.monotonic() + seconds
    while not (came := condition()) and time.monotonic() < give_up:
        time.sleep(0.05)
    return came


def status(home):
    found = door.read(home)
    return client.ask(found, "status") if found else None


def test_the_first_client_starts_an_engine_and_the_second_finds_it(shared_home):
    first, second = opened(shared_home), opened(shared_home)
    rows(first, "CREATE OR REPLACE TABLE seen_by_both AS SELECT 1 AS a")
    assert rows(second, "SELECT a FROM seen_by_both") == [(1,)]
    other = script(shared_home, "print(run('SELECT a FROM seen_by_both'))")
    assert other.communicate(timeout=60)[0] == "[(1,)]\n"
    assert status(shared_home)["pid"] != os.getpid()


def test_starters_at_the_same_moment_end_with_one_engine(home):
    with ThreadPoolExecutor(4) as pool:
        doors = set(pool.map(lambda _: client.find_or_start(home, "simulated"), range(4)))
    others = [script(home, "print(run('SELECT CURRENT_SESSION()')[0][0])") for _ in range(2)]
    assert all(other.wait(60) == 0 for other in others)
    assert doors == {door.read(home)}
    assert (home / door.LOG).read_text().count(" serves ") == 1


def test_only_the_user_can_read_the_password_and_only_the_password_opens(shared_home):
    found = client.find_or_start(shared_home, "simulated")
    for file in (shared_home / door.DOOR, shared_home / door.LOCK):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(shared_home.stat().st_mode) == 0o700
    with pytest.raises(DatabaseError, match="Incorrect username or password"):
        plain_connect(**{**found.parameters(), "password": "guessed", "login_timeout": 5})
    assert client.ask(found._replace(token="guessed"), "stop") is None
    assert status(shared_home) is not None


def test_the_engine_listens_on_loopback_alone(shared_home):
    port = client.find_or_start(shared_home, "simulated").port
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if f":{port:04X} " in line]
    assert "0100007F" in {place.split(":")[0] for place in listening if place.endswith(f":{port:04X}")}
    assert not any(place.startswith("00000000:") for place in listening)


GUARDED = """
import socket, sys
allowed = socket.socket.connect
def guarded(self, address):
    assert self.family == socket.AF_UNIX or address[0] == "127.0.0.1", f"a connection to {address}"
    return allowed(self, address)
socket.socket.connect = socket.socket.connect_ex = guarded
socket.getaddrinfo = lambda host, *rest, known=socket.getaddrinfo, **more: (
    known(host, *rest, **more) if host == "127.0.0.1" else sys.exit(f"asked for the address of {host}"))
from pathlib import Path
from cortex_distill.local import connect
for inside in (True, False):
    home = Path(sys.argv[1]) / str(inside)
    connection = connect(home, "simulated", database="D", schema="S", in_process=inside)
    print(connection.cursor().execute("SELECT AI_COMPLETE('llama3.1-8b', 'Hi') IS NOT NULL").fetchall())
    connection.close()
"""


def test_no_address_but_loopback_is_asked(tmp_path):
    command = [sys.executable, "-c", GUARDED, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    client.stop(tmp_path / "False", 0)
    assert (done.stdout, done.stderr) == ("[(True,)]\n[(True,)]\n", "")


def test_a_plain_client_connects_by_the_name_in_the_file(shared_home):
    client.find_or_start(shared_home, "simulated")
    code = "from snowflake.connector import connect; "
    code += "print(connect(connection_name='local').cursor().execute('SELECT 2').fetchall())"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "SNOWFLAKE_HOME": str(shared_home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[(2,)]\n", "")


def test_a_proxy_of_the_environment_is_not_asked(shared_home, monkeypatch):
    client.find_or_start(shared_home, "simulated")
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert rows(opened(shared_home), "SELECT 1") == [(1,)]


def test_a_statement_longer_than_a_poll_is_answered_once(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "PING", 0.1)
    provider = FakeProvider()
    provider.reply = lambda call: time.sleep(0.6) or "late"
    with served(tmp_path, provider) as service:
        connection = plain_connect(**door.Door(service.port, "LOCAL", service.token).parameters())
        assert rows(connection, "SELECT AI_COMPLETE('llama3.1-8b', 'x')") == [("late",)]
    assert len(provider.calls) == 1


def test_an_engine_ends_when_its_last_client_has_gone(home, monkeypatch):
    monkeypatch.setenv("DISTILL_ENGINE_IDLE", "1")
    connection = opened(home)
    time.sleep(2)
    assert rows(connection, "SELECT 1") == [(1,)]
    connection.close()
    assert until(lambda: door.read(home) is None)
    assert rows(opened(home), "SELECT 2") == [(2,)]


def test_stop_waits_for_the_statements_under_way(home):
    connection = opened(home, "simulated:latency_ms=2000")  # time enough to be seen and stopped on a busy machine
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.extend(rows(connection, "SELECT AI_COMPLETE('llama3.1-8b', 'Hi')"))
    )
    waiting.start()
    assert until(lambda: status(home)["statements"] == 1)
    assert client.stop(home, 30)["statements"] == 1
    waiting.join()
    assert len(answers) == 1


def test_a_service_that_has_ended_leaves_no_thread_for_a_client_that_stays(tmp_path):
    before = set(threading.enumerate())
    with served(tmp_path, FakeProvider()) as service:
        connection = plain_connect(**door.Door(service.port, "LOCAL", service.token).parameters())
        assert rows(connection, "SELECT 1") == [(1,)]
        answering = [thread for thread in threading.enumerate() if "process_request" in thread.name]
        assert set(answering) - before
    assert until(lambda: not any(thread.is_alive() for thread in set(answering) - before))


def test_other_models_are_refused_while_somebody_uses_these_and_replace_them_after(home):
    connection = opened(home)
    rows(connection, "SELECT 1")
    with pytest.raises(SetupError, match=r"models 'simulated'.*'simulated:wordy=0.5'"):
        opened(home, "simulated:wordy=0.5")
    connection.close()
    assert until(lambda: status(home)["connections"] == 0)
    account = rows(opened(home, "simulated:wordy=0.5"), "SELECT CURRENT_ACCOUNT()")[0][0]
    assert account.startswith("LOCAL_SIMULATED_")


def test_a_folder_that_cannot_be_opened_says_why(home):
    home.mkdir()
    (home / "_cortex.db").write_text("not a database")
    with pytest.raises(SetupError, match="cannot open"):
        opened(home)


def test_what_was_committed_survives_kill_minus_nine_of_the_engine(home):
    connection = opened(home)
    rows(connection, "CREATE TABLE kept (n INT)")
    for n in range(20):
        rows(connection, f"INSERT INTO kept VALUES ({n})")
    rows(connection, "BEGIN")
    rows(connection, "INSERT INTO kept VALUES (1000)")
    first = status(home)["pid"]
    os.kill(first, signal.SIGKILL)
    again = opened(home)
    assert status(home)["pid"] != first
    assert rows(again, "SELECT COUNT(*), MAX(n) FROM kept") == [(20, 19)]


def test_a_session_of_ours_fails_once_when_its_engine_dies_and_then_goes_on(home, monkeypatch):
    monkeypatch.setenv("DISTILL_MODELS", "simulated")
    monkeypatch.delenv("DISTILL_IN_PROCESS")
    session = open_session("local", home=home, tag="run-1")
    execute(session, Sql("CREATE TABLE kept AS SELECT 1 AS a"))
    os.kill(status(home)["pid"], signal.SIGKILL)
    with pytest.raises(SqlError, match="started again") as failure:
        execute(session, Sql("SELECT a FROM kept"))
    assert failure.value.transient
    assert [tuple(row) for row in execute(session, Sql("SELECT a FROM kept"))] == [(1,)]
    assert execute(session, Sql("SHOW PARAMETERS LIKE 'QUERY_TAG'"))[0][1] == "run-1"


def test_a_session_whose_engine_is_gone_closes_quietly(tmp_path):
    with served(tmp_path, FakeProvider()) as service:
        connection = LocalClient(None, **door.Door(service.port, "LOCAL", service.token).parameters())
        session = Session.builder.configs({"connection": connection}).create()
        assert session.sql("SELECT 1").collect()
    with pytest.raises(SnowparkSQLException, match="390111"):
        session.sql("SELECT 1").collect()
    session.close()
    assert connection.is_closed()


def test_a_client_that_dies_does_not_stop_its_statement(home):
    connection = opened(home, "simulated:latency_ms=1000")
    rows(connection, "CREATE TABLE said (n INT, reply VARCHAR)")
    insert = "INSERT INTO said SELECT seq4(), AI_COMPLETE('llama3.1-8b', 'Hi') FROM TABLE(GENERATOR(ROWCOUNT => 3))"
    dying = script(home, f"run({insert!r})", "simulated:latency_ms=1000")
    assert until(lambda: status(home)["statements"] == 1)
    dying.kill()
    dying.wait()
    assert until(lambda: status(home)["statements"] == 0)
    assert rows(connection, "SELECT COUNT(reply) FROM said") == [(3,)]


def test_sessions_are_abandoned_only_after_their_last_connection_and_the_grace():
    now = [0.0]
    presence = Presence(lambda: now[0])
    for connection in (1, 2):
        presence.seen(connection, "a")
    presence.left(1)
    now[0] = 100
    assert (presence.abandoned(10), presence.quiet()) == ([], 0.0)
    presence.left(2)
    now[0] = 105
    assert (presence.abandoned(10), presence.quiet()) == ([], 5.0)
    now[0] = 111
    assert presence.abandoned(10) == ["a"]
    presence.forget("a")
    assert presence.abandoned(10) == []


@pytest.mark.slow
def test_many_clients_and_kill_minus_nine_lose_and_mix_no_row():
    sizes = ["--processes", "2", "--threads", "4", "--rounds", "2", "--kills", "4"]
    command = [sys.executable, "benchmarks/engine_stress.py", *sizes]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_goes_in_and_comes_back_through_the_port(tmp_path):
    (tmp_path / "words.csv").write_text("1,one\n2,two\n")
    (tmp_path / "back").mkdir()
    with served(tmp_path / "home", FakeProvider()) as service:
        parameters = door.Door(service.port, "LOCAL", service.token).parameters()
        connection = plain_connect(**parameters)
        assert rows(connection, "CREATE STAGE s") and rows(connection, "CREATE TABLE t (a INT, b STRING)")
        ((*_, status, _),) = rows(connection, f"PUT file://{tmp_path}/words.csv @s")
        rows(connection, "COPY INTO t FROM @s")
        assert (status, rows(connection, "SELECT * FROM t ORDER BY a")) == ("UPLOADED", [(1, "one"), (2, "two")])
        rows(connection, f"GET @s file://{tmp_path}/back")
        assert gzip.decompress((tmp_path / "back" / "words.csv.gz").read_bytes()) == b"1,one\n2,two\n"
        connection.close()
