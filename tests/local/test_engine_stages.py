"""Stages, file formats, PUT, GET and COPY INTO, as the genuine connector uses them."""

import io
import json

import pytest
from snowflake.connector.errors import IntegrityError
from snowflake.snowpark.exceptions import SnowparkSQLException

LINES = 'id,name,n\n1,"a,b",5\n2,x,7\n3,"",\n'


@pytest.fixture
def put(rows, tmp_path):
    """Stage a file with this text; the rows of PUT."""
    rows("CREATE STAGE s")

    def run(name, text, place="@s", options=""):
        file = tmp_path / name
        file.write_text(text)
        return rows(f"PUT file://{file} {place} {options}")

    return run


@pytest.fixture
def tickets(rows, put):
    """A staged file, its format and an empty table."""
    rows("CREATE FILE FORMAT f TYPE = CSV SKIP_HEADER = 1 FIELD_OPTIONALLY_ENCLOSED_BY = '\"'")
    rows("CREATE TABLE t (id INT, name STRING, n FLOAT)")
    put("t.csv", LINES)


def test_a_put_file_is_compressed_listed_fetched_and_removed(rows, put, tmp_path):
    assert put("t.csv", LINES)[0][:2] == ("t.csv", "t.csv.gz")
    assert put("t.csv", LINES, options="AUTO_COMPRESS = FALSE OVERWRITE = TRUE")[0][6] == "UPLOADED"
    assert [row[0] for row in rows("LIST @s")] == ["s/t.csv", "s/t.csv.gz"]
    assert [row[0] for row in rows("LS @s PATTERN = '.*gz'")] == ["s/t.csv.gz"]
    (tmp_path / "back").mkdir()
    rows(f"GET @s/t.csv.gz file://{tmp_path / 'back'}")
    assert (tmp_path / "back" / "t.csv.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert rows("RM @s/t.csv.gz") == [("s/t.csv.gz", "removed")]
    assert len(rows("LIST @s")) == 1


def test_a_file_that_is_there_is_skipped_unless_overwrite_is_said(put):
    statuses = [put("t.csv", LINES, options=options)[0][6] for options in ("", "", "OVERWRITE = TRUE")]
    assert statuses == ["UPLOADED", "SKIPPED", "UPLOADED"]


def test_a_stream_is_put_and_read_with_a_schema_by_snowpark(session, rows, put):
    session.file.put_stream(io.BytesIO(b"1,2\n"), "@s/z.csv", auto_compress=False)
    assert session.sql("SELECT $1, t.$2, METADATA$FILENAME FROM @s/z.csv t").collect()[0][:] == ("1", "2", "z.csv")


@pytest.mark.parametrize("place", ["@~/mine", "@%t"])
def test_the_users_and_a_tables_stage_need_no_create(rows, put, place):
    rows("CREATE TABLE t (a STRING)")
    put("u.csv", "x\n", place)
    assert [row[0].split("/")[-1] for row in rows(f"LIST {place}")] == ["u.csv.gz"]
    rows(f"RM {place}")


@pytest.mark.parametrize("path", ["@s/../x", "@s/a/../../x", "@~/../x"])
def test_no_path_leaves_its_stage(put, path):
    with pytest.raises(SnowparkSQLException, match="not supported by the local engine: the path"):
        put("t.csv", LINES, path)


REFUSED = [
    ("CREATE STAGE e URL = 's3://bucket/x'", "PUT the files into it"),
    ("CREATE FILE FORMAT x TYPE = AVRO", "not supported by the local engine"),
    ("CREATE FILE FORMAT x TYPE = CSV ENCODING = 'ISO-8859-1'", "ENCODING"),
    ("COPY INTO @s FROM t", "unloading"),
    ("COPY INTO t FROM @s VALIDATION_MODE = RETURN_ERRORS", "VALIDATION_MODE"),
    ("COPY INTO t FROM @nowhere", "does not exist or not authorized"),
    ("CREATE STAGE s", "already exists"),
]


@pytest.mark.parametrize(("statement", "words"), REFUSED)
def test_what_is_not_imitated_or_wrong_is_refused(rows, tickets, statement, words):
    with pytest.raises(SnowparkSQLException, match=words):
        rows(statement)


def test_a_csv_file_is_loaded_once_and_reported(rows, tickets):
    assert rows("COPY INTO t FROM @s FILE_FORMAT = (FORMAT_NAME = f)") == [
        ("s/t.csv.gz", "LOADED", 3, 3, 1, 0, None, None, None, None)
    ]
    assert rows("SELECT * FROM t ORDER BY id") == [(1, "a,b", 5.0), (2, "x", 7.0), (3, "", None)]
    again = "COPY INTO t FROM @s FILE_FORMAT = (FORMAT_NAME = f)"
    assert rows(again) == [("Copy executed with 0 files processed.",)]
    assert rows(again + " FORCE = TRUE")[0][3] == 3
    rows("TRUNCATE TABLE t")
    assert rows(again + " PURGE = TRUE")[0][3] == 3
    assert rows("LIST @s") == []


def test_a_changed_file_of_the_same_name_is_loaded_again(rows, tickets, put):
    copy = "COPY INTO t FROM @s FILE_FORMAT = (FORMAT_NAME = 'f')"
    rows(copy)
    put("t.csv", "id,name,n\n4,z,1\n", options="OVERWRITE = TRUE")
    assert rows(copy)[0][3] == 1


BAD = "id,name,n\n1,a\n2,x,zz\n3,k,1\n"


def test_on_error_decides_about_rows_that_do_not_fit(rows, tickets, put):
    put("bad.csv", BAD, "@s/bad")
    copy = "COPY INTO t FROM @s/bad FILE_FORMAT = (FORMAT_NAME = f) ON_ERROR = "
    with pytest.raises(SnowparkSQLException, match=r"100080.*Number of columns in file \(2\)"):
        rows(copy + "ABORT_STATEMENT")
    assert rows("SELECT COUNT(*) FROM t") == [(0,)]
    skipped = rows(copy + "SKIP_FILE")[0]
    assert (skipped[1:6], skipped[7:]) == (("LOAD_FAILED", 3, 0, 1, 2), (2, 1, '"T"[2]'))
    assert rows(copy + "CONTINUE")[0][1:4] == ("PARTIALLY_LOADED", 3, 1)
    assert rows("SELECT * FROM t") == [(3, "k", 1.0)]


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("INT", "x1", "Numeric value 'x1' is not recognized"),
        ("BOOLEAN", "maybe", "Boolean value 'maybe' is not recognized"),
        ("DATE", "soon", "Date 'soon' is not recognized"),
        ("INT NOT NULL", "", "NULL result in a non-nullable column"),
    ],
)
def test_a_value_that_is_none_is_named(rows, put, kind, text, words):
    rows(f"CREATE TABLE v (a STRING, b {kind})")
    put("v.csv", f"k,{text}\n")
    with pytest.raises((SnowparkSQLException, IntegrityError), match=words):
        rows("COPY INTO v FROM @s")


