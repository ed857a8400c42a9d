"""Replies read by SQL, and what is counted of them: JSON, numbers, aggregates, windows, MERGE of many rows."""

import json
from random import Random

import pytest

from cortex_distill.config import Split
from cortex_distill.ratings import score
from cortex_distill.replies import objects_sql, only_object_sql, text_sql
from cortex_distill.splitting import Ticket
from cortex_distill.splitting import split as split_in_python
from cortex_distill.sql import Sql
from cortex_distill.tables import TABLES
from cortex_distill.upload import upload
from tasks.record import merge_sql
from tasks.split import split_sql

REPLIES = {
    "plain": '[{"request": "a"}, {"request": "b"}]',
    "fenced": 'Sure!\n```json\n{"tickets": [{"scenario": "s", "request": "a {b} \\"c\\""}]}\n```',
    "cut off": '[{"request": "a"}, {"request": "b',
    "python": "[{'request': 'it\\'s', 'scenario': 'x'}]",
    "bare": '{request: "a", n: 1,}',
    "broken": '[{"request": "a" "b"}, {"request": "c"}]',
    "list": '{"request": ["a"]}',
    "curved": "{“request”: “a”}",
    "half a character": '{"request": "\\ud83d"} {"request": "b"}',
    "none": "I cannot do that.",
}
READ = {
    "plain": ["a", "b"], "fenced": ['a {b} "c"'], "cut off": ["a"], "python": ["it's"], "bare": ["a"], "broken": ["c"],
    "curved": ["a"],
}  # fmt: skip


@pytest.fixture(scope="module")
def replies(place):
    """The requests that are read of each of REPLIES."""
    place.rows("CREATE TEMPORARY TABLE REPLIES_READ (row_key STRING, completion_key STRING, reply STRING)")
    upload(place.session, "REPLIES_READ", ["row_key", "completion_key", "reply"],
           [(key, key, reply) for key, reply in REPLIES.items()])  # fmt: skip
    found = objects_sql("REPLIES_READ", Sql(f"{text_sql('request')} IS NOT NULL"))
    read = {}
    for key, _, text in place.rows(
        f"SELECT row_key, position, {text_sql('request')} FROM ({found.text}) ORDER BY row_key, position", *found.binds
    ):
        read.setdefault(key, []).append(text)
    return read


@pytest.mark.assumption("json-in-replies")
def test_tickets_are_read_out_of_any_reply(replies):
    assert {key: texts for key, texts in replies.items() if key != "half a character"} == READ


@pytest.mark.assumption("half-a-character")
def test_half_a_character_spoils_no_other_object(replies):
    assert replies["half a character"][-1] == "b"


@pytest.mark.assumption("json-one-object")
def test_two_objects_are_none_and_a_null_member_is_null(place):
    said = '{"a": null, "b": "x"}'
    texts = Sql("SELECT column1 AS said FROM VALUES (?), (?)", (said, said + said))
    only = only_object_sql("said")
    read = f"SELECT said, {only.text} AS o FROM ({texts.text})"
    found = place.rows(
        f"SELECT o:a::STRING, o:b::STRING FROM ({read}) ORDER BY LENGTH(said)", *only.binds, *texts.binds
    )
    assert found == [(None, "x"), (None, None)]


@pytest.mark.assumption("scores")
def test_ratings_are_read_as_numbers(place):
    said = {"4": 4, '"4/5"': 4, '"4 out of 5"': 4, '"four"': 4, "4.5": 4.5, '"8/10"': None, "null": None, "[4]": None}
    for text, number in said.items():
        found = place.one(f"SELECT {score('valid', 'r')} FROM (SELECT PARSE_JSON(?) AS r)", f'{{"valid": {text}}}')
        assert (found if found is None else float(found)) == number, text


@pytest.mark.assumption("split")
def test_tickets_fall_into_the_shares_of_the_twin_in_python(place):
    draw = Random(7)
    tickets = [
        Ticket(
            f"t{n:03d}", draw.choice(["Refund", "Late", "Size"]), f"Request number {n}", draw.choice([None, None, "g"])
        )
        for n in range(60)
    ]
    rows = [("split", *ticket, True) for ticket in tickets]
    upload(place.session, "TICKETS", ["run_id", "ticket_id", "category", "request", "together", "kept"], rows)
    for statement in split_sql("split", Split(train=0.7, validation=0.2, test=0.1)):
        place.query(statement)
    found = dict(place.rows("SELECT ticket_id, split FROM TICKETS WHERE run_id = 'split'"))
    assert found == split_in_python(tickets, 0.7, 0.2, 0.1)


