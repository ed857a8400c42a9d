"""Files of an export: what was written can be read back, whatever is in the texts, and the same rows give the same."""

import csv
import json

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cortex_distill.export_formats import (
    COLUMNS,
    DROPPED,
    csv_cell,
    write_chats,
    write_csv,
    write_jsonl,
    write_parquet,
    write_splits,
)
from tests.hostile_strings import HOSTILE

ALL = (*COLUMNS, *DROPPED)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(HOSTILE)
VALUES = {
    "attributes": st.none() | st.dictionaries(TEXT, TEXT, max_size=3),
    "rating": st.none() | st.dictionaries(TEXT, st.integers(1, 5), max_size=3),
    "round": st.none() | st.integers(1, 9),
    "similarity": st.none() | st.floats(0, 1),
    "kept": st.booleans(),
    "split": st.none() | st.sampled_from(["train", "validation", "test"]),
}
ROWS = st.lists(st.fixed_dictionaries({name: VALUES.get(name, st.none() | TEXT) for name in ALL}), max_size=6)
ONCE = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def unguarded(text):
    """What a reader does by the words of the data card."""
    return text.removeprefix("'")


def pages(rows):
    return [rows[start : start + 2] for start in range(0, len(rows), 2)]


@ONCE
@given(ROWS)
def test_json_lines_give_back_every_row_and_hold_one_a_line_for_any_reader(tmp_path, rows):
    path = tmp_path / "x.jsonl"
    assert write_jsonl(path, pages(rows)) == len(rows)
    lines = path.read_bytes().decode().splitlines()
    assert [json.loads(line) for line in lines] == rows


@ONCE
@given(ROWS)
def test_csv_gives_back_every_text_and_no_cell_begins_like_a_formula(tmp_path, rows):
    path = tmp_path / "x.csv"
    assert write_csv(path, ALL, pages(rows)) == len(rows)
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    for row, written in zip(rows, found, strict=True):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in written.values())
        for name in ("category", "request", "scenario", "dropped_because"):
            assert unguarded(written[name]) == (row[name] or "")
        assert json.loads(unguarded(written["attributes"]) or "null") == row["attributes"]
        assert written["kept"] == str(row["kept"]).lower()
        assert (float(written["similarity"]) if written["similarity"] else None) == row["similarity"]


@ONCE
@given(ROWS)
def test_parquet_gives_back_every_row_with_its_types(tmp_path, rows):
    path = tmp_path / "x.parquet"
    assert write_parquet(path, ALL, pages(rows)) == len(rows)
    found = pq.read_table(path)
    assert [str(found.schema.field(name).type) for name in ("round", "similarity", "kept")] == [
        "int64",
        "double",
        "bool",
    ]
    read = found.to_pylist()
    for row in read:
        row.update(
            {name: json.loads(row[name]) if row[name] is not None else None for name in ("attributes", "rating")}
        )
    assert read == rows


@ONCE
@given(ROWS)
def test_each_split_has_a_file_of_its_own_and_rows_without_one_are_counted(tmp_path, rows):
    counts = write_splits(tmp_path, ALL, pages(rows))
    for split in ("train", "validation", "test"):
        mine = [row["request"] for row in rows if row["split"] == split]
        assert counts.get(split, 0) == len(mine)
        if mine:
            assert pq.read_table(tmp_path / "data" / f"{split}.parquet")["request"].to_pylist() == mine
    assert counts.get("", 0) == sum(row["split"] is None for row in rows)


@ONCE
@given(st.lists(st.fixed_dictionaries({"prompt": TEXT, "completion": TEXT}), max_size=5))
def test_a_chat_is_the_prompt_of_the_user_and_the_category_of_the_assistant(tmp_path, rows):
    write_chats(tmp_path / "x.jsonl", pages(rows))
    chats = [json.loads(line) for line in (tmp_path / "x.jsonl").read_bytes().decode().splitlines()]
    said = [[(one["role"], one["content"]) for one in chat["messages"]] for chat in chats]
    assert said == [[("user", row["prompt"]), ("assistant", row["completion"])] for row in rows]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        ("", '""'),
        ("=1+1", '"\'=1+1"'),
        ("'=1", "\"''=1\""),
        ('say "no"', '"say ""no"""'),
        (True, "true"),
        (-0.5, "-0.5"),
        ("＝1", '"\'＝1"'),
    ],
)
def test_a_cell_says_what_is_missing_what_is_empty_and_what_was_guarded(value, cell):
    assert csv_cell(value) == cell


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_the_keys_of_an_object_stand_in_one_order_so_that_the_same_rows_give_the_same_bytes(tmp_path, write):
    row = dict.fromkeys(COLUMNS)
    write(tmp_path / "a", COLUMNS, [[{**row, "rating": {"b": 1, "a": 2}}]])
    write(tmp_path / "b", COLUMNS, [[{**row, "rating": {"a": 2, "b": 1}}]])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_file_that_is_there_is_whole(tmp_path):
    def broken():
        yield [dict.fromkeys(COLUMNS, "x")]
        raise OSError("the engine is gone")

    with pytest.raises(OSError, match="gone"):
        write_jsonl(tmp_path / "x.jsonl", broken())
    assert list(tmp_path.iterdir()) == []
