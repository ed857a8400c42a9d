"""Snowflake SQL that the product's steps use: values, text, JSON, tables, sessions, errors."""

import datetime
import json
from decimal import Decimal

import pytest
from snowflake.snowpark.exceptions import SnowparkSQLException

VALUES = [
    "it's \\ \" $$ {{ 7*7 }}\n\t 😀 ? :x",
    "",
    None,
    True,
    -3,
    2**40,
    1.25,
    Decimal("1.50"),
    datetime.date(2026, 1, 2),
    datetime.datetime(2026, 1, 2, 3, 4, 5, 678),
]


@pytest.mark.parametrize("value", VALUES)
def test_a_bind_comes_back_as_it_went_in(one, value):
    assert one("SELECT ? AS x", value) == value


def test_binds_keep_the_order_of_the_text(rows):
    seconds = "DATEDIFF('second', ?::TIMESTAMP_NTZ, ?::TIMESTAMP_NTZ)"
    sql = f"SELECT {seconds}, DIV0(?, ?), IFF(? > 1, ?, ?), '?', ?::INT + 1 -- ?"
    assert rows(sql, "2026-01-01 00:00:00", "2026-01-01 00:01:00", 6, 4, 2, "yes", "no", "7") == [
        (60, 1.5, "yes", "?", 8)
    ]


def test_a_missing_bind_is_an_error(rows):
    with pytest.raises(SnowparkSQLException, match="002049"):
        rows("SELECT ?, ?", 1)


