"""Leaving out of fakesnow's rewriting what is about commands changes no query, and only what may ask a model is
planned before it runs."""

import re

import pytest
from snowflake.connector.errors import DatabaseError
from sqlglot.errors import SqlglotError

from cortex_distill.local.sql import needed, translating
from cortex_distill.local.sql.dialect import parse_one
from tests.local.test_conformance import CASES


@pytest.fixture
def cursor(engine, schema):
    session = engine.session("DISTILL", schema)
    with session.lane(transaction=False) as duck:
        yield translating.TranslatingCursor(session, duck)
    session.close()


def _translated(cursor, sql):
    try:
        return re.sub("call-[0-9a-f]{32}", "call", cursor.translated(parse_one(sql)).sql("duckdb"))
    except Exception as error:  # noqa: BLE001  the same refusal is as good
        return f"{type(error).__name__}: {error}"


def test_no_statement_is_translated_otherwise_than_by_the_whole_chain(cursor, monkeypatch):
    statements = [sql for case in CASES for sql in (*case.get("setup", ()), case["sql"]) if _parses(sql)]
    short = [_translated(cursor, sql) for sql in statements]
    monkeypatch.setattr(translating, "needed", lambda tree: tree)
    assert len(statements) > 260
    assert [_translated(cursor, sql) for sql in statements] == short


def _parses(sql):
    try:
        return isinstance(needed.needed(parse_one(sql)), needed.Needed)
    except (SqlglotError, DatabaseError):
        return False


def test_the_names_that_are_left_out_are_all_known_to_fakesnow():
    from fakesnow import transforms  # noqa: PLC0415

    assert all(hasattr(transforms, name) for name in needed.COMMANDS)


def test_a_statement_that_cannot_ask_a_model_is_not_planned(session, monkeypatch):
    session.sql("CREATE TABLE t (a VARCHAR)").collect()
    session.sql("CREATE VIEW asking AS SELECT AI_COMPLETE('m', a) AS reply FROM t").collect()
    session.sql("CREATE FUNCTION ask(a VARCHAR) RETURNS VARCHAR AS 'AI_COMPLETE(''m'', a)'").collect()
    planned = []
    plan = translating.TranslatingCursor._plan
    monkeypatch.setattr(
        translating.TranslatingCursor, "_plan", lambda self, sql, best: planned.append(sql) or plan(self, sql, best)
    )
    for quiet in ("SELECT UPPER(a), TRY_PARSE_JSON(a) FROM t", "INSERT INTO t SELECT REGEXP_SUBSTR(a, 'x') FROM t"):
        session.sql(quiet).collect()
    assert planned == []
    for asking in ("SELECT AI_COMPLETE('m', a) FROM t", "SELECT * FROM asking", "SELECT ask(a) FROM t"):
        session.sql(asking).collect()
        assert planned, asking
        planned.clear()


def test_an_engine_keeps_no_tree_of_what_it_ran(session, engine):
    session.sql("CREATE TABLE kept (a NUMBER)").collect()
    session.sql("INSERT INTO kept VALUES (1)").collect()
    assert not engine._instance.results_cache
