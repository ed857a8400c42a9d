"""Functions of Snowflake SQL beside their documented results. Source of each group: docs: sql-reference/functions/…."""

import datetime
from decimal import Decimal

import pytest
from snowflake.snowpark.exceptions import SnowparkSQLException

from cortex_distill import transient
from cortex_distill.transient import is_transient_sql, is_transient_text

DAY = datetime.date
DOCUMENT = """PARSE_JSON('{"a": 1, "b": [77, 88], "c": {"d": "X"}, "e f": 2}')"""


FLATTENED = [  # flatten
    ("input => x", [("a", "a", None), ("b", "b", None), ("c", "c", None), ("e f", "['e f']", None)]),
    ("x", [("a", "a", None), ("b", "b", None), ("c", "c", None), ("e f", "['e f']", None)]),
    ("input => x, path => 'b'", [(None, "b[0]", 0), (None, "b[1]", 1)]),
    ("input => x, path => 'c'", [("d", "c.d", None)]),
    ("input => x, path => 'nothing'", []),
    ("input => x, path => 'nothing', outer => TRUE", [(None, None, None)]),
    ("input => x, mode => 'ARRAY'", []),
    ("input => x:b, mode => 'object'", []),
    (
        "input => x, recursive => TRUE",
        [
            ("a", "a", None),
            ("b", "b", None),
            (None, "b[0]", 0),
            (None, "b[1]", 1),
            ("c", "c", None),
            ("d", "c.d", None),
            ("e f", "['e f']", None),
        ],
    ),
    (
        "input => x, recursive => TRUE, mode => 'OBJECT'",
        [("a", "a", None), ("b", "b", None), ("c", "c", None), ("d", "c.d", None), ("e f", "['e f']", None)],
    ),
]


@pytest.mark.parametrize(("arguments", "expected"), FLATTENED)
@pytest.mark.parametrize(
    "form", [", LATERAL FLATTEN(%s) f", ", TABLE(FLATTEN(%s)) AS f", " JOIN LATERAL FLATTEN(%s) f"]
)
def test_flatten_gives_keys_paths_and_indexes(rows, form, arguments, expected):
    sql = f"SELECT f.key, f.path, f.index FROM (SELECT {DOCUMENT} AS x) t{form % arguments} ORDER BY f.path, f.index"
    assert rows(sql) == sorted(expected, key=lambda row: (row[1] or "", row[2] or 0))


def test_flatten_names_the_element_that_it_expands(rows):
    assert rows(f"SELECT DISTINCT this FROM TABLE(FLATTEN({DOCUMENT}, path => 'c'))") == [('{"d":"X"}',)]
    deep = f"SELECT this FROM TABLE(FLATTEN({DOCUMENT}, recursive => TRUE)) WHERE key = 'd'"
    assert rows(deep) == [('{"d":"X"}',)]


def test_split_to_table_gives_a_row_per_part(rows):
    assert rows("SELECT index, value FROM TABLE(SPLIT_TO_TABLE('a.b', '.')) ORDER BY index") == [(1, "a"), (2, "b")]
    lateral = (
        "SELECT k, s.value FROM (SELECT 1 AS k, 'x,y' AS z) t, LATERAL SPLIT_TO_TABLE(t.z, ',') s ORDER BY s.index"
    )
    assert rows(lateral) == [(1, "x"), (1, "y")]


def _json(name, text):
    return f"{name}(PARSE_JSON('{text}'))"