EXPRESSIONS = [
    ("LOWER(' A ')", " a "),
    ("TRIM('\\n a.\\n', '\\n')", " a."),
    ("TRIM('\"x\" .', ' .\"')", "x"),
    ("REGEXP_REPLACE('a1b22', '\\\\d+', '#')", "a#b#"),
    ("REGEXP_REPLACE('a  b\\t c', '\\\\s+', ' ')", "a b c"),
    ("REGEXP_SUBSTR('abc', 'z')", None),
    ("REGEXP_SUBSTR('abc', '(b)(c)')", "bc"),
    ("REGEXP_LIKE('abc', 'b')", False),
    ("CONCAT('a', NULL)", None),
    ("SHA2('x', 256)", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
    ("MD5('x')", "9dd4e461268c8034f5c8564e155c67a6"),
    ("TO_NUMBER(SUBSTR(SHA2('x'), 1, 8), 'XXXXXXXX') % 100", 86),
    ("TRY_TO_DOUBLE('x')", None),
    ("TRY_TO_DOUBLE('1.5')", 1.5),
    ("TRY_TO_NUMBER('12')", 12),
    ("DIV0(1, 0)", 0),
    ("IFF(1 > 0, 'y', 'n')", "y"),
    ("NVL(NULL, 'z')", "z"),
    ("GREATEST(1, 3) - LEAST(1, 3)", 2),
    ("CEIL(1.2) + FLOOR(1.8)", 3),
    ("LENGTH(UUID_STRING())", 36),
    ("CURRENT_TIMESTAMP()::TIMESTAMP_NTZ > '2026-01-01'", True),
    ("CONTAINS('abc', 'b') AND STARTSWITH('abc', 'a')", True),
    ("ARRAY_SIZE(ARRAY_CONSTRUCT(1, 'a', NULL))", 3),
    ("ARRAY_SIZE(PARSE_JSON('{}'))", None),
]


@pytest.mark.parametrize(("expression", "value"), EXPRESSIONS)
def test_a_function_answers_as_snowflake(one, expression, value):
    assert one(f"SELECT {expression} AS x") == value


JSON_TEXTS = [
    ("[1,2,]", [1, 2, None]),
    ("[1, ,7]", [1, None, 7]),
    ("{a: 1, b: TRUE,}", {"a": 1, "b": True}),
    ('{"a":1,"a":2}', None),
    ("  ", None),
    ("```json\n{}\n```", None),
    ('{"a":', None),
    ('{"a": "\\ud83d"}', {"a": "\ufffd"}),
    ('{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
]


@pytest.mark.parametrize(("text", "value"), JSON_TEXTS)
def test_try_parse_json_is_as_lenient_as_snowflake(one, text, value):
    cell = one("SELECT TRY_PARSE_JSON(?)", text)
    assert (None if cell is None else json.loads(cell)) == value


def test_parse_json_raises_where_try_parse_json_is_null(rows):
    with pytest.raises(SnowparkSQLException, match=r"100069.*duplicate"):
        rows("SELECT PARSE_JSON(?)", '{"a":1,"a":2}')


@pytest.fixture
def document(rows):
    rows("CREATE TABLE d (k STRING, v VARIANT)")
    value = {"text": "it's", "n": "4", "x": 1.5, "list": [{"b": "deep"}], "o": {"p": "q"}, "nil": None}
    rows(
        "INSERT INTO d SELECT column1, PARSE_JSON(column2) FROM VALUES (?, ?), (?, ?)",
        "one",
        json.dumps(value),
        "two",
        None,
    )


PATHS = [
    ("v:text::STRING", "it's"),
    ("v['text']::STRING", "it's"),
    ("v:o.p::STRING", "q"),
    ("v:list[0]:b::STRING", "deep"),
    ("v:n::FLOAT", 4.0),
    ("v:n::INT", 4),
    ("v:x::FLOAT", 1.5),
    ("v:missing::STRING", None),
    ("v:nil::STRING", None),
    ("v:text", '"it\'s"'),
    ("k::VARIANT", '"one"'),
    ("v:text || '!'", "it's!"),
    ("CONCAT('<', v:text, '>')", "<it's>"),
    ("LENGTH(v:text)", 4),
    ("v:text = 'it''s'", True),
    ("v:text IN ('a', 'it''s')", True),
    ("v['x'] >= 1", True),
    ("OBJECT_CONSTRUCT('a', v:n, 'gone', NULL, 'k', k)", '{"a":"4","k":"one"}'),
    ("OBJECT_CONSTRUCT_KEEP_NULL('a', NULL, 'k', k)", '{"a":null,"k":"one"}'),
    ("{'Key': {'inner': [1, k]}}", '{"Key":{"inner":[1,"one"]}}'),
]


@pytest.mark.parametrize(("expression", "value"), PATHS)
def test_a_variant_is_read_as_on_snowflake(one, document, expression, value):
    assert one(f"SELECT {expression} AS x FROM d WHERE k = 'one'") == value


BALANCED = r'\{([^{}"]|"([^"\\]|\\.)*")*\}'


def test_all_matches_of_a_pattern_with_groups_are_whole_and_can_be_flattened(rows):
    text = 'noise {"a": "}"} more {b} {"c": "\\""} end {'
    found = rows("SELECT f.index, f.value::STRING FROM (SELECT ? AS t) s,"
                 " LATERAL FLATTEN(input => REGEXP_SUBSTR_ALL(s.t, ?)) f ORDER BY 1", text, BALANCED)  # fmt: skip
    assert found == [(0, '{"a": "}"}'), (1, "{b}"), (2, '{"c": "\\""}')]


def test_flatten_drops_what_cannot_be_expanded_unless_outer(rows, document):
    assert rows("SELECT f.value:b::STRING FROM d, LATERAL FLATTEN(input => v:list) f") == [("deep",)]
    outer = rows("SELECT k, f.value:b::STRING FROM d, LATERAL FLATTEN(input => v:list, outer => TRUE) f ORDER BY k")
    assert outer == [("one", "deep"), ("two", None)]


TABLE = """CREATE TABLE IF NOT EXISTS facts (
    id NUMBER PRIMARY KEY, name STRING, score FLOAT, ok BOOLEAN, doc VARIANT, at TIMESTAMP_NTZ,
    made TIMESTAMP_NTZ DEFAULT CURRENT_TIMESTAMP())"""


def test_a_table_of_every_type_keeps_nulls_and_defaults(rows):
    rows(TABLE)
    rows(TABLE)
    rows("INSERT INTO facts (id, name) VALUES (1, 'a'), (1, 'b')")
    assert rows("SELECT id, score, ok, doc, at, made IS NULL FROM facts WHERE name = 'b'") == [
        (1, None, None, None, None, False)
    ]


def test_merge_updates_inserts_and_counts(rows):
    rows("CREATE TABLE target (k STRING, a NUMBER)")
    rows("INSERT INTO target VALUES ('x', 1)")
    merge = """MERGE INTO target USING (SELECT column1 AS k, column2 AS a FROM VALUES (?, ?), (?, ?)) s
        ON target.k = s.k WHEN MATCHED THEN UPDATE SET target.a = s.a
        WHEN NOT MATCHED THEN INSERT (k, a) VALUES (s.k, s.a)"""
    assert rows(merge, "x", 5, "y", 6) == [(1, 1)]
    assert rows("SELECT * FROM target ORDER BY k") == [("x", 5), ("y", 6)]


def test_update_from_delete_and_qualify(rows):
    rows("CREATE TABLE u (k STRING, a NUMBER)")
    rows("INSERT INTO u VALUES ('x', 1), ('x', 2), ('y', 3)")
    rows("UPDATE u SET a = s.a FROM (SELECT 'y' AS k, 9 AS a) s WHERE u.k = s.k")
    first = "SELECT k, a FROM u QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY a) = 1 ORDER BY k"
    assert rows(first) == [("x", 1), ("y", 9)]
    assert rows("DELETE FROM u WHERE k = ?", "x") == [(2,)]


def test_a_transaction_rolls_back(rows, one):
    rows("CREATE TABLE tx (a NUMBER)")
    rows("BEGIN")
    rows("INSERT INTO tx VALUES (1)")
    assert one("SELECT COUNT(*) FROM tx") == 1
    rows("ROLLBACK")
    assert one("SELECT COUNT(*) FROM tx") == 0


def test_names_that_duckdb_reserves_are_usable(rows):
    rows("CREATE TABLE words (at STRING, position NUMBER, split STRING, sample NUMBER, matches STRING, key STRING)")
    rows("INSERT INTO words (at, position, split) SELECT 'a' AS at, 1 AS position, 'b' AS split")
    assert rows("SELECT w.at, position, split FROM words w ORDER BY at") == [("a", 1, "b")]


def test_a_sql_function_is_defined_and_called(one, rows):
    rows(
        "CREATE OR REPLACE FUNCTION greet(who STRING) RETURNS STRING LANGUAGE SQL AS $$ CONCAT('it''s ', who, '\\n') $$"
    )
    assert one("SELECT greet(PARSE_JSON('\"x\"'))") == "it's x\n"


def test_session_variables_are_values_not_text(rows):
    rows("SET name = 'a''b\\\\c'")
    rows("SET name_2 = 1 + 1")
    assert rows("SELECT $name, $name_2, '$name'") == [("a'b\\c", 2, "$name")]


ACCOUNT_STATEMENTS = [
    "USE ROLE ACCOUNTADMIN",
    "CREATE WAREHOUSE w WAREHOUSE_SIZE = SMALL",
    "USE WAREHOUSE w",
    "GRANT SELECT ON TABLE t TO ROLE r",
    "ALTER SESSION SET QUERY_TAG = 'x'",
    "CREATE DATABASE IF NOT EXISTS distill",
    "CREATE SCHEMA IF NOT EXISTS distill.public",
    "USE distill.public",
]


@pytest.mark.parametrize("statement", ACCOUNT_STATEMENTS)
def test_account_statements_succeed(rows, statement):
    assert len(rows(statement)) == 1


def test_the_account_says_who_answers(rows, schema):
    facts = rows("""SELECT CURRENT_ACCOUNT(), CURRENT_DATABASE(), CURRENT_SCHEMA(), CURRENT_ROLE() IS NOT NULL,
        CURRENT_USER() IS NOT NULL, CURRENT_WAREHOUSE() IS NOT NULL, CURRENT_VERSION() IS NOT NULL""")
    assert facts == [("LOCAL_FAKE", "DISTILL", schema, True, True, True, True)]


ERRORS = [
    ("SELECT * FROM nowhere", "002003.*NOWHERE"),
    ("SELECT nothing FROM (SELECT 1 AS a)", "000904.*NOTHING"),
    ("SELECT 1 FROM FROM", "001003"),
    ("SELECT 1 / (1 - 1)", "100051.*Division by zero"),
    ("SELECT 'abc'::INT", "100038.*abc"),
    ("CREATE TABLE twice (a INT); SELECT 1", "000008"),
    ("CALL something()", "Unknown user-defined function SOMETHING"),
    ("SELECT $nothing", "NOTHING"),
]


@pytest.mark.parametrize(("statement", "message"), ERRORS)
def test_an_error_has_snowflakes_number_and_names_the_object(rows, statement, message):
    with pytest.raises(SnowparkSQLException, match=f"(?s){message}"):
        rows(statement)
