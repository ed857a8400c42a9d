"""A statement whose shape came before is run from its template, and answers what its translation would."""

import re
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from snowflake.connector.errors import DatabaseError
from snowflake.snowpark.exceptions import SnowparkSQLException
from sqlglot import exp
from sqlglot.errors import SqlglotError

from cortex_distill.local.faults import Refused
from cortex_distill.local.sql import binds, remembered, slots
from cortex_distill.local.sql.cursor import LocalCursor
from cortex_distill.local.sql.dialect import parse_one
from cortex_distill.local.sql.slots import Filling, Shape, Template
from tests.local.test_conformance import CASES

_TEXTS = ("", "day", "s", "e", "0x1F", "it's", "%", "\\s+", "2024-01-31", "XXXX")
_NUMBERS = (0, 7, 123456789)
_MARKS = re.findall(r"'(.+?)'", binds.mark("? " * 200)[0])


@pytest.fixture
def read(monkeypatch):
    """The statements that are parsed from now on."""
    seen = []
    prepared = LocalCursor.prepared
    monkeypatch.setattr(LocalCursor, "prepared", lambda self, sql: seen.append(sql) or prepared(self, sql))
    return seen


@pytest.fixture
def new_cursor(engine, schema):
    """Makes a cursor for one statement."""
    local = engine.session("DISTILL", schema)
    with local.lane(transaction=False) as duck:
        yield lambda: LocalCursor(local, duck)
    local.close()


def _marked(sql):
    """The statement with a bind in the place of each literal, and the literals; None if it does not parse."""
    try:
        tree = parse_one(sql)
    except (SqlglotError, DatabaseError):
        return None
    literals = list(tree.find_all(exp.Literal))
    copies = [literal.copy() for literal in literals]
    for literal, mark in zip(literals, _MARKS, strict=False):
        literal.replace(exp.Literal.string(mark))
    return tree, copies


def _text(cursor, tree, parts):
    try:
        text = cursor.text_of(binds.put(tree.copy(), parts, len(parts)))
    except (Refused, SqlglotError, DatabaseError, NotImplementedError):
        return None
    return text and re.sub("call-[0-9a-f]{32}", "call", text)


def test_no_rewriting_looks_at_a_value_that_has_a_slot(new_cursor):
    compared = 0
    for sql in (sql for case in CASES for sql in (*case.get("setup", ()), case["sql"])):
        tree, literals = _marked(sql) or (None, [])
        is_ours = isinstance(tree, remembered._KINDS) and not remembered._PARTICULAR.search(sql)
        slotted = slots.slots_of(tree) if is_ours else frozenset()
        for turn in range(3 if slotted else 0):
            values = [
                _TEXTS[(at + 3 * turn) % len(_TEXTS)] if was.is_string else _NUMBERS[(at + turn) % len(_NUMBERS)]
                for at, was in enumerate(literals)
            ]
            marks = slots.marks(values, slotted)
            stand_in = [marks[at] if at in slotted else was for at, was in enumerate(literals)]
            real = [binds.literal(values[at]) if at in slotted else was for at, was in enumerate(literals)]
            if (said := _text(new_cursor(), tree, stand_in)) is not None:
                filling = Filling(values, (), 0)
                assert Template(said, filling).filled(filling) == _text(new_cursor(), tree, real), sql
                compared += 1
    assert compared > 370


def test_the_third_of_a_shape_is_not_parsed_and_answers_alike(rows, read):
    rows("CREATE TABLE t (key STRING, n NUMBER, note VARIANT)")
    for number in range(5):
        read.clear()
        assert rows("INSERT INTO t SELECT ?, ?, PARSE_JSON(?)", f"k{number}", number, f'{{"a": {number}}}') == [(1,)]
        assert rows("UPDATE t SET n = n + 1 WHERE key = ?", f"k{number}") == [(1, 0)]
        merge = "MERGE INTO t USING (SELECT ? AS key) s ON t.key = s.key WHEN MATCHED THEN UPDATE SET n = ?"
        assert rows(merge, f"k{number}", -number) == [(1,)]
        assert rows("SELECT key, n, note:a::NUMBER FROM t WHERE key = ?", f"k{number}") == [
            (f"k{number}", -number, number)
        ]
        assert rows("DELETE FROM t WHERE n <> ? AND key = ?", -number, f"k{number}") == [(0,)]
    assert read == []


def test_tables_whose_names_are_made_up_for_one_ask_are_of_one_shape(rows, read):
    for end in ("0fb79b24695a", "ABC79b246951", "000000000002", "aaaaaaaaaaa4"):
        read.clear()
        rows(f"CREATE OR REPLACE TEMPORARY TABLE asked_{end} (key STRING)")
        created = len(read)
        rows(f"INSERT INTO asked_{end} SELECT ?", end)
        assert rows(f"SELECT key, '_{end}' FROM asked_{end} WHERE key = ?", end) == [(end, f"_{end}")]
    assert len(read) == created


def test_what_looks_like_a_slot_in_a_value_or_a_text_stays_as_it_is(rows, open_session):
    other = open_session()
    number = rows("SELECT CURRENT_SESSION()")[0][0]
    for end in ("0fb79b24695a", "0fb79b24695a", "2fb79b24695a", "3fb79b24695a"):
        rows(f"CREATE OR REPLACE TEMPORARY TABLE asked_{end} AS SELECT 'a_0fb79b24695a' AS name")
        assert rows(f"SELECT REPLACE(name, ?, '') FROM asked_{end}", "_0fb79b24695a") == [("a",)]
    for session in (None, None, None, other, other):
        sql = f"SELECT '_TEMP_{number}_', ?"
        told = rows(sql, "x") if session is None else session.sql(sql, params=["x"]).collect()
        assert [tuple(row) for row in told] == [(f"_TEMP_{number}_", "x")]


