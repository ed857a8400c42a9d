"""What a dropped schema or database takes with it: one of the same name begins empty."""

import pytest

from cortex_distill.local.engine import Engine
from tests.local.engine_fake import FakeProvider

FILLED = (
    "CREATE TABLE {place}.t (a VARCHAR(3) PRIMARY KEY) COMMENT = 'the table'",
    "CREATE TEMPORARY TABLE {place}.own (a INT)",
    "CREATE PROCEDURE {place}.p() RETURNS INT LANGUAGE SQL AS BEGIN RETURN 1; END",
    "CREATE FUNCTION {place}.f(a INT) RETURNS INT AS 'a + 1'",
    "CREATE STAGE {place}.s",
    "CREATE FILE FORMAT {place}.csv TYPE = CSV",
)
GONE = ("SELECT * FROM {place}.t", "SELECT * FROM {place}.own", "CALL {place}.p()", "SELECT {place}.f(1)",
        "LIST @{place}.s", "DESCRIBE FILE FORMAT {place}.csv")  # fmt: skip


def fill(rows, place):
    for statement in FILLED:
        rows(statement.format(place=place))


def assert_empty(rows, place):
    for statement in GONE:
        with pytest.raises(Exception, match=r"does not exist|Unknown user-defined function"):
            rows(statement.format(place=place))
    rows(f"CREATE TABLE {place}.t (a VARCHAR)")
    assert [row[1] for row in rows(f"DESCRIBE TABLE {place}.t")] == ["VARCHAR(16777216)"]
    assert [row[1:6:4] for row in rows(f"SHOW TABLES IN SCHEMA {place}")] == [("T", "")]
    assert rows(f"SHOW PRIMARY KEYS IN SCHEMA {place}") == []


@pytest.mark.parametrize(
    "again", [("DROP SCHEMA {name}", "CREATE SCHEMA {name}"), ("CREATE OR REPLACE SCHEMA {name}",)]
)
def test_a_schema_that_is_created_again_is_empty(rows, schema, again):
    rows(f"CREATE SCHEMA {schema}_again")
    fill(rows, f"{schema}_again")
    for statement in again:
        rows(statement.format(name=f"{schema}_again"))
    assert_empty(rows, f"{schema}_again")


def test_a_database_that_is_created_again_is_empty(engine, rows, schema):
    rows(f"CREATE DATABASE {schema}_db")
    fill(rows, f"{schema}_db.public")
    with engine.connect(f"{schema}_db", "PUBLIC") as other:
        rows(f"DROP DATABASE {schema}_db")
        assert not list(engine.home.glob(f"{schema}_DB.db*"))
        with pytest.raises(Exception, match="does not exist"):
            other.cursor().execute("SELECT * FROM t")
        rows(f"CREATE DATABASE {schema}_db")
        assert_empty(rows, f"{schema}_db.public")
        assert other.cursor().execute("SELECT COUNT(*) FROM t").fetchall() == [(0,)]


def test_a_dropped_database_does_not_come_back_with_the_next_engine(tmp_path):
    for statements in (["CREATE DATABASE other", "CREATE TABLE t (a INT)", "DROP DATABASE other"], []):
        engine = Engine(tmp_path / "home", FakeProvider(), "LOCAL_FAKE")
        cursor = engine.connect("D", "S").cursor()
        for statement in statements:
            cursor.execute(statement)
        assert [row[1] for row in cursor.execute("SHOW DATABASES LIKE 'OTHER'").fetchall()] == []
        engine.close()


def test_a_dropped_schema_takes_its_models(rows, schema):
    rows(f"CREATE SCHEMA {schema}_again")
    rows("INSERT INTO SNOWFLAKE.CORTEX.JOBS (id, status, database, schema, name, created_on, dropped)"
         f" VALUES ('job-{schema}', 'SUCCESS', 'DISTILL', '{schema}_AGAIN', 'M', 0, false)")  # fmt: skip
    assert [row[1] for row in rows(f"SHOW MODELS IN SCHEMA {schema}_again")] == ["M"]
    rows(f"DROP SCHEMA {schema}_again")
    assert rows(f"SHOW MODELS IN SCHEMA {schema}_again") == []


@pytest.mark.parametrize("kind", ["SCHEMA", "DATABASE"])
def test_only_what_is_there_is_dropped(rows, kind):
    assert rows(f"DROP {kind} IF EXISTS nothing") == [
        ("Drop statement executed successfully (NOTHING already dropped).",)
    ]
    for name in ("nothing", "SNOWFLAKE" if kind == "DATABASE" else '"main"'):
        with pytest.raises(Exception, match=r"002003 .02000.*\n.*not exist or not authorized"):
            rows(f"DROP {kind} {name}")


def test_a_session_is_nowhere_after_its_schema_is_dropped(rows, schema):
    rows(f"DROP SCHEMA {schema}")
    assert rows("SELECT CURRENT_SCHEMA()") == [(None,)]
    with pytest.raises(Exception, match="does not have a current schema"):
        rows("CREATE TABLE t (a INT)")


def test_a_schema_of_the_same_name_elsewhere_leaves_the_session_where_it_is(rows, schema, one):
    rows(f"CREATE DATABASE {schema}_db")
    rows(f"CREATE SCHEMA {schema}")
    rows(f"USE SCHEMA DISTILL.{schema}")
    rows(f"DROP SCHEMA {schema}_db.{schema}")
    assert one("SELECT CURRENT_SCHEMA()") == schema
    rows(f"DROP DATABASE {schema}_db")
    assert one("SELECT CURRENT_DATABASE()") == "DISTILL"
