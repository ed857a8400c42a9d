"""Fixtures of the engine's tests: an engine in a temporary folder, answered by a counting fake."""

import itertools

import pytest

from tests.local.engine_fake import FakeProvider

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def shared_engine(tmp_path_factory):
    """One engine for all tests: opening one takes longer than most tests do."""
    from cortex_distill.local.engine import Engine  # noqa: PLC0415  the providers' tests need no DuckDB

    engine = Engine(tmp_path_factory.mktemp("engine") / "home", FakeProvider(), "LOCAL_FAKE")
    yield engine
    engine.close()


@pytest.fixture
def engine(shared_engine):
    """The shared engine, its provider as new."""
    shared_engine.provider.reset()
    return shared_engine


@pytest.fixture
def provider(engine):
    return engine.provider


@pytest.fixture
def schema():
    """A schema of the test's own."""
    return f"S{next(_numbers)}"


@pytest.fixture
def open_session(engine, schema):
    from snowflake.snowpark import Session  # noqa: PLC0415

    sessions = []

    def opened():
        connection = engine.connect("DISTILL", schema)
        sessions.append(Session.builder.configs({"connection": connection}).create())
        return sessions[-1]

    yield opened
    for session in sessions:
        session.close()


@pytest.fixture
def session(open_session):
    return open_session()


@pytest.fixture
def rows(session):
    """Run a statement; its rows as tuples."""

    def run(sql, *binds):
        return [tuple(row) for row in session.sql(sql, params=list(binds)).collect()]

    return run


@pytest.fixture
def one(rows):
    """The single value of a query."""

    def run(sql, *binds):
        ((value,),) = rows(sql, *binds)
        return value

    return run
