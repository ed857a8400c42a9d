"""Preparing: tables are made once and kept, and a holdout that cannot be used is refused with its line."""

import pytest

from cortex_distill.errors import ConfigError, StepError
from cortex_distill.tables import TABLES, THERE, complete_sql
from tasks.prepare import prepare_tables


def test_tables_that_exist_keep_their_rows(make_run):
    first, second = make_run(), make_run()
    prepare_tables.fn(first)
    first.sql("INSERT INTO TICKETS (run_id, ticket_id) SELECT ?, 'x'", first.id)
    prepare_tables.fn(second)
    assert second.count("SELECT COUNT(*) FROM TICKETS") == 1
    assert second.count("SELECT COUNT(DISTINCT run_id) FROM CATEGORIES") == 2


def test_a_table_of_an_earlier_version_gets_its_new_columns_and_a_whole_schema_costs_one_look(make_run):
    run = make_run()
    run.sql("CREATE TABLE TICKETS (run_id STRING, ticket_id STRING, round NUMBER)")
    run.sql("INSERT INTO TICKETS SELECT 'old', 'x', 1")
    missing = complete_sql(run.sql(THERE))
    assert "ALTER TABLE TICKETS ADD COLUMN IF NOT EXISTS similarity FLOAT" in missing
    assert not any("round" in statement for statement in missing if "TICKETS" in statement)
    prepare_tables.fn(run)
    assert complete_sql(run.sql(THERE)) == []
    assert run.count("SELECT COUNT(*) FROM TICKETS WHERE similarity IS NULL AND round = 1") == 1


def test_tables_that_are_made_now_need_no_further_columns():
    assert not any("ALTER" in statement for statement in complete_sql([]))
    assert any("ALTER" in statement for statement in complete_sql())


def test_preparing_twice_writes_the_rows_once(make_run, tmp_path):
    (tmp_path / "rows.csv").write_text("request,category\nmoney please,Refund\n", encoding="utf-8")
    run = make_run({"holdout.file": "rows.csv"})
    assert prepare_tables.fn(run) == prepare_tables.fn(run) == (3, 1, 0)
    assert run.count("SELECT COUNT(*) FROM HOLDOUT") == 1


def test_a_holdout_may_be_a_table(make_run):
    run = make_run({"holdout.table": "DISTILL.PUBLIC.LABELLED"})
    run.sql("CREATE TABLE LABELLED (request STRING, category STRING, other NUMBER)")
    run.sql("INSERT INTO LABELLED SELECT column1, column2, 1 FROM VALUES ('b', 'Refund'), ('a', 'Wrong size')")
    prepare_tables.fn(run)
    rows = run.sql("SELECT row_key, request, category FROM HOLDOUT ORDER BY 1")
    assert [tuple(row) for row in rows] == [("000000001", "a", "Wrong size"), ("000000002", "b", "Refund")]


def test_labels_that_are_no_category_are_listed_with_their_counts(make_run, tmp_path):
    (tmp_path / "rows.csv").write_text("request,category\na,refund\nb,refund\nc,Refund\n", encoding="utf-8")
    with pytest.raises(StepError, match=r"not under categories: 'refund' \(2 rows\)"):
        prepare_tables.fn(make_run({"holdout.file": "rows.csv"}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"request,label\na,b\n", r"rows.csv:1: holdout.file: no column category; it needs request, category"),
        (b"request,category\na,Refund\n,Refund\n", r"rows.csv:3: holdout.file: request or category is empty"),
        (b"request,category\n\xff,Refund\n", r"rows.csv: holdout.file: cannot be read .* give a CSV file in UTF-8"),
    ],
)
def test_an_unusable_holdout_file_is_refused_with_its_line(make_run, tmp_path, content, message):
    (tmp_path / "rows.csv").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        prepare_tables.fn(make_run({"holdout.file": "rows.csv"}))


def test_every_table_carries_the_run(session):
    assert all("run_id STRING" in " ".join(columns.split()) for columns in TABLES.values())


THREE = "('b', 'Refund'), ('a', 'refund'), ('c', 'astronomy')"
MAPPED = {"refund": "Refund", "astronomy": None}


def test_labels_are_mapped_and_those_that_are_mapped_to_nothing_are_left_out(make_run, tmp_path):
    text = "TEXT,Label\na,refund\nb,Refund\nc,astronomy\nd,Wrong size\n"
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8")
    columns = {"request": "text", "category": "label"}
    run = make_run({"holdout": {"file": "rows.csv", "labels": MAPPED, "columns": columns}})
    assert prepare_tables.fn(run) == (3, 3, 1)
    rows = run.sql("SELECT request, category FROM HOLDOUT ORDER BY request")
    assert [tuple(row) for row in rows] == [("a", "Refund"), ("b", "Refund"), ("d", "Wrong size")]


def test_labels_of_a_table_are_mapped_in_the_engine(make_run):
    columns = {"request": "body", "category": "label"}
    run = make_run({"holdout": {"table": "DISTILL.PUBLIC.LABELLED", "labels": MAPPED, "columns": columns}})
    run.sql("CREATE TABLE LABELLED (body STRING, label STRING)")
    run.sql(
        "INSERT INTO LABELLED SELECT column1, column2 FROM VALUES ('b', 'Refund'), ('a', 'refund'), ('c', 'astronomy')"
    )
    assert prepare_tables.fn(run) == (3, 2, 1)
    rows = run.sql("SELECT row_key, request, category FROM HOLDOUT ORDER BY 1")
    assert [tuple(row) for row in rows] == [("000000001", "a", "Refund"), ("000000002", "b", "Refund")]


def test_every_label_may_be_left_out(make_run):
    labels = {"refund": None, "astronomy": None}
    run = make_run({"holdout": {"table": "DISTILL.PUBLIC.LABELLED", "labels": labels}})
    run.sql("CREATE TABLE LABELLED (request STRING, category STRING)")
    run.sql(
        "INSERT INTO LABELLED SELECT column1, column2 FROM VALUES ('b', 'Refund'), ('a', 'refund'), ('c', 'astronomy')"
    )
    assert prepare_tables.fn(run) == (3, 1, 2)
