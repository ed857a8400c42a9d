"""docs/reference/tables.md: every table and column has a sentence, and the engine takes them as comments."""

import pytest

from cortex_distill.session import execute
from cortex_distill.sql import Sql
from cortex_distill.table_comments import ABOUT, COMMON, column_of, comment_sql, row_of
from cortex_distill.tables import TABLES, columns_of, create_sql
from docs.reference_pages import tables_page


@pytest.mark.parametrize("table", [*TABLES, tables_page.PAGE_TABLE])
def test_every_column_has_a_sentence(table):
    assert row_of(table)
    assert [column for column in tables_page.columns(table) if not column_of(table, column)] == []


def test_no_sentence_is_about_a_column_that_is_gone():
    every = {table: set(tables_page.columns(table)) for table in [*TABLES, tables_page.PAGE_TABLE]}
    assert set(ABOUT) == set(every)
    assert [(table, column) for table, about in ABOUT.items() for column in set(about.columns) - every[table]] == []
    assert set(COMMON) <= set.union(*every.values())


def test_no_sentence_repeats_the_common_one():
    assert [
        (table, column)
        for table, about in ABOUT.items()
        for column, sentence in about.columns.items()
        if COMMON.get(column) == sentence
    ] == []


@pytest.mark.parametrize("table", [*TABLES, tables_page.PAGE_TABLE])
def test_every_table_is_written_by_somebody(table):
    assert tables_page.writers(table)


def test_a_plan_counts_in_copies_so_it_is_no_writer_of_tickets():
    writers = tables_page.writers("TICKETS")
    assert "tasks/generate.py" in writers
    assert [path for path in writers if "plan" in path] == []


def test_the_engine_takes_the_sentences_as_comments(session):
    """Two tables for all, since every statement takes its time; CLAIMS is short, TICKETS has quotes."""
    for table in ("CLAIMS", "TICKETS"):
        for statement in (create_sql(table), *comment_sql(table, columns_of(table))):
            execute(session, Sql(statement))
        columns = execute(session, Sql(f"DESCRIBE TABLE {table}"))
        said = {row["name"].lower(): row["comment"] for row in columns}
        assert said == {column: column_of(table, column) for column in columns_of(table)}
    shown = {row["name"]: row["comment"] for row in execute(session, Sql("SHOW TABLES"))}
    assert shown == {table: row_of(table) for table in ("CLAIMS", "TICKETS")}


def test_the_file_of_comments_has_a_statement_for_each_table_and_column():
    _, *statements = tables_page.comments().splitlines()
    assert len(statements) == sum(1 + len(columns_of(table)) for table in TABLES)
    assert all(statement.startswith("COMMENT ON ") and statement.endswith("';") for statement in statements)
