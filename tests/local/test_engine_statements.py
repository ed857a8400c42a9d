"""Statements of Snowflake SQL: queries, changes, transactions, functions. Source of each: docs: sql-reference/sql/…."""

import pytest
from snowflake.connector.errors import IntegrityError
from snowflake.snowpark.exceptions import SnowparkSQLException

SAMPLE = "(SELECT column1 AS a, column2 AS b FROM VALUES (1, 'x'), (2, 'x'), (4, 'y'))"

QUERIES = [
    (f"SELECT b, COUNT(*) FROM {SAMPLE} GROUP BY ALL ORDER BY b", [("x", 2), ("y", 1)]),
    (f"SELECT b, COUNT(*) FROM {SAMPLE} GROUP BY ROLLUP (b) ORDER BY b", [("x", 2), ("y", 1), (None, 3)]),
    (f"SELECT a * 2 AS d, d + 1 AS e FROM {SAMPLE} WHERE d > 2 ORDER BY e", [(4, 5), (8, 9)]),
    (f"SELECT a + 1 AS a, a * 10 AS c FROM {SAMPLE} WHERE a = 1", [(2, 10)]),
    (f"SELECT a FROM {SAMPLE} QUALIFY ROW_NUMBER() OVER (PARTITION BY b ORDER BY a DESC) = 1 ORDER BY a", [(2,), (4,)]),
    (f"SELECT * EXCLUDE (a) RENAME (b AS z) FROM {SAMPLE} ORDER BY z LIMIT 1", [("x",)]),
    (f"SELECT * ILIKE '%A%' FROM {SAMPLE} ORDER BY a LIMIT 1", [(1,)]),
    (f"SELECT * FROM {SAMPLE} PIVOT (SUM(a) FOR b IN ('x', 'y'))", [(3, 4)]),
    ("SELECT * FROM (SELECT 1 i, 2 j, 3 f) UNPIVOT (n FOR m IN (j, f)) ORDER BY m", [(1, "F", 3), (1, "J", 2)]),
    ("WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT MAX(n) FROM r", [(3,)]),
    ("SELECT column2 FROM VALUES (1, 'a') v", [("a",)]),
    ("SELECT ROW_NUMBER() OVER (ORDER BY SEQ4()) FROM TABLE(GENERATOR(ROWCOUNT => 2)) ORDER BY 1", [(1,), (2,)]),
    ("EXECUTE IMMEDIATE $$SELECT 'it''s'$$", [("it's",)]),
]


@pytest.mark.parametrize(("statement", "expected"), QUERIES)
def test_a_query_answers_as_documented(rows, statement, expected):
    assert rows(statement) == expected


