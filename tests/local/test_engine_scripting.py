"""Snowflake Scripting. Source of each: docs: developer-guide/snowflake-scripting, sql-reference/snowflake-scripting."""

import threading
import time
from decimal import Decimal

import pytest
from snowflake.connector import DatabaseError
from snowflake.snowpark.exceptions import SnowparkSQLException

BLOCKS = [
    ("BEGIN RETURN 1; END", 1),
    ("-- a comment\nDECLARE x INT; BEGIN RETURN x; END;", None),
    ("BEGIN NULL; END", None),
    ("BEGIN LET n := 0; FOR i IN 1 TO 0 DO n := n + 1; END FOR; RETURN n; END", 0),
    ("BEGIN LET n := 0; FOR i IN REVERSE 5 TO 1 DO n := n + 1; END FOR; RETURN n; END", 0),
    ("BEGIN LET t := ''; FOR i IN REVERSE 1 TO 3 LOOP t := t || ' ' || i::VARCHAR; END LOOP; RETURN t; END", " 3 2 1"),
    ("BEGIN LET n := 0; WHILE (n < 0) DO n := 9; END WHILE; RETURN n; END", 0),
    ("BEGIN LET n := 0; REPEAT n := n + 1; UNTIL (n > 0) END REPEAT; RETURN n; END", 1),
    ("BEGIN LET n := 0; LOOP n := n + 1; IF (n = 3) THEN BREAK; END IF; END LOOP; RETURN n; END", 3),
    ("BEGIN LET n := 0; FOR i IN 1 TO 4 DO IF (i = 2) THEN CONTINUE; END IF; n := n + i; END FOR; RETURN n; END", 8),
    (
        "BEGIN LET n := 0; LOOP LOOP n := n + 1; BREAK outside; END LOOP inside; END LOOP outside; RETURN n; END",
        1,
    ),
    ("DECLARE i INT DEFAULT -9; BEGIN FOR i IN 1 TO 2 DO NULL; END FOR; RETURN i; END", -9),
    (
        "DECLARE x STRING DEFAULT 'out'; BEGIN DECLARE x STRING; BEGIN x := 'in'; END; RETURN x; END",
        "out",
    ),
    ("DECLARE x STRING; BEGIN BEGIN x := 'in'; END; RETURN x; END", "in"),
    ("BEGIN IF (NULL) THEN RETURN 'true'; ELSE RETURN 'not true'; END IF; END", "not true"),
    ("BEGIN CASE (NULL) WHEN NULL THEN RETURN 'same'; ELSE RETURN 'other'; END; END", "other"),
    ("BEGIN CASE WHEN 1 = 2 THEN RETURN 'a'; WHEN 1 = 1 THEN RETURN 'b'; ELSE NULL; END CASE; END", "b"),
    ("BEGIN LET n := 0; WHILE (NULL) LOOP n := 1; END LOOP; RETURN n; END", 0),
    ("DECLARE d DATE; BEGIN d := '2020-09-30'; RETURN 24 * 7 || ', ' || d::VARCHAR; END", "168, 2020-09-30"),
    ("DECLARE p DEFAULT 0.0; BEGIN LET c := 100.0; LET r DEFAULT 110.5; p := r - c; RETURN p; END", 10.5),
    ("DECLARE p NUMBER(38, 2); BEGIN p := 1; RETURN p; END", Decimal("1.00")),
    ("BEGIN LET v VARIANT := PARSE_JSON('{\"a\": [1, 2]}'); RETURN v:a[1]::INT; END", 2),
    ("BEGIN LET o := OBJECT_CONSTRUCT('a', 5); RETURN (SELECT :o:a::INT); END", 5),
    ("BEGIN LET a := 2; RETURN (SELECT MAX(a) FROM (SELECT 7 AS a)); END", 7),
    ("BEGIN LET a := 2; RETURN (SELECT MAX(:a) FROM (SELECT 7 AS a)); END", 2),
    ("BEGIN LET q := 'SELECT ? + 1 AS n'; LET a := 4; LET r RESULTSET := (EXECUTE IMMEDIATE :q USING (a));"
     " FOR x IN r DO RETURN x.n; END FOR; END", 5),
    ("BEGIN LET r RESULTSET := (SELECT 3 AS n); LET c CURSOR FOR r; FOR x IN c DO RETURN x.n; END FOR; END", 3),
    ("BEGIN LET t := 'x'; IF (t = 'y') THEN RETURN 1; ELSEIF (t = 'x') THEN RETURN 2; END IF; RETURN 3; END", 2),
    ("BEGIN LET a := 7; LET b := a%4; RETURN b; /* % */ // done\nEND", 3),
]  # fmt: skip


