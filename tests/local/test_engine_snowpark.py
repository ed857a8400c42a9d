"""Snowpark and the connector as people use them: frames, pandas, jobs, SHOW and INFORMATION_SCHEMA."""

import datetime
from decimal import Decimal

import pandas as pd
import pytest
from snowflake.connector import DictCursor
from snowflake.snowpark.exceptions import SnowparkSQLException
from snowflake.snowpark.types import DateType, DecimalType, LongType, StringType, StructField, StructType, VariantType

COLUMNS = StructType(
    [
        StructField("id", LongType()),
        StructField("s", StringType()),
        StructField("v", VariantType()),
        StructField("n", DecimalType(10, 2)),
        StructField("d", DateType()),
    ]
)
ROWS = [[1, "a", None, Decimal("1.50"), datetime.date(2026, 1, 2)], [2, "b", {"x": 1}, None, None]]


@pytest.fixture
def frame(session):
    return session.create_dataframe(ROWS, schema=COLUMNS)


@pytest.fixture
def cursor(engine, schema):
    with engine.connect("DISTILL", schema) as connection:
        yield connection.cursor()


PANDAS = pd.DataFrame(
    {"ID": [1, 2], "two words": ["a", None], "at": pd.to_datetime(["2026-01-01 01:02:03", "2026-02-02 00:00:01"])}
)


def test_a_list_becomes_a_frame_with_every_type(frame):
    assert [tuple(row) for row in frame.collect()] == [tuple(ROWS[0]), (2, "b", '{"x":1}', None, None)]


@pytest.mark.parametrize(("mode", "count"), [("append", 4), ("overwrite", 2), ("truncate", 2), ("ignore", 2)])
@pytest.mark.parametrize("kind", ["", "temp", "transient"])
def test_a_frame_is_saved_in_each_mode(session, frame, mode, count, kind):
    for _ in range(2):
        frame.write.save_as_table("saved", mode=mode, table_type=kind)
    assert session.table("saved").count() == count


def test_mode_errorifexists_is_an_error_the_second_time(frame):
    frame.write.save_as_table("saved", mode="errorifexists")
    with pytest.raises(SnowparkSQLException, match="002002"):
        frame.write.save_as_table("saved", mode="errorifexists")


def test_pandas_goes_in_and_comes_back(session):
    session.write_pandas(PANDAS, "PANDAS", auto_create_table=True)
    session.write_pandas(PANDAS, "PANDAS")
    assert session.table("PANDAS").count() == 4
    session.write_pandas(PANDAS, "PANDAS", auto_create_table=True, overwrite=True)
    back = session.table("PANDAS").to_pandas()
    assert list(back.columns) == list(PANDAS.columns)
    assert back["at"].tolist() == PANDAS["at"].tolist()
    assert back["two words"].tolist() == ["a", None]


def test_write_pandas_without_overwriting_columns_truncates_first(session):
    for _ in range(2):
        session.write_pandas(PANDAS, "PANDAS", auto_create_table=True, overwrite=False)
    session.write_pandas(PANDAS, "PANDAS", overwrite=True)
    assert session.table("PANDAS").count() == 2


def test_a_pandas_frame_becomes_a_snowpark_frame(session):
    assert [row.ID for row in session.create_dataframe(PANDAS).sort("ID").collect()] == [1, 2]


def test_a_job_gives_rows_pandas_or_nothing(frame):
    job = frame.collect_nowait()
    assert len(job.result()) == 2
    assert job.result("pandas").shape == (2, 5)
    assert job.result("no_result") is None
    assert job.is_done()
    assert not job.is_failed()


def test_a_finished_job_is_found_by_its_id_and_can_be_queried_again(session, frame):
    job = frame.collect_nowait()
    job.result()
    assert len(session.create_async_job(job.query_id).result()) == 2
    assert session.create_async_job(job.query_id).to_df().count() == 2


def test_what_show_lists_can_be_selected_from(session, frame):
    frame.write.save_as_table("saved")
    shown = session.sql("SHOW TABLES LIKE 'SAVE%'")
    assert shown.schema.names[:2] == ['"created_on"', '"name"']
    assert [row[0] for row in shown.select('"name"').collect()] == ["SAVED"]