def test_a_select_reorders_and_changes_fields_on_the_way(rows, tickets):
    rows("COPY INTO t (name, id) FROM (SELECT UPPER(s.$2), s.$1 FROM @s s) FILE_FORMAT = (FORMAT_NAME = f)")
    assert rows("SELECT id, name, n FROM t ORDER BY id") == [(1, "A,B", None), (2, "X", None), (3, "", None)]


def test_columns_are_matched_by_name(rows, put):
    rows("CREATE TABLE t (b STRING, a INT)")
    put("n.csv", "A,B,c\n1,x,y\n")
    rows("COPY INTO t FROM @s FILE_FORMAT = (TYPE = CSV PARSE_HEADER = TRUE) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE")
    assert rows("SELECT a, b FROM t") == [(1, "x")]


def test_json_goes_into_one_variant_or_by_name(rows, put):
    rows("CREATE TABLE j (v VARIANT)")
    rows("CREATE TABLE k (id INT, name STRING)")
    put("j.json", json.dumps([{"id": 1, "name": "a"}, {"id": 2, "name": None}]))
    form = "FILE_FORMAT = (TYPE = JSON STRIP_OUTER_ARRAY = TRUE)"
    rows(f"COPY INTO j FROM @s {form}")
    assert rows("SELECT v:name::STRING FROM j ORDER BY v:id::INT") == [("a",), (None,)]
    rows(f"COPY INTO k FROM @s {form} MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE")
    assert rows("SELECT id, name FROM k ORDER BY id") == [(1, "a"), (2, None)]
    with pytest.raises(SnowparkSQLException, match="one and only one column of type variant"):
        rows(f"COPY INTO k FROM @s {form} FORCE = TRUE")


def test_stages_survive_in_show_and_go_with_drop(rows, tickets, open_session):
    rows("CREATE TEMPORARY STAGE mine")
    assert [row[1] for row in rows("SHOW STAGES")] == ["MINE", "S"]
    assert [row["name"] for row in open_session().sql("SHOW STAGES").collect()] == ["S"]
    assert [row[1] for row in rows("SHOW FILE FORMATS")] == ["F"]
    rows("DROP STAGE s")
    with pytest.raises(SnowparkSQLException, match="002003"):
        rows("LIST @s")