@pytest.mark.parametrize(("block", "value"), BLOCKS)
def test_a_block_returns_as_documented(one, block, value):
    assert one(block) == value
    assert one(f"EXECUTE IMMEDIATE $${block}$$") == value


def test_the_column_of_a_returned_value_is_called_anonymous_block(session):
    assert session.sql("BEGIN RETURN 'x'; END").collect()[0].as_dict() == {"anonymous block": "x"}


def test_a_returned_table_has_its_own_columns(rows, session):
    rows("CREATE TABLE t (a INT, b STRING)")
    rows("BEGIN FOR i IN 1 TO 2 DO INSERT INTO t VALUES (:i, 'row' || :i); END FOR; END")
    block = "DECLARE r RESULTSET DEFAULT (SELECT * FROM t ORDER BY a); BEGIN RETURN TABLE(r); END"
    assert [row.as_dict() for row in session.sql(block).collect()] == [{"A": 1, "B": "row1"}, {"A": 2, "B": "row2"}]


def test_row_counts_are_those_of_the_last_statement(rows, one):
    rows("CREATE TABLE t (a INT)")
    counted = "LET n := SQLROWCOUNT; LET f := SQLFOUND; LET c := ACTIVITY_COUNT; RETURN n || ' ' || f || ' ' || c;"
    assert one(f"BEGIN INSERT INTO t VALUES (1), (2), (3); {counted} END") == "3 true 3"
    assert one(f"BEGIN UPDATE t SET a = 0 WHERE a > 9; {counted} END") == "0 false 0"
    assert one("BEGIN SELECT * FROM t; LET n := ACTIVITY_COUNT; RETURN n; END") == 3
    assert one("BEGIN DELETE FROM t; SELECT 1; RETURN SQLROWCOUNT; END") is None


HOSTILE = "'); DROP TABLE t; -- \\ \" ? :x $$ {{ }}"


def test_hostile_text_in_a_variable_stays_data(rows, one):
    rows("CREATE TABLE t (a STRING)")
    rows("INSERT INTO t VALUES (?)", HOSTILE)
    rows("""DECLARE x STRING; BEGIN
        SELECT a INTO :x FROM t;
        INSERT INTO t VALUES (:x);
        INSERT INTO t SELECT :x || '' FROM t WHERE :x = '1' OR :x = a LIMIT 1;
        EXECUTE IMMEDIATE 'INSERT INTO t VALUES (?)' USING (x);
    END""")
    assert rows("SELECT a, COUNT(*) FROM t GROUP BY a") == [(HOSTILE, 4)]
    assert one("DECLARE x STRING; BEGIN SELECT MAX(a) INTO :x FROM t; RETURN x; END") == HOSTILE


def test_identifier_takes_the_name_of_a_table_from_a_variable(rows, one):
    rows("CREATE TABLE t (a INT)")
    assert one("BEGIN LET n := 't'; RETURN (SELECT COUNT(*) FROM IDENTIFIER(:n)); END") == 0


def test_twelve_rounds_ask_a_model_twelve_times(rows, provider):
    rows("CREATE TABLE t (a STRING)")
    rows("""BEGIN FOR i IN 1 TO 12 DO
        LET answer := SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', 'question ' || i);
        INSERT INTO t VALUES (:answer);
    END FOR; END""")
    asked = [call.messages[-1]["content"] for call in provider.calls]
    assert asked == [f"question {number}" for number in range(1, 13)]
    assert sorted(rows("SELECT a FROM t")) == sorted((f"echo question {number}",) for number in range(1, 13))