@pytest.mark.assumption("merge-values")
def test_many_rows_are_merged_from_binds_twice_without_doubling(place):
    columns = [column.split()[0] for column in TABLES["EXPERIMENTS"].split(",")]
    row = dict.fromkeys(name for name in columns if name != "created_at")
    row |= {"run_id": "merge", "role": "teacher", "evaluation_set": "holdout", "n": 3, "accuracy": 1 / 3}
    rows = [row | {"variant": name, "tags": json.dumps(["x"]), "config": "null"} for name in "abcdefgh"]
    for _ in range(2):
        place.query(merge_sql(rows))
    said = "SELECT COUNT(*), COUNT(DISTINCT variant), MAX(accuracy) FROM EXPERIMENTS WHERE run_id = 'merge'"
    assert place.rows(said) == [(8, 8, 1 / 3)]


@pytest.mark.assumption("array-contains")
def test_a_bound_text_is_looked_up_in_an_array_in_a_variant(place):
    place.rows("INSERT INTO EXPERIMENTS (run_id, tags) SELECT 'tags', PARSE_JSON(?)", '["x", "y"]')
    said = "SELECT ARRAY_CONTAINS(?::VARIANT, tags::ARRAY) FROM EXPERIMENTS WHERE run_id = 'tags'"
    assert [place.one(said, text) for text in ("x", "z")] == [True, False]


@pytest.mark.assumption("listagg-distinct")
def test_listagg_takes_each_once_in_the_order_of_its_bytes(place):
    said = "SELECT LISTAGG(DISTINCT x, ', ') WITHIN GROUP (ORDER BY x) FROM (SELECT column1 AS x FROM VALUES {})"
    texts = ["b", "B", "ä", "a", "b", "_"]
    assert place.one(said.format(", ".join(["(?)"] * len(texts))), *texts) == "B, _, a, b, ä"
    assert place.one("SELECT LISTAGG(x, '') FROM (SELECT 'x' AS x WHERE FALSE)") == ""


@pytest.mark.assumption("count-or-null")
def test_a_condition_that_nothing_meets_counts_zero(place):
    said = "SELECT COUNT(x = 1 OR NULL), SUM(x), MAX(x) FROM (SELECT column1 AS x FROM VALUES (2), (NULL)) WHERE {}"
    assert place.rows(said.format("TRUE")) == [(0, 2, 2)]
    assert place.rows(said.format("FALSE")) == [(0, None, None)]


@pytest.mark.assumption("qualify")
def test_qualify_picks_the_first_good_reply_else_the_newest_error(place):
    good = {"value": {"choices": [{"messages": "yes"}]}, "error": None}
    bad = {"value": None, "error": "503"}
    cells = [("q1", good, 1), ("q1", good, 2), ("q1", bad, 0), ("q2", bad, 1), ("q2", bad, 2)]
    for key, answer, second in cells:
        place.rows(
            f"""INSERT INTO COMPLETIONS (key, ask_id, answer, answered_at) SELECT ?, ?, PARSE_JSON(?),
                DATEADD('second', {second}, '2026-01-01'::TIMESTAMP_NTZ)""",
            key, str(second), json.dumps(answer),
        )  # fmt: skip
    reply = "c.answer:value:choices[0]:messages::STRING"
    found = place.rows(
        f"""SELECT c.key, c.ask_id, {reply} FROM COMPLETIONS c WHERE c.key IN ('q1', 'q2')
        QUALIFY ROW_NUMBER() OVER (PARTITION BY c.key ORDER BY IFF({reply} IS NULL, 1, 0),
            IFF({reply} IS NULL, -1, 1) * DATE_PART(epoch_millisecond, c.answered_at)) = 1 ORDER BY 1"""
    )
    place.rows("DELETE FROM COMPLETIONS WHERE key IN ('q1', 'q2')")
    assert found == [("q1", "1", "yes"), ("q2", "2", None)]


@pytest.mark.assumption("array-json")
def test_an_array_is_written_as_json_without_blanks(place):
    said = place.one("SELECT TO_JSON(ARRAY_CONSTRUCT(?, ?))", 'a "b" ä\n', "😀")
    assert json.loads(said) == ['a "b" ä\n', "😀"]
    assert said == json.dumps(['a "b" ä\n', "😀"], ensure_ascii=False, separators=(",", ":"))


@pytest.mark.assumption("hash-of-rows")
def test_the_same_rows_have_the_same_mark_in_any_order(place):
    said = "SELECT BITXOR_AGG(HASH(column1, column2)) FROM VALUES {}"
    one, same, other = (place.one(said.format(rows)) for rows in ("('a', 'b'), ('c', 'd')", "('c', 'd'), ('a', 'b')",
                                                                  "('a', 'b'), ('c', 'e')"))  # fmt: skip
    assert one == same != other