R4, R_TEXT = """PARSE_JSON('{"r": 4}'):r""", """PARSE_JSON('{"r": "b"}'):r"""
SEMI_STRUCTURED = [
    # typeof, is_…, as_…
    *[
        (_json("TYPEOF", text), kind)
        for text, kind in [
            ("1", "INTEGER"),
            ("1.5", "DECIMAL"),
            ('"a"', "VARCHAR"),
            ("null", "NULL_VALUE"),
            ("[1]", "ARRAY"),
            ("{}", "OBJECT"),
            ("true", "BOOLEAN"),
        ]
    ],
    ("TYPEOF(NULL::VARIANT)", None),
    (_json("IS_OBJECT", "{}"), True),
    (_json("IS_ARRAY", "{}"), False),
    (_json("IS_INTEGER", '"1"'), False),
    (_json("IS_DECIMAL", "1"), True),
    (_json("IS_VARCHAR", '"x"'), True),
    (_json("IS_NULL_VALUE", "null"), True),
    (_json("AS_VARCHAR", '"x"'), "x"),
    (_json("AS_VARCHAR", "1"), None),
    (_json("AS_INTEGER", "1"), 1),
    (_json("AS_ARRAY", "{}"), None),
    # object_…, array_…
    ("OBJECT_INSERT(OBJECT_CONSTRUCT('a', 1), 'b', 2)", '{"a":1,"b":2}'),
    ("OBJECT_INSERT(OBJECT_CONSTRUCT('a', 1), 'a', 2, TRUE)", '{"a":2}'),
    ("OBJECT_DELETE(OBJECT_CONSTRUCT('a', 1, 'b', 2), 'a')", '{"b":2}'),
    ("OBJECT_PICK(OBJECT_CONSTRUCT('a', 1, 'b', 2), 'a', 'z')", '{"a":1}'),
    ("OBJECT_KEYS(OBJECT_CONSTRUCT('a', 1, 'b', 2))", '["a","b"]'),
    ("ARRAY_APPEND([1, 2], 'x')", '[1,2,"x"]'),
    ("ARRAY_PREPEND([1, 2], 3)", "[3,1,2]"),
    ("ARRAY_CAT([1], ['x'])", '[1,"x"]'),
    ("ARRAY_CAT([1], NULL)", None),
    ("ARRAY_SLICE([0, 1, 2, 3], 1, 3)", "[1,2]"),
    ("ARRAY_SLICE([0, 1, 2, 3], 0, -1)", "[0,1,2]"),
    ("ARRAY_CONTAINS('a'::VARIANT, ['a', 'b'])", True),
    ("ARRAY_CONTAINS('c'::VARIANT, ['a', 'b'])", False),
    ("ARRAY_POSITION('b'::VARIANT, ['a', 'b'])", 1),
    ("ARRAY_POSITION('z'::VARIANT, ['a', 'b'])", None),
    ("ARRAY_DISTINCT(['a', 'b', 'a'])", '["a","b"]'),
    ("ARRAY_COMPACT(ARRAY_CONSTRUCT(1, NULL, 2))", "[1,2]"),
    ("ARRAY_TO_STRING(ARRAY_CONSTRUCT(1, 'a', NULL), '-')", "1-a-"),
    ("ARRAYS_OVERLAP([1, 2], [2, 3])", True),
    ("ARRAY_INTERSECTION(['A', 'B', 'B'], ['B', 'C'])", '["B"]'),
    ("ARRAY_EXCEPT(['A', 'B', 'B'], ['B'])", '["A","B"]'),
    ("ARRAY_REMOVE([1, 2, 1], 1)", "[2]"),
    ("ARRAY_REMOVE_AT([1, 2, 3], -1)", "[1,2]"),
    ("ARRAY_REVERSE([1, 2])", "[2,1]"),
    ("ARRAY_FLATTEN([[1, 2], [3]])", "[1,2,3]"),
    ("TO_ARRAY('x')", '["x"]'),
    ("TO_ARRAY([1])", "[1]"),
    # parse_json, check_json
    ("""PARSE_JSON('{"a": 1, "a": 2}', 'd')""", '{"a":2}'),
    ("""PARSE_JSON('{a: 1, a: 2}', 'd')""", '{"a":2}'),
    ("PARSE_JSON(' [ 1, 2 ] ')::STRING", "[1,2]"),
    ("CHECK_JSON('{a: 1}')", None),
    ("CHECK_JSON('{') IS NOT NULL", True),
    # user-guide/querying-semistructured
    ("PARSE_JSON('[1, 2]')[-1]", None),
    ("PARSE_JSON('[1, 2]')[5]", None),
    ("""PARSE_JSON('{"a": 1}'):A""", None),
    (f"{R4} + 1", 5.0),
    (f"{R4} = 4", True),
    (f"{R_TEXT} > 'a'", True),
    (f"{R_TEXT} LIKE 'b%'", True),
    (f"{R_TEXT} ILIKE 'B'", True),
    (f"REPLACE({R_TEXT}, 'b', 'c')", "c"),
    (f"SPLIT_PART({R_TEXT}, ',', 1)", "b"),
    (f"LEFT({R_TEXT}, 1) || LPAD({R_TEXT}, 2, '-') || REVERSE({R_TEXT})", "b-bb"),
    (f"REGEXP_LIKE({R_TEXT}, 'b')", True),
    (f"CASE {R_TEXT} WHEN 'b' THEN 1 END", 1),
    (f"EQUAL_NULL({R_TEXT}, 'b')", True),
    (f"NULLIF({R_TEXT}, 'b')", None),
    (f"DECODE({R_TEXT}, 'b', 1)", 1),
]


@pytest.mark.parametrize(("expression", "value"), SEMI_STRUCTURED)
def test_a_semi_structured_function_answers_as_documented(one, expression, value):
    assert one(f"SELECT {expression} AS x") == value