def test_a_cursor_asks_a_model_once_per_row(rows, provider, one):
    rows("CREATE TABLE t (a STRING)")
    rows("INSERT INTO t VALUES ('x'), ('y')")
    block = """DECLARE c CURSOR FOR SELECT SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', a) AS answer FROM t ORDER BY 1;
        all_of_them STRING DEFAULT '';
    BEGIN FOR r IN c DO all_of_them := all_of_them || r.answer || r.answer; END FOR; RETURN all_of_them; END"""
    assert one(block) == "echo xecho xecho yecho y"
    assert len(provider.calls) == 2


def test_an_error_in_the_middle_keeps_what_was_committed_before(rows, one):
    rows("CREATE TABLE t (a INT)")
    with pytest.raises(SnowparkSQLException, match=r"STATEMENT_ERROR' on line 3 at position 2 .*(?s:.*)MISSING"):
        rows("BEGIN\n  INSERT INTO t VALUES (1);\n  INSERT INTO missing VALUES (2);\n  INSERT INTO t VALUES (3);\nEND")
    assert rows("SELECT a FROM t") == [(1,)]


def test_a_transaction_of_a_block_is_rolled_back_as_a_whole(rows, one):
    rows("CREATE TABLE t (a INT)")
    rows("BEGIN BEGIN TRANSACTION; INSERT INTO t VALUES (1); ROLLBACK; INSERT INTO t VALUES (2); END")
    assert rows("SELECT a FROM t") == [(2,)]


HANDLED = [
    ("RAISE e;", "WHEN e THEN RETURN SQLCODE || ' ' || SQLERRM || ' ' || SQLSTATE;", "-20001 mine P0001"),
    ("SELECT * FROM missing;", "WHEN e THEN RETURN 'e'; WHEN STATEMENT_ERROR THEN RETURN SQLCODE;", 2003),
    ("LET n := 'x'::INT;", "WHEN STATEMENT_ERROR THEN RETURN 's'; WHEN EXPRESSION_ERROR THEN RETURN 'x';", "x"),
    ("BEGIN RAISE e; EXCEPTION WHEN OTHER THEN RAISE; END;", "WHEN e OR OTHER THEN RETURN 'again';", "again"),
    ("DECLARE e EXCEPTION (-20002, 'inner'); BEGIN RAISE e; END;",
     "WHEN e THEN RETURN 'outer e'; WHEN OTHER THEN RETURN SQLERRM;", "inner"),
    ("RETURN 'nothing happened';", "WHEN OTHER THEN RETURN 'handled';", "nothing happened"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "handler", "value"), HANDLED)
def test_an_exception_goes_to_the_first_handler_that_takes_it(one, body, handler, value):
    assert one(f"DECLARE e EXCEPTION (-20001, 'mine'); BEGIN {body} EXCEPTION {handler} END") == value


def test_an_exception_that_nobody_handles_has_the_number_it_declares(rows):
    block = "\nDECLARE\n  e EXCEPTION (-20002, 'Mine.');\nBEGIN\n    RAISE e;\nEND"
    with pytest.raises(SnowparkSQLException, match=r"'E' on line 5 at position 4 : Mine\.") as caught:
        rows(f"EXECUTE IMMEDIATE $${block}$$")
    assert caught.value.sql_error_code == -20002


def test_select_into_takes_one_row(rows):
    with pytest.raises(SnowparkSQLException, match="exactly 1 returned row, but got 2"):
        rows("DECLARE x INT; BEGIN SELECT column1 INTO :x FROM VALUES (1), (2); END")


REFUSED = [
    "BEGIN INSERT INTO t VALUES (1); AWAIT r; END",
    "BEGIN INSERT INTO t VALUES (1); LET c CURSOR FOR SELECT 1; OPEN c; END",
    "BEGIN INSERT INTO t VALUES (1); CALL p(); END",
    "BEGIN INSERT INTO t VALUES (1); SELECT LAST_QUERY_ID(); END",
    "BEGIN INSERT INTO t VALUES (1); LET r RESULTSET := ASYNC (SELECT 1); END",
    "DECLARE p PROCEDURE() RETURNS INT AS BEGIN RETURN 1; END; BEGIN INSERT INTO t VALUES (1); END",
    "BEGIN INSERT INTO t VALUES (1); EXCEPTION WHEN OTHER CONTINUE THEN NULL; END",
    "BEGIN INSERT INTO t VALUES (?); END",
]


