"""Sessions on an account: by connection name, and by a block of Prefect's. Nothing here leaves this machine."""

import sys
from types import SimpleNamespace

import pytest

from cortex_distill.errors import SetupError
from cortex_distill.session import execute, open_session
from cortex_distill.sql import Sql


@pytest.fixture
def blocks(monkeypatch, session):
    """Stands in for prefect-snowflake: one block `prod`, whose connection is genuine and leads to the local engine."""
    asked = []

    def load(name):
        if name != "prod":
            raise ValueError(f"Unable to find block document named {name}")

        def get_connection(**options):
            asked.append(options)
            return session.connection

        return SimpleNamespace(get_connection=get_connection)

    stand_in = SimpleNamespace(SnowflakeConnector=SimpleNamespace(load=load))
    monkeypatch.setitem(sys.modules, "prefect_snowflake", stand_in)
    return asked


def test_a_block_opens_a_session_whose_statements_bind_and_carry_the_tag(blocks):
    opened = open_session("block:prod", tag="run-1")
    assert blocks == [{"paramstyle": "qmark"}]
    assert execute(opened, Sql("SELECT ?", ("it's",))) == [("it's",)]
    assert execute(opened, Sql("SHOW PARAMETERS LIKE 'QUERY_TAG'"))[0][1] == "run-1"


def test_a_block_that_prefect_does_not_have_is_named_with_what_to_do(blocks):
    with pytest.raises(SetupError, match=r"block:other.*no block of that name(.|\n)*docs/prefect.md"):
        open_session("block:other")


def test_without_the_package_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "prefect_snowflake", None)
    with pytest.raises(SetupError, match=r"needs the package prefect-snowflake; pip install -e '\.\[block\]'"):
        open_session("block:prod")


def test_an_unknown_connection_is_named_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("SNOWFLAKE_HOME", str(tmp_path))
    with pytest.raises(SetupError, match=r"engine 'nowhere': there is no connection of that name in .*connections"):
        open_session("nowhere")