def test_bytes_are_those_that_were_given(rows):
    told = [rows("SELECT ? AS a", value)[0][0] for value in (b"a", b"a", b"b", b"b")]
    assert [bytes(one) for one in told] == [b"a", b"a", b"b", b"b"]


def test_a_temporary_table_hides_one_of_the_same_name_and_uncovers_it_again(rows, open_session):
    def names(run=rows):
        return [run("SELECT name FROM hidden WHERE name <> ?", "") for _ in range(3)][-1]

    rows("CREATE TABLE hidden AS SELECT 'lasting' AS name")
    assert names() == [("lasting",)]
    rows("CREATE TEMPORARY TABLE hidden AS SELECT 'fleeting' AS name")
    assert names() == [("fleeting",)]
    other = open_session()
    assert names(lambda sql, *given: [tuple(row) for row in other.sql(sql, params=list(given)).collect()]) == [
        ("lasting",)
    ]
    rows("DROP TABLE hidden")
    assert names() == [("lasting",)]


def test_a_name_that_becomes_a_view_with_a_call_is_refused_twice_as_ever(rows, provider):
    query = "SELECT a.name FROM asked a JOIN asked b ON a.name = b.name WHERE a.name <> ?"
    rows("CREATE TABLE asked AS SELECT 'x' AS name")
    for _ in range(3):
        assert rows(query, "") == [("x",)]
    rows("DROP TABLE asked")
    rows("CREATE VIEW asked AS SELECT AI_COMPLETE('llama3.1-8b', 'who') AS name")
    with pytest.raises(SnowparkSQLException, match="more than once"):
        rows(query, "")
    assert provider.calls == []


def test_a_statement_that_asks_a_model_is_never_remembered(rows, provider):
    for number in range(4):
        rows("SELECT AI_COMPLETE('llama3.1-8b', ?)", f"question {number}")
    assert [call.messages[-1]["content"] for call in provider.calls] == [f"question {number}" for number in range(4)]


def test_an_error_is_told_as_by_its_translation_and_changes_nothing(rows):
    rows("CREATE TABLE short (name STRING(3), n NUMBER)")
    for number in range(3):
        rows("INSERT INTO short SELECT ?, ?", "abc", number)
    with pytest.raises(SnowparkSQLException, match="is too long and would be truncated") as told:
        rows("INSERT INTO short SELECT ?, ?", "abcd", 1)
    assert told.value.sql_error_code == 100078
    rows("DROP TABLE short")
    with pytest.raises(SnowparkSQLException, match="does not exist") as told:
        rows("INSERT INTO short SELECT ?, ?", "abc", 1)
    assert told.value.sql_error_code == 2003


def test_a_table_that_gets_other_columns_is_read_anew(rows):
    for kind, value in (("NUMBER", 4), ("STRING", "4"), ("FLOAT", 4.0)):
        rows(f"CREATE OR REPLACE TABLE typed AS SELECT 4::{kind} AS a")
        for _ in range(3):
            assert rows("SELECT a, a / ? FROM typed WHERE a = ?", 2, value) == [(value, 2)]


def test_inside_a_transaction_everything_is_undone(rows):
    rows("CREATE TABLE undone (a NUMBER)")
    for number in range(3):
        rows("INSERT INTO undone SELECT ?", number)
    rows("BEGIN")
    rows("INSERT INTO undone SELECT ?", 9)
    rows("ROLLBACK")
    assert rows("SELECT COUNT(*) FROM undone WHERE a <> ?", -1) == [(3,)]


def test_no_value_leaves_its_slot(rows):
    typed = st.one_of(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30),
        st.sampled_from((*_TEXTS, "'", "''; DROP TABLE t; --", "?", "$$", "_0fb79b24695a", "_TEMP_1_", _MARKS[0])),
        st.integers(-(10**17), 10**17),
        st.floats(allow_nan=False, allow_infinity=False, width=32),
        st.booleans(),
        st.none(),
        st.dates(date(1900, 1, 1)),
        st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)),
        st.decimals(-(10**9), 10**9, places=3),
    )  # fmt: skip

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(typed, typed)
    def there_and_back(one, other):
        ((first, second, both),) = rows(
            "SELECT ? AS a, ? AS b, CONCAT('<', ?, '|', ?, '>')", one, other, "x", str(other)
        )
        assert _same(first, one)
        assert _same(second, other)
        assert both == f"<x|{other}>"

    there_and_back()


def _same(told, said):
    if isinstance(said, Decimal | float | int) and not isinstance(said, bool):
        return float(told) == pytest.approx(float(said))
    return told == said


@given(st.text(max_size=40), st.text("0123456789abcdefABCDEF", min_size=12, max_size=12))
def test_a_shape_forgets_nothing_but_the_ends_of_names(text, end):
    sql = f"SELECT '{text}' FROM t_{end} JOIN u_{end}"
    shape = Shape.of(sql)
    for number, found in enumerate(shape.ends):
        assert found in sql
        shape = shape._replace(text=shape.text.replace(f"_#{number}", found))
    assert shape.text == sql or "_#" in text
