"""Reading a CSV: the columns that are wanted, whatever else is in the file and whatever is in the cells."""

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex_distill.csv_rows import header_of, place_of, read_columns
from cortex_distill.errors import ConfigError

CELL = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"), max_size=30)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("csv") / "rows.csv"


@given(rows=st.lists(st.tuples(CELL, CELL, CELL), max_size=10))
@settings(deadline=None)
def test_cells_come_back_as_they_were_written_but_for_blanks_around_them(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("id", "private", "Request"), *rows])
    found = [row.cells for row in read_columns(path, ["request", "id"], "source.file")]
    assert found == [[request.strip(), key.strip()] for key, _, request in rows]


def test_a_mark_of_the_byte_order_short_rows_and_blank_lines_are_no_trouble(path):
    path.write_bytes('\ufeffid,request\n1,a\n\n2\n3,"b\nc",d\n'.encode())
    rows = list(read_columns(path, ["id", "request"], "source.file"))
    assert [(row.line, row.cells) for row in rows] == [(2, ["1", "a"]), (4, ["2", ""]), (6, ["3", "b\nc"])]


def test_a_name_as_written_comes_before_one_that_differs_in_case():
    assert place_of("request", ["REQUEST", "request"]) == 1
    assert place_of("Request", [" request ", "x"]) == 0
    assert place_of("text", ["request"]) is None


def test_a_cell_of_a_million_characters_is_read(path):
    path.write_text(f"id,request\n1,{'x' * 1_000_000}\n", encoding="utf-8")
    assert len(next(read_columns(path, ["request"], "source.file")).cells[0]) == 1_000_000


@pytest.mark.parametrize(
    "read", [lambda path: next(read_columns(path, ["id"], "key")), lambda path: header_of(path, "key")]
)
def test_a_file_that_is_not_utf_8_is_told_with_its_key(path, read):
    path.write_bytes(b"id,r\xff\n1,2\n")
    with pytest.raises(ConfigError, match=r"rows.csv: key: cannot be read .*; give a CSV file in UTF-8"):
        read(path)
