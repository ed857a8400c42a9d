"""Where the assumptions are checked: on the local engine in `make test`, on an account with `make test-snowflake`.

An account is the connection of `connections.toml` that DISTILL_TEST_CONNECTION names. Everything happens in one schema
of its own with a random name, which is dropped at the end, also after a failure.
"""

import json
import os
from collections.abc import Callable
from contextlib import closing
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from cortex_distill import local  # noqa: TID251  the engine of these tests is closed with them
from cortex_distill.accounts import account_session
from cortex_distill.ledger import Ask, ask
from cortex_distill.session import execute, open_session
from cortex_distill.sql import Sql, join
from cortex_distill.tables import complete_sql

MODEL = os.environ.get("DISTILL_TEST_MODEL") or "llama3.1-8b"  # the cheapest one with a price in prices.yaml
TAG = f"cortex-distill-test-{uuid4().hex[:12]}"
REACHED = pytest.StashKey[bool]()  # whether a session on the engine, and a schema there, could be had at all
WITH_TRAINING = os.environ.get("DISTILL_TEST_FINETUNE") == "1"


class Place(NamedTuple):
    """One engine, and the schema where everything happens."""

    session: Any
    open: Callable[[], Any]
    """Another session in the same schema."""
    schema: str
    stands_in: bool
    """Whether the local engine answers, in this process or behind a connection."""

    def rows(self, text, *binds):
        """Run one statement as the project does; its rows as tuples."""
        return [tuple(row) for row in execute(self.session, Sql(text, binds))]

    def query(self, statement):
        """`rows` for a statement that carries its binds."""
        return self.rows(statement.text, *statement.binds)

    def one(self, text, *binds):
        """The single value of a query."""
        ((value,),) = self.rows(text, *binds)
        return value

    def ask(self, prompts, schema=None, model=MODEL, **parameters):
        """Calls as the ledger makes them; of each prompt its reply, error, served_by and tokens, by name."""
        values = join([Sql("(?, ?)", (number, prompt)) for number, prompt in enumerate(prompts)], ", ")
        rows = Sql(f"SELECT column1 AS row_key, column2 AS prompt, column1 AS draw FROM VALUES {values.text}",
                   values.binds)  # fmt: skip
        asked = ask(self.session, "run", Ask("check", rows, model, parameters, schema), lambda progress: None)
        found = execute(self.session, Sql(f"SELECT * FROM {asked.replies} ORDER BY row_key::NUMBER"))
        return [{name.lower(): cell for name, cell in row.as_dict().items()} for row in found]


ACCOUNT = pytest.param("account", marks=pytest.mark.snowflake)
ON_ACCOUNT = pytest.mark.parametrize("place", [ACCOUNT], indirect=True, scope="session")  # what takes too long here


@pytest.fixture(scope="session", params=["local", ACCOUNT])
def place(request, tmp_path_factory):
    """The engine, with the tables of a run in a schema of its own."""
    if request.param == "account":
        yield from _in_schema(_connection, request.config)
        return
    home = tmp_path_factory.mktemp("account") / "engine"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISTILL_MODELS", "simulated")
        yield from _in_schema(lambda: open_session("local", home=home, tag=TAG), request.config)
    local.close(home)


def _connection():
    name = os.environ.get("DISTILL_TEST_CONNECTION")
    if not name:
        pytest.skip("DISTILL_TEST_CONNECTION names no connection")
    return account_session(name, TAG)


def _in_schema(connect, config):
    first, opened = connect(), []
    schema = f"DISTILL_TEST_{uuid4().hex}".upper()

    def another():
        opened.append(connect())
        execute(opened[-1], Sql(f"USE SCHEMA {schema}"))
        return opened[-1]

    execute(first, Sql(f"CREATE SCHEMA {schema}"))
    try:
        execute(first, Sql(f"USE SCHEMA {schema}"))
        for statement in complete_sql():
            execute(first, Sql(statement))
        region = execute(first, Sql("SELECT CURRENT_REGION()"))[0][0]
        config.stash[REACHED] = True
        yield Place(first, another, schema, str(region) == "LOCAL")
    finally:
        for session in (first, *opened):
            session.close()
        with closing(connect()) as last:  # the first may have been lost, or closed by another test of this process
            execute(last, Sql(f"DROP SCHEMA IF EXISTS {schema}"))


@pytest.fixture(autouse=True)
def no_more_than_declared(request):
    """Whether the calls of a test, and their tokens, are within what its mark `paid` says: the bound rests on it."""
    if "place" not in request.fixturenames:
        yield
        return
    place, paid = request.getfixturevalue("place"), request.node.get_closest_marker("paid")
    before = _spent(place)
    yield
    calls, tokens = (after - earlier for after, earlier in zip(_spent(place), before, strict=True))
    most = paid.kwargs if paid else {"calls": 0, "tokens": 0}
    assert calls <= most["calls"], f"{calls} calls, and {most['calls']} were declared"
    assert tokens <= most["calls"] * most["tokens"], f"{tokens} tokens in {calls} calls"


def _spent(place):
    tokens = "c.answer:value:usage:total_tokens::NUMBER"
    return tuple(map(int, place.rows(f"SELECT COUNT(*), COALESCE(SUM({tokens}), 0) FROM COMPLETIONS c")[0]))


def read(cell):
    """A VARIANT, OBJECT or ARRAY as clients get it, parsed."""
    return json.loads(cell) if isinstance(cell, str) else cell


def pytest_configure(config):
    config.addinivalue_line("markers", "assumption(id): the entry of assumptions.yaml that the test checks")
    config.addinivalue_line("markers", "paid(calls, tokens): the most model calls of the test, and tokens of each")
    config.addinivalue_line("markers", "training: runs FINETUNE; on an account with DISTILL_TEST_FINETUNE=1 only")
    config.addinivalue_line("markers", "account_only(reason): the local engine knowingly differs, or cannot show it")


@pytest.fixture(autouse=True)
def _account_only(request):
    mark = request.node.get_closest_marker("account_only")
    if mark and request.getfixturevalue("place").stands_in:
        pytest.skip(mark.args[0])
