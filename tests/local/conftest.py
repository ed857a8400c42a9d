"""Fixtures of the engine's tests: an engine in a temporary folder, answered by a counting fake."""

import pytest

from tests.local.engine_fake import FakeProvider


@pytest.fixture
def provider():
    return FakeProvider()


@pytest.fixture
def engine(tmp_path, provider):
    from cortex_distill.local.engine import Engine  # noqa: PLC0415  the providers' tests need no DuckDB

    engine = Engine(tmp_path / "home", provider, "LOCAL_FAKE")
    yield engine
    engine.close()


@pytest.fixture
def open_session(engine):
    from snowflake.snowpark import Session  # noqa: PLC0415

    sessions = []

    def opened(database="DISTILL", schema="PUBLIC"):
        connection = engine.connect(database, schema)
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