REFUSED = [
    "UNDROP TABLE t",
    "SELECT * FROM t AT (OFFSET => -60)",
    "CREATE TABLE u CLONE t AT (OFFSET => -60)",
    "INSERT ALL INTO t VALUES (k) SELECT 'x' k",
    "CREATE DYNAMIC TABLE u TARGET_LAG = '1 minute' WAREHOUSE = w AS SELECT 1 a",
    'SELECT "b", "B" FROM (SELECT 1 AS "b", 2 AS "B")',
    "EXECUTE IMMEDIATE 'SELECT ?' USING (v)",
    "CREATE FUNCTION f() RETURNS TABLE (a INT) AS $$ SELECT 1 $$",
    "CREATE FUNCTION f(a INT) RETURNS INT LANGUAGE PYTHON RUNTIME_VERSION = '3.11' HANDLER = 'f' AS $$ $$",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_a_statement_that_is_not_imitated_says_so(rows, statement):
    rows("CREATE TABLE t (k STRING)")
    with pytest.raises(SnowparkSQLException, match="not supported by the local engine"):
        rows(statement)


def test_execute_immediate_runs_the_text_of_a_variable(rows):
    rows("SET statement = 'CREATE TABLE made (a INT)'")
    rows("EXECUTE IMMEDIATE $statement")
    rows("EXECUTE IMMEDIATE 'INSERT INTO made VALUES (1)'")
    assert rows("SELECT * FROM made") == [(1,)]


def test_like_and_clone_keep_not_null_and_defaults(rows):
    rows("CREATE TABLE n (a INT NOT NULL, b INT DEFAULT 5)")
    rows("INSERT INTO n (a) VALUES (1)")
    for statement, count in [("CREATE TABLE like_n LIKE n", 0), ("CREATE OR REPLACE TABLE like_n CLONE n", 1)]:
        rows(statement)
        assert rows("SELECT COUNT(*) FROM like_n") == [(count,)]
        with pytest.raises(IntegrityError, match="100072"):
            rows("INSERT INTO like_n (b) VALUES (1)")
        rows("INSERT INTO like_n (a) VALUES (7)")
        assert rows("SELECT b FROM like_n WHERE a = 7") == [(5,)]


def test_ddl_commits_an_open_transaction(rows):
    rows("CREATE TABLE kept (a INT)")
    rows("START TRANSACTION")
    rows("INSERT INTO kept VALUES (1)")
    rows("CREATE TABLE made (a INT)")
    rows("ROLLBACK")
    assert rows("SELECT COUNT(*) FROM kept") == [(1,)]
    assert rows("SELECT COUNT(*) FROM made") == [(0,)]


def test_a_second_begin_is_ignored(rows):
    rows("CREATE TABLE t (a INT)")
    rows("BEGIN")
    rows("INSERT INTO t VALUES (1)")
    rows("BEGIN")
    rows("ROLLBACK")
    assert rows("SELECT COUNT(*) FROM t") == [(0,)]


def test_merge_takes_every_branch_and_refuses_two_rows_for_one(rows):
    rows("CREATE TABLE m (k STRING, a INT)")
    rows("INSERT INTO m VALUES ('x', 1), ('y', 2)")
    merge = """MERGE INTO m USING (SELECT column1 k, column2 a FROM VALUES ('x', 5), ('y', 0), ('n', 7), ('z', -1)) s
        ON m.k = s.k WHEN MATCHED AND s.a = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET a = s.a
        WHEN NOT MATCHED AND s.a > 0 THEN INSERT (k, a) VALUES (s.k, s.a)"""
    assert rows(merge) == [(1, 1, 1)]
    assert rows("SELECT * FROM m ORDER BY k") == [("n", 7), ("x", 5)]
    twice = "(SELECT 'x' k, 1 a UNION ALL SELECT 'x', 2)"
    with pytest.raises(SnowparkSQLException, match="100090"):
        rows(f"MERGE INTO m USING {twice} s ON m.k = s.k WHEN MATCHED THEN UPDATE SET a = s.a")


def test_update_may_name_the_table_of_the_column(rows):
    rows("CREATE TABLE u (k STRING, a INT)")
    rows("INSERT INTO u VALUES ('x', 1)")
    rows("UPDATE u t SET t.a = 5 WHERE t.k = 'x'")
    assert rows("SELECT a FROM u") == [(5,)]


def test_a_function_has_defaults_names_and_one_signature(rows):
    rows("CREATE FUNCTION added(a INT, b INT DEFAULT 10) RETURNS INT AS $$ a + b $$")
    assert rows("SELECT added(1), added(1, 2), added(a => 3)") == [(11, 3, 13)]
    with pytest.raises(SnowparkSQLException, match="second signature"):
        rows("CREATE OR REPLACE FUNCTION added(a STRING) RETURNS STRING AS $$ a $$")
    with pytest.raises(SnowparkSQLException, match="002002"):
        rows("CREATE FUNCTION added(a INT, b INT) RETURNS INT AS $$ a $$")
    rows("CREATE FUNCTION IF NOT EXISTS added(a INT, b INT) RETURNS INT AS $$ 0 $$")
    assert rows("SELECT added(1)") == [(11,)]
    rows("DROP FUNCTION added(INT, INT)")
    rows("DROP FUNCTION IF EXISTS added(INT, INT)")
    with pytest.raises(SnowparkSQLException, match="002003"):
        rows("DROP FUNCTION added(INT, INT)")


def test_a_function_may_hold_an_aggregate(one, rows):
    rows("""CREATE FUNCTION accuracy(candidate STRING, reference STRING) RETURNS NUMBER AS
            $$ DIV0(SUM(IFF(EQUAL_NULL(reference, candidate), 1, 0)), COUNT(*)) $$""")
    pairs = "VALUES ('a', 'a'), ('b', 'c'), (NULL, NULL), ('d', 'd')"
    assert float(one(f"SELECT accuracy(column1, column2) FROM {pairs}")) == 0.75


def test_nested_functions_of_text_stay_small_statements(one, rows):
    rows("CREATE FUNCTION quoted(s STRING) RETURNS STRING AS $$ CONCAT('<', IFF(s IS NULL, '', s), '>') $$")
    nested = "'x'"
    for _ in range(6):
        nested = f"quoted({nested})"
    assert one(f"SELECT {nested}") == "<<<<<<x>>>>>>"