@pytest.mark.parametrize(
    ("value", "kept"), [("4", True), ('"4"', True), ('"10"', True), ("4.5", True), ('"3"', False), ("null", None)]
)
def test_a_rating_is_compared_as_a_number_whether_it_is_one_or_text(one, value, kept):
    assert one(f"""SELECT PARSE_JSON('{{"realistic": {value}}}')['realistic'] >= 4""") is kept


def test_a_path_equals_a_column_of_text_or_of_numbers(rows):
    sql = "SELECT v:t = s, v:n = n, v:n = d FROM (SELECT PARSE_JSON('{t: \"b\", n: \"4\"}') v, 'b' s, 4 n, 4.00 d)"
    assert rows(sql) == [(True, True, True)]


NUMBERS = [  # operators-arithmetic, avg, round, to_boolean
    ("2 / 7", Decimal("0.285714")),
    ("-1 / 2000000", Decimal("-0.000001")),
    ("a / 2", Decimal("0.500000")),
    ("10.0 / 4 = 2.5", True),
    ("1::FLOAT / 3", 1 / 3),
    ("NULL / 0", None),
    ("'4' / 2", 2.0),
    ("DIV0(1, 3)", Decimal("0.333333")),
    ("DIV0(NULL, 0)", None),
    ("2.5::FLOAT::INT", 3),
    ("(-2.5)::FLOAT::INT", -3),
    ("1.0::FLOAT::STRING", "1"),
    ("100000::FLOAT || ''", "100000"),
    ("1.50::STRING", "1.50"),
    ("X'48'::STRING", "48"),
    ("TRUE::STRING", "true"),
    ("'on'::BOOLEAN", True),
    ("TRY_TO_BOOLEAN('x')", None),
    ("TO_NUMBER('12.3456', 10, 2)", Decimal("12.35")),
    ("TRY_CAST('12.7' AS INT)", 13),
    ("TRY_TO_NUMBER('12 apples')", None),
]


@pytest.mark.parametrize(("expression", "value"), NUMBERS)
def test_a_number_has_snowflakes_value_and_type(one, expression, value):
    answer = one(f"SELECT {expression} AS x FROM (SELECT 1 AS a)")
    assert answer == value
    assert type(answer) is type(value)


SAMPLE = "(SELECT column1 AS a, column2 AS b FROM VALUES (1, 'x'), (2, 'x'), (4, 'y'), (NULL, 'y'))"
AGGREGATES = [
    ("AVG(a)", Decimal("2.333333")),
    ("AVG(IFF(b = 'x', 1, 0))", Decimal("0.500000")),
    ("AVG(a::FLOAT)", 7 / 3),
    ("ROUND(AVG(a), 2)", Decimal("2.33")),
    ("COUNT_IF(a > 1) / COUNT(*)", Decimal("0.500000")),
    ("SUM(IFF(a > 1, 1, 0)) / COUNT(*)", Decimal("0.500000")),
    ("SUM(a)", 7),
    ("SUM(DISTINCT a)", 7),
    ("SUM(IFF(a > 9, a, NULL))", None),
    ("ARRAY_AGG(a) WITHIN GROUP (ORDER BY a DESC)", "[4,2,1]"),
    ("ARRAY_AGG(DISTINCT b) WITHIN GROUP (ORDER BY b)", '["x","y"]'),
    ("LISTAGG(a, ',') WITHIN GROUP (ORDER BY a DESC)", "4,2,1"),
    ("LENGTH(LISTAGG(b))", 4),
    ("MEDIAN(a)", 2.0),
    ("COUNT(DISTINCT a, b)", 3),
]


@pytest.mark.parametrize(("expression", "value"), AGGREGATES)
def test_an_aggregate_answers_as_documented(one, expression, value):
    answer = one(f"SELECT {expression} AS x FROM {SAMPLE}")
    assert answer == value
    assert type(answer) is type(value)


def test_aggregates_of_no_rows_are_an_empty_array_an_empty_text_and_null(rows):
    sql = f"SELECT ARRAY_AGG(a), LISTAGG(b, ','), SUM(a), AVG(a), COUNT(a) FROM {SAMPLE} WHERE a > 9"
    assert rows(sql) == [("[]", "", None, None, 0)]


def test_aggregates_work_as_window_functions(rows):
    sql = f"""SELECT DISTINCT b, AVG(a) OVER (PARTITION BY b), ARRAY_AGG(a) OVER (PARTITION BY b),
              SUM(a) OVER (PARTITION BY b) FROM {SAMPLE} ORDER BY b DESC"""
    assert rows(sql) == [("y", Decimal("4.000000"), "[4]", 4), ("x", Decimal("1.500000"), "[1,2]", 3)]