@pytest.mark.parametrize("block", REFUSED)
def test_what_is_not_imitated_is_refused_before_anything_runs(rows, block):
    rows("CREATE TABLE t (a INT)")
    with pytest.raises(SnowparkSQLException, match="not supported by the local engine"):
        rows(block)
    assert rows("SELECT * FROM t") == []


def test_a_handler_does_not_hide_what_is_not_imitated(rows):
    with pytest.raises(SnowparkSQLException, match="not supported by the local engine"):
        rows("BEGIN UNDROP TABLE t; EXCEPTION WHEN OTHER THEN RETURN 'handled'; END")


MISTAKES = [
    ("BEGIN RETURN 1 END", "syntax error"),
    ("BEGIN IF (1 = 1) RETURN 1; END IF; END", "syntax error"),
    ("BEGIN INSERT INTO t VALUES (:x); END", "invalid identifier 'X'"),
    ("BEGIN x := 1; END", "X"),
    ("BEGIN RETURN 1; END; SELECT 1", "syntax error"),
    ("BEGIN BREAK; END", "BREAK"),
]


@pytest.mark.parametrize(("block", "message"), MISTAKES)
def test_a_mistake_is_an_error(rows, block, message):
    rows("CREATE TABLE t (a INT)")
    with pytest.raises(SnowparkSQLException, match=message):
        rows(block)
    assert rows("SELECT * FROM t") == []


@pytest.mark.parametrize("body", ["LOOP NULL; END LOOP;", "LOOP INSERT INTO t VALUES (1); END LOOP;"])
def test_a_block_is_canceled_between_statements(session, open_session, rows, body):
    rows("CREATE TABLE t (a INT)")
    job = session.sql(
        f"BEGIN INSERT INTO t VALUES (0); {body} EXCEPTION WHEN OTHER THEN RETURN 1; END"
    ).collect_nowait()
    other = open_session()
    while not other.sql(f"SELECT * FROM {session.get_current_schema()}.t").collect():
        time.sleep(0.01)
    job.cancel()
    with pytest.raises(DatabaseError, match="canceled"):
        job.result()


def test_blocks_of_several_threads_lose_no_change(session, rows):
    rows("CREATE TABLE t (n INT)")
    rows("INSERT INTO t VALUES (0)")
    block = "BEGIN FOR i IN 1 TO 5 DO UPDATE t SET n = n + 1; END FOR; END"
    threads = [threading.Thread(target=session.sql(block).collect) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows("SELECT n FROM t") == [(20,)]


def test_begin_still_opens_a_transaction(rows):
    rows("CREATE TABLE t (a INT)")
    for begin in ("BEGIN", "BEGIN;", "BEGIN WORK", "BEGIN TRANSACTION"):
        rows(begin)
        rows("INSERT INTO t VALUES (1)")
        rows("ROLLBACK")
    assert rows("SELECT * FROM t") == []


PROCEDURE = "CREATE PROCEDURE twice(n NUMBER(9, 2), t STRING) RETURNS STRING LANGUAGE SQL AS"


@pytest.mark.parametrize("body", ["$$ BEGIN RETURN t || n * 2; END $$", "BEGIN RETURN t || n * 2; END"])
def test_a_procedure_takes_arguments_and_its_column_has_its_name(rows, session, body):
    rows(f"{PROCEDURE} {body}")
    assert session.sql("CALL twice(1 + 1, '#')").collect()[0].as_dict() == {"TWICE": "#4.00"}
    with pytest.raises(SnowparkSQLException, match="already exists"):
        rows(f"{PROCEDURE} {body}")
    rows("DROP PROCEDURE twice(NUMBER, STRING)")
    with pytest.raises(SnowparkSQLException, match="TWICE"):
        rows("CALL twice(1, 'x')")


def test_a_procedure_that_cannot_be_read_is_not_created(rows):
    for header, body in [("LANGUAGE PYTHON", "BEGIN RETURN 1; END"), ("LANGUAGE SQL", "BEGIN AWAIT r; END")]:
        with pytest.raises(SnowparkSQLException, match="not supported by the local engine"):
            rows(f"CREATE PROCEDURE p() RETURNS INT {header} AS $${body}$$")
    with pytest.raises(SnowparkSQLException, match="P"):
        rows("CALL p()")
