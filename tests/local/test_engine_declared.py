"""Tables as they were declared, and what SHOW, DESCRIBE and COPY make of it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from snowflake.connector import ProgrammingError

from cortex_distill.local.engine import Engine
from cortex_distill.local.session.journal import LONGEST
from tests.local.engine_fake import FakeProvider

DECLARED = "CREATE TRANSIENT TABLE t (a INT PRIMARY KEY, b VARCHAR(3) COMMENT 'it''s short') COMMENT = 'the table'"


def shown(rows):
    """What three statements tell of table T."""
    (described,) = [[(row[0], row[1], row[3], row[5], row[9]) for row in rows("DESCRIBE TABLE t")]]
    (listed,) = [(row[2], row[5], row[7]) for row in rows("SHOW TABLES IN SCHEMA") if row[1] == "T"]
    return described, listed, [row[4] for row in rows("SHOW PRIMARY KEYS IN TABLE t")]


def test_a_declaration_survives_the_process(tmp_path):
    expected = (
        [("A", "NUMBER(38,0)", "N", "Y", None), ("B", "VARCHAR(3)", "Y", "N", "it's short")],
        ("TRANSIENT", "the table", 1),
        ["A"],
    )
    for first in (True, False):
        engine = Engine(tmp_path / "home", FakeProvider(), "LOCAL_FAKE")
        cursor = engine.connect("D", "S").cursor()

        def rows(sql, cursor=cursor):
            return cursor.execute(sql).fetchall()

        if first:
            rows(DECLARED)
            rows("INSERT INTO t VALUES (1, 'abc')")
        assert shown(rows) == expected
        with pytest.raises(ProgrammingError, match="String 'abcd' is too long and would be truncated"):
            rows("INSERT INTO t VALUES (2, 'abcd')")
        engine.close()


def test_rows_are_counted_without_deleted_ones(rows):
    rows("CREATE TABLE t AS SELECT SEQ4() AS a FROM TABLE(GENERATOR(ROWCOUNT => 5000))")
    rows("DELETE FROM t WHERE a >= 10")
    assert [row[7] for row in rows("SHOW TABLES IN SCHEMA")] == [10]
    assert rows("SELECT row_count FROM INFORMATION_SCHEMA.TABLES WHERE table_schema = CURRENT_SCHEMA()") == [(10,)]


@pytest.mark.parametrize(("statement", "words"), {
    "CREATE TABLE mixed (a INT)": "differs from Mixed only by case",
    "CREATE OR REPLACE TABLE mixed AS SELECT 1 AS a": "differs from Mixed only by case",
    "CREATE VIEW mixed AS SELECT 1 AS a": "differs from Mixed only by case",
    "DROP TABLE mixed": "does not exist or not authorized",
    'ALTER TABLE "Mixed" ADD PRIMARY KEY (a)': "not supported",
    'ALTER TABLE "Mixed" RENAME TO elsewhere.t': "a move to another schema",
    'ALTER TABLE "Other" RENAME TO mixed': "differs from Mixed only by case",
    'ALTER TABLE "Mixed" SWAP WITH "Other"': "not supported",
    "INSERT INTO \"Mixed\" VALUES (1, 'abc')": "100078",
    "DESCRIBE VIEW INFORMATION_SCHEMA.TABLES": "not supported",
    "SHOW UNIQUE KEYS": "not supported",
}.items())  # fmt: skip
def test_what_duckdb_would_mistake_is_refused(rows, statement, words):
    rows('CREATE TABLE "Mixed" (a INT, b VARCHAR(2))')
    rows('CREATE TABLE "Other" (a INT)')
    with pytest.raises(Exception, match=words):
        rows(statement)
    assert rows('SELECT COUNT(*) FROM "Mixed"') == [(0,)]


@pytest.mark.parametrize(("statement", "told"), {
    "DROP TABLE IF EXISTS mixed": "Drop statement executed successfully (MIXED already dropped).",
    "DROP VIEW IF EXISTS nothing": "Drop statement executed successfully (NOTHING already dropped).",
    'CREATE TABLE IF NOT EXISTS "Mixed" (z INT)': "Mixed already exists, statement succeeded.",
    "TRUNCATE TABLE IF EXISTS nothing": "Statement executed successfully.",
    'ALTER TABLE "Mixed" ADD UNIQUE (a)': "Statement executed successfully.",
    "ALTER TABLE \"Mixed\" ALTER a COMMENT 'said later'": "Statement executed successfully.",
}.items())  # fmt: skip
def test_a_statement_says_what_it_did(rows, statement, told):
    rows('CREATE TABLE "Mixed" (a INT)')
    rows('INSERT INTO "Mixed" VALUES (1)')
    assert rows(statement) == [(told,)]
    assert rows('SELECT a FROM "Mixed"') == [(1,)]
    rows('INSERT INTO "Mixed" VALUES (1)')  # no key is enforced


def test_a_renamed_column_keeps_key_length_and_comment(rows):
    rows(DECLARED)
    rows("ALTER TABLE t RENAME COLUMN a TO z")
    rows("ALTER TABLE t RENAME COLUMN b TO y")
    described, _, key = shown(rows)
    assert described == [("Z", "NUMBER(38,0)", "N", "Y", None), ("Y", "VARCHAR(3)", "Y", "N", "it's short")]
    assert key == ["Z"]
    with pytest.raises(Exception, match="String 'abcd' is too long"):
        rows("INSERT INTO t VALUES (2, 'abcd')")


@pytest.mark.parametrize("new", ["t", "{schema}.t", "DISTILL.{schema}.t"])
def test_a_renamed_table_keeps_what_was_declared(rows, schema, new):
    rows(DECLARED)
    before = shown(rows)
    rows("ALTER TABLE t RENAME TO u")
    rows("CREATE TABLE t (b VARCHAR(9), c INT)")
    assert shown(rows)[0][0][1] == "VARCHAR(9)"  # nothing of the old one sticks to its name
    rows("DROP TABLE t")
    rows(f"ALTER TABLE u RENAME TO {new.format(schema=schema)}")
    assert shown(rows) == before
    assert rows(
        "SELECT character_maximum_length FROM INFORMATION_SCHEMA.COLUMNS"
        " WHERE table_schema = CURRENT_SCHEMA() AND column_name = 'B'"
    ) == [(3,)]


def test_a_renamed_temporary_table_is_still_seen(rows):
    rows("CREATE TEMPORARY TABLE t (a VARCHAR(3))")
    rows("ALTER TABLE t RENAME TO u")
    rows("INSERT INTO u VALUES ('abc')")
    assert rows("SELECT a FROM u") == [("abc",)]
    assert rows("DESCRIBE TABLE u")[0][1] == "VARCHAR(3)"


@pytest.mark.parametrize(("gone", "left", "key"), [("c", ["A", "B", "D"], ["A", "B"]), ("a, d", ["B", "C"], [])])
def test_a_dropped_column_takes_the_key_that_it_is_part_of(rows, gone, left, key):
    rows("CREATE TABLE t (a VARCHAR(3), b VARCHAR(4), c VARCHAR(5) COMMENT 'c', d INT, PRIMARY KEY (a, b))")
    rows(f"ALTER TABLE t DROP COLUMN {gone}")
    rows("ALTER TABLE t ADD COLUMN e VARCHAR COMMENT 'new'")
    assert [row[0] for row in rows("DESCRIBE TABLE t")] == [*left, "E"]
    assert [row[4] for row in rows("SHOW PRIMARY KEYS IN TABLE t")] == key
    assert [row[9] for row in rows("DESCRIBE TABLE t") if row[9]] == (["c", "new"] if "C" in left else ["new"])


def test_a_column_with_a_dropped_ones_name_has_its_own_length(rows):
    rows("CREATE TABLE t (a VARCHAR(3), b INT)")
    rows("ALTER TABLE t DROP COLUMN a")
    rows("ALTER TABLE t ADD COLUMN a VARCHAR")
    rows("INSERT INTO t VALUES (1, 'abcdef')")
    assert [row[1] for row in rows("DESCRIBE TABLE t")] == ["NUMBER(38,0)", "VARCHAR(16777216)"]


def test_a_replaced_table_has_no_lengths_of_the_old_one(rows):
    rows("CREATE TABLE t (a VARCHAR(3))")
    rows("CREATE OR REPLACE TABLE t AS SELECT 'abcdef' AS a")
    assert rows("DESCRIBE TABLE t")[0][1] == "VARCHAR(16777216)"


def test_a_merge_by_name_wants_the_same_columns(rows):
    rows("CREATE TABLE t (id INT, x INT)")
    rows("CREATE TABLE s (id INT, y INT)")
    with pytest.raises(Exception, match="invalid identifier 'X'"):
        rows("MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED THEN INSERT ALL BY NAME")


def test_a_text_of_the_history_is_cut_and_one_that_runs_is_not(rows):
    rows(f"SELECT LENGTH('{'x' * 3 * LONGEST}') AS long")
    ((text, kind),) = rows(
        "SELECT query_text, query_type FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY_BY_SESSION())"
        " WHERE query_text LIKE 'SELECT LENGTH%'"
    )
    assert (len(text), kind) == (LONGEST, "SELECT")


@pytest.fixture
def staged(rows, session, tmp_path):
    """A stage S with a file of three rows; the middle one has a text of five letters."""
    (tmp_path / "words.csv").write_text("1,one\n2,three\n3,two\n")
    rows("CREATE STAGE s")
    rows("CREATE TABLE t (a INT, b VARCHAR(3))")
    session.file.put(f"file://{tmp_path}/words.csv", "@s", auto_compress=False)


def test_a_file_with_a_text_that_is_too_long_is_reported(rows, staged):
    limit = r"100074.*User character length limit \(3\) exceeded by string 'three'"
    with pytest.raises(Exception, match=limit):
        rows("COPY INTO t FROM @s")
    ((_, status, parsed, loaded, *_),) = rows("COPY INTO t FROM @s ON_ERROR = CONTINUE")
    assert (status, parsed, loaded) == ("PARTIALLY_LOADED", 3, 2)


def test_a_renamed_table_does_not_load_a_file_again(rows, session, staged, tmp_path):
    rows("COPY INTO t FROM @s TRUNCATECOLUMNS = TRUE")
    session.file.put(f"file://{tmp_path}/words.csv", "@%t", auto_compress=False)
    rows("ALTER TABLE t RENAME TO u")
    assert rows("COPY INTO u FROM @s TRUNCATECOLUMNS = TRUE")[0][0].startswith("Copy executed with 0 files")
    assert [row[0] for row in rows("LIST @%u")] == ["words.csv"]


@pytest.mark.parametrize("option", ["TRUNCATECOLUMNS = TRUE", "ENFORCE_LENGTH = FALSE"])
def test_texts_are_cut_if_that_is_asked_for(rows, staged, option):
    rows(f"COPY INTO t FROM @s {option}")
    assert rows("SELECT b FROM t ORDER BY a") == [("one",), ("thr",), ("two",)]


def test_a_file_is_loaded_once_by_loads_at_the_same_moment(engine, schema, rows, staged):
    start = threading.Barrier(6)

    def load(_):
        with engine.connect("DISTILL", schema) as connection:
            cursor = connection.cursor()
            start.wait()
            return cursor.execute("COPY INTO t FROM @s TRUNCATECOLUMNS = TRUE").fetchall()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(load, range(6)))
    assert rows("SELECT COUNT(*) FROM t") == [(3,)]


@pytest.mark.parametrize("how", ["LIKE", "CLONE"])
def test_a_copied_table_is_declared_like_its_source(rows, how):
    rows(DECLARED)
    rows(f"CREATE TABLE u {how} t")
    assert rows("DESCRIBE TABLE u") == rows("DESCRIBE TABLE t")
    assert [row[4] for row in rows("SHOW PRIMARY KEYS IN TABLE u")] == ["A"]


def test_tables_are_declared_without_autocommit_too(engine, schema):
    with engine.connect("DISTILL", schema) as connection:
        connection.autocommit(False)
        cursor = connection.cursor()
        create, insert = "CREATE TABLE {} (a VARCHAR(3) PRIMARY KEY)", "INSERT INTO t VALUES ('abc')"
        for sql in (create.format("t"), insert, create.format("commits_what_is_open"), insert, "ROLLBACK"):
            cursor.execute(sql)
        assert [row[1:6:2] for row in cursor.execute("DESCRIBE TABLE t").fetchall()] == [("VARCHAR(3)", "N", "Y")]
        assert cursor.execute("SELECT COUNT(*) FROM t").fetchall() == [(1,)]
