"""Statements with the results that Snowflake documents: on the local engine, or on an account (`pytest -m snowflake`).

The cases are in conformance/*.yaml, by topic; conformance/README.md says what a case may hold and how cells compare.
An account is the connection named in DISTILL_TEST_CONNECTION; whatever a case makes is in a schema that goes with it.
"""

import os
import re
import threading
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from snowflake.connector import DatabaseError, connect

from cortex_distill.local.engine import Engine
from cortex_distill.local.engines import provider_of
from cortex_distill.local.service.door import Door
from cortex_distill.local.service.server import Service
from tests.account.cost import CONFORMANCE
from tests.local.conformance.compare import EXPECTATIONS, REFUSAL, difference_of, wrong_error

FOLDER = Path(__file__).parent / "conformance"
CASES = [case for file in sorted(FOLDER.glob("*.yaml")) for case in yaml.safe_load(file.read_text("utf-8"))]
KEYS = EXPECTATIONS | {"id", "sql", "setup", "binds", "source", "local", "local_differs", "account"}


class Counting:
    """A provider, and how many calls it was sent: what the suite costs on an account rests on it."""

    def __init__(self, provider):
        self.provider, self.calls = provider, 0

    def complete(self, calls, *more):
        self.calls += len(calls)
        return self.provider.complete(calls, *more)

    def __getattr__(self, name):
        return getattr(self.provider, name)


@pytest.fixture(scope="session")
def simulated_engine(tmp_path_factory):
    provider = Counting(provider_of("simulated"))
    engine = Engine(tmp_path_factory.mktemp("conformance") / "home", provider, "LOCAL_SIMULATED")
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def simulated_service(simulated_engine):
    """The same engine behind a port."""
    service = Service(simulated_engine, "simulated", 600)
    simulated_engine.protocol.password = None  # clients of this process have none
    serving = threading.Thread(target=service.serve)
    serving.start()
    yield service
    service.stop(0)
    serving.join()


@contextmanager
def in_process(request):
    """A connection to the local engine, in a schema of its own."""
    connection = request.getfixturevalue("simulated_engine").connect("CONFORMANCE", _own_schema())
    yield connection
    connection.close()


@contextmanager
def loopback(request):
    """The same through a port, as every other client comes, in a schema of its own."""
    service = request.getfixturevalue("simulated_service")
    parameters = Door(service.port, "LOCAL_SIMULATED", service.token).parameters("CONFORMANCE", _own_schema())
    with connect(**parameters, paramstyle="qmark") as connection:
        yield connection


def _own_schema():
    return f"S{uuid4().hex}".upper()


@pytest.fixture(scope="session")
def shared_account(request):
    """One connection to an account, in a schema of its own, for all statements that change nothing."""
    with _own_schema_on_account() as connection:
        yield connection


@contextmanager
def account(request):
    """A connection to an account. A case that changes something has its own, and a schema that goes with it."""
    name = os.environ.get("DISTILL_TEST_CONNECTION")
    if not name or "snowflake" not in request.config.getoption("-m"):
        pytest.skip("an account is asked with -m snowflake and DISTILL_TEST_CONNECTION=<name of a connection> only")
    case = request.node.callspec.params["case"]
    if "setup" not in case and re.match(r"\s*(SELECT|WITH|SHOW)\b", case["sql"], re.IGNORECASE):
        yield request.getfixturevalue("shared_account")
    else:
        with _own_schema_on_account() as connection:
            yield connection


@contextmanager
def _own_schema_on_account():
    """It is dropped at the end, also after a failure."""
    name, schema = os.environ["DISTILL_TEST_CONNECTION"], f"DISTILL_TEST_{uuid4().hex}".upper()
    with connect(connection_name=name, paramstyle="qmark") as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {schema}")
        try:
            cursor.execute(f"USE SCHEMA {schema}")
            yield connection
        finally:
            cursor.execute("ROLLBACK")
            cursor.execute(f"DROP SCHEMA {schema}")


TRANSPORTS = [in_process, loopback, pytest.param(account, marks=pytest.mark.snowflake)]


@pytest.fixture(params=TRANSPORTS, ids=lambda one: one.__name__)
def transport(request):
    """Where the statements go: (does an account answer, connection). Behind a connection may be the local engine."""
    with request.param(request) as connection:
        is_account = request.param is account
        if is_account:
            is_account = connection.cursor().execute("SELECT CURRENT_REGION()").fetchone()[0] != "LOCAL"
        yield is_account, connection


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_statement_answers_as_documented(transport, case):
    on_account, connection = transport
    if on_account and "account" in case:
        pytest.skip(case["account"])
    refused = not on_account and case.get("local") == "refused"
    found = _run(connection.cursor(), {**case, "error": {"text": REFUSAL}} if refused else case)
    if "local_differs" in case and not on_account:
        assert found, f"it no longer differs: drop local_differs ({case['local_differs']})"
    else:
        assert not found, f"{case['source']}: {found}"


def _run(cursor, case):
    """What is not as the case says; None if all is. A refusal may come from the setup, an error may not."""
    statements = [one.replace("{files}", str(FOLDER / "files")) for one in case.get("setup", [])]
    expected = case.get("error")
    done = 0
    try:
        for statement in statements:
            cursor.execute(statement)
            done += 1
        rows = cursor.execute(case["sql"], case.get("binds")).fetchall()
    except DatabaseError as error:
        if expected is None or (done < len(statements) and expected.get("text") != REFUSAL):
            return f"{error}, in {(*statements, case['sql'])[done]}"
        return wrong_error(error, expected)
    return difference_of(cursor, case, rows) if expected is None else f"no error, but {rows}"


def test_every_case_is_whole_and_has_a_name_of_its_own():
    assert len({case["id"] for case in CASES}) == len(CASES) >= 260
    for case in CASES:
        assert case.keys() <= KEYS, case["id"]
        assert len(case.keys() & EXPECTATIONS) == 1, case["id"]
        assert re.match(r"docs: [\w/$.-]+|issue: [\w/-]+ \d+", case["source"]), case["id"]
        assert case.get("local", "refused") == "refused", case["id"]


def test_the_suite_makes_no_more_calls_than_make_test_snowflake_says(simulated_engine):
    """After all others of this file, which went in process and through a port."""
    assert simulated_engine.provider.calls <= 2 * sum(CONFORMANCE.values())