def test_a_cached_frame_is_split_without_losing_a_row(frame):
    parts = frame.cache_result().random_split([0.5, 0.5], seed=1)
    assert sorted(row.ID for part in parts for row in part.collect()) == [1, 2]


def test_the_connectors_own_calls_work(cursor):
    cursor.execute("CREATE TABLE plain (a INT, b VARCHAR)")
    cursor.executemany("INSERT INTO plain (a, b) VALUES (?, ?)", [(1, "it's"), (2, None)])
    assert cursor.execute("SELECT * FROM plain ORDER BY a").fetch_pandas_all()["B"].tolist() == ["it's", None]
    assert cursor.execute("SELECT a FROM plain ORDER BY a").fetch_arrow_all().column(0).to_pylist() == [1, 2]
    assert [column.name for column in cursor.describe("SELECT a, b FROM plain")] == ["A", "B"]
    cursor.execute_async("SELECT 5 AS a")
    cursor.get_results_from_sfqid(cursor.sfqid)
    assert cursor.fetchall() == [(5,)]
    connection = cursor.connection
    assert connection.cursor(DictCursor).execute("SELECT 1 AS a").fetchall() == [{"A": 1}]
    assert [done.fetchall() for done in connection.execute_string("SELECT 1; SELECT ';' AS x;")] == [[(1,)], [(";",)]]


def names(rows, sql, place=1):
    return [row[place] for row in rows(sql)]


@pytest.fixture
def objects(rows):
    for statement in ("CREATE TABLE one (a INT)", "CREATE TABLE two (a INT, b VARCHAR(20) NOT NULL)",
                      "CREATE VIEW seen AS SELECT a FROM one", "CREATE TEMPORARY TABLE mine (a INT)",
                      "CREATE FUNCTION twice(s STRING) RETURNS STRING AS $$ s || s $$"):  # fmt: skip
        rows(statement)


SHOWN = [
    ("SHOW TABLES", ["MINE", "ONE", "TWO"]),
    ("SHOW TERSE TABLES LIKE 'o%'", ["ONE"]),
    ("SHOW TABLES STARTS WITH 'T'", ["TWO"]),
    ("SHOW TABLES LIMIT 1 FROM 'N'", ["ONE"]),
    ("SHOW VIEWS", ["SEEN"]),
    ("SHOW OBJECTS LIKE '%N%'", ["MINE", "ONE", "SEEN"]),
    ("SHOW USER FUNCTIONS", ["TWICE"]),
]


@pytest.mark.parametrize(("statement", "found"), SHOWN)
def test_show_lists_what_there_is(rows, objects, statement, found):
    assert names(rows, statement) == found


def test_show_reaches_another_schema_and_no_hidden_one(rows, objects, schema):
    rows("CREATE SCHEMA in_another_place")
    assert names(rows, "SHOW TABLES") == []
    assert names(rows, f"SHOW TABLES IN SCHEMA distill.{schema}") == ["MINE", "ONE", "TWO"]
    assert not [name for name in names(rows, "SHOW SCHEMAS") if name.startswith("_") or name == "main"]
    rows("DROP SCHEMA in_another_place")


def test_columns_keep_their_order_and_types(rows, objects):
    assert names(rows, "SHOW COLUMNS IN TABLE two", 2) == ["A", "B"]
    assert [row[:2] for row in rows("DESCRIBE TABLE two")] == [("A", "NUMBER(38,0)"), ("B", "VARCHAR(20)")]


def test_the_information_schema_shows_temporary_tables_to_their_session_only(open_session, rows, objects, schema):
    query = "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = ? ORDER BY 1"
    others = [tuple(row) for row in open_session().sql(query, params=[schema]).collect()]
    assert others == [("ONE", "BASE TABLE"), ("SEEN", "VIEW"), ("TWO", "BASE TABLE")]
    assert rows(query, schema) == [("MINE", "LOCAL TEMPORARY"), *others]


def test_variables_and_context_are_told(rows, one):
    rows("SET wanted = 'x'")
    assert [row[3:6] for row in rows("SHOW VARIABLES")] == [("WANTED", "x", "text")]
    assert rows("SELECT CURRENT_REGION(), CURRENT_ACCOUNT_NAME(), CURRENT_ROLE_TYPE()") == [
        ("LOCAL", "LOCAL_FAKE", "ROLE")
    ]
    assert one("SELECT LAST_QUERY_ID() IS NOT NULL")