TEXTS = [  # regexp_…, to_char, conversion
    ("REGEXP_SUBSTR('abc def', '\\\\w+', 1, 2)", "def"),
    ("REGEXP_SUBSTR('Score: 5', 'score: ([0-9]+)', 1, 1, 'ie', 1)", "5"),
    ("REGEXP_SUBSTR('abc def', '(\\\\w)(\\\\w)', 1, 1, 'e')", "a"),
    ("REGEXP_SUBSTR('a', 'a', 1, 2)", None),
    ("REGEXP_COUNT('abAB', 'b', 1, 'i')", 2),
    ("REGEXP_COUNT('abab', 'b', 3)", 1),
    ("REGEXP_REPLACE('abAB', 'b', 'X', 1, 0, 'i')", "aXAX"),
    ("REGEXP_REPLACE('abc', '(a)(b)', '\\\\2\\\\1')", "bac"),
    ("REGEXP_LIKE('ABC', 'a.c', 'i')", True),
    ("REGEXP_LIKE('a|b', 'a|b')", False),
    ("'abc' RLIKE 'b'", False),
    ("SPLIT_PART('a,b,c', ',', -1)", "c"),
    ("'2026-01-02 03:04:05'::TIMESTAMP::STRING", "2026-01-02 03:04:05.000"),
    ("TO_CHAR('2026-01-05'::DATE, 'YYYY-MM')", "2026-01"),
    ("TO_CHAR('2026-01-05 13:04:05'::TIMESTAMP, 'MON DD, HH12:MI AM')", "Jan 05, 01:04 PM"),
    ("DATE_TRUNC('month', '2026-01-15'::DATE)", DAY(2026, 1, 1)),
    ("DATEADD(quarter, 1, '2026-01-02'::DATE)", DAY(2026, 4, 2)),
    ("DATEADD(day, a, d)", DAY(2026, 1, 3)),
    ("d + INTERVAL '1 day'", DAY(2026, 1, 3)),
    ("DATEADD(hour, 1, d)", datetime.datetime(2026, 1, 2, 1)),
    ("TRY_TO_TIMESTAMP('x')", None),
    ("TRY_TO_NUMBER('fg', 'XX')", None),
    ("TO_NUMBER('fF', 'XX')", 255),
    ("TO_DATE('2024-01-02 03:04:05')", datetime.date(2024, 1, 2)),
    ("TO_DATE(CURRENT_TIMESTAMP()) IS NULL", False),
    ("HASH(1.50) = HASH(1.5::FLOAT)", True),
    ("TRY_CAST('x' AS TIMESTAMP)", None),
]


@pytest.mark.parametrize(("expression", "value"), TEXTS)
def test_text_and_dates_answer_as_documented(one, expression, value):
    assert one(f"SELECT {expression} AS x FROM (SELECT 1 AS a, '2026-01-02'::DATE AS d)") == value


REFUSED = [
    ("TO_CHAR(12, '000')", "not supported"),
    ("TO_CHAR(a, 'YYYY')", "not supported"),
    ("'abc'::VARCHAR(2)", "100078"),
    ("'a' COLLATE 'en-ci'", "not supported"),
    ("REGEXP_REPLACE('abab', 'b', 'X', 1, 2)", "not supported"),
    ("APPROX_TOP_K(a)", "not supported"),
    ("1 % 0", "100051"),
    ("a / (1 - 1)", "100051"),
    ("'x'::BOOLEAN", "100037"),
    ("'x' / 2", "100038"),
    ("AVG('x')", "100038"),
    ("OBJECT_INSERT({'a': 1}, 'a', 2)", "100103"),
    ("PARSE_JSON('1', 'x')", "not supported"),
    ("TRY_PARSE_JSON('1', 'x')", "not supported"),
]


@pytest.mark.parametrize(("expression", "message"), REFUSED)
def test_what_would_be_answered_wrongly_is_an_error(rows, expression, message):
    with pytest.raises(SnowparkSQLException, match=message):
        rows(f"SELECT {expression} AS x FROM (SELECT 1 AS a)")


def test_rows_and_statements_are_tried_again_for_the_same_texts(rows):
    messages = [f"it said: {text}, sadly" for text in transient.TEXTS] + [text.strip() for text in transient.TEXTS]
    messages += [*map(str.upper, transient.TEXTS), "Invalid identifier", "429s", "Two lines,\none a timeout", ""]
    asked = is_transient_sql("column1")
    values = ", ".join(["(?)"] * len(messages))
    found = rows(f"SELECT {asked.text} FROM VALUES {values}", *asked.binds, *messages)
    assert [is_it for (is_it,) in found] == [is_transient_text(message) for message in messages]
    assert rows(f"SELECT {is_transient_sql('NULL').text}", *asked.binds) == [(False,)]
