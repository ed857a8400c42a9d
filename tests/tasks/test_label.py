"""Labelling: real requests become tickets with the teacher's labels, and nothing else of their rows is read."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from cortex_distill.errors import ConfigError, StepError
from tasks.deduplicate import deduplicate_tickets
from tasks.judge import judge_tickets
from tasks.label import label_requests
from tasks.prepare import prepare_tables
from tests.hostile_strings import HOSTILE

SHARED = Path(__file__).parents[3] / "shared" / "data" / "snowflake_support_tickets.csv"
ROWS = [
    ("A1", "Mia", "the shoe is too small, may I exchange it for a larger size?"),
    ("A2", "Noah", "My parcel has not arrived yet, where is the delivery?"),
    ("A3", "Ada", "I want my money back, please refund me."),
    ("A4", "Ben", "  THE SHOE is too small, may I exchange it for a larger size? "),
    ("A5", "Eve", "Zebras gallop past ancient volcanoes."),
    ("A6", "Tom", "  "),
    ("A2", "Kim", "Give me the money back for the delivery that is late"),
    ("", "Sue", "Refund my money now"),
    ("A9", "Max", "refund " * 40),
]
REAL = {
    "generate": None,
    "source": {"file": "inbox.csv", "id": "Key", "request": "text", "max_characters": 100},
    "label.prompt": """Categories:
{% for category, definition in categories.items() %}
{{ category }}: {{ definition }}
{% endfor %}
{{ none_of_these }}: anything else

Answer with the category only.
request: {{ request }}
""",
}


@pytest.fixture
def inbox(tmp_path):
    """Writes inbox.csv beside the experiment file."""

    def write_rows(rows=ROWS, header=("key", "NAME", "TEXT")):
        with (tmp_path / "inbox.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])

    write_rows()
    return write_rows


@pytest.fixture
def label(make_run, inbox):
    """Labels the inbox with changes to the file; the run and what the step said."""

    def one(changes=None, session=None):
        run = make_run({**REAL, **(changes or {})}, session)
        prepare_tables.fn(run)
        return run, label_requests.fn(run)

    return one


def tickets(run, columns="source_key, category, dropped_because"):
    return [tuple(row) for row in run.sql(f"SELECT {columns} FROM TICKETS ORDER BY source_key, request")]


def test_requests_keep_their_key_and_get_a_label(label):
    run, labelled = label()
    found = {key: category for key, category, _ in tickets(run) if key}
    assert {key: found[key] for key in ("A1", "A3")} == {"A1": "Wrong size", "A3": "Refund"}
    assert dict(labelled.by_category).keys() == set(run.config.categories)
    assert sum(dict(labelled.by_category).values()) == labelled.labelled


def test_each_row_is_counted_where_it_was_lost(label):
    run, labelled = label()
    assert (labelled.requests, labelled.empty, labelled.too_long, labelled.same_id) == (9, 1, 1, 1)
    assert (labelled.abstained, labelled.unreadable, labelled.labelled) == (1, 0, 6)
    assert {key: why for key, _, why in tickets(run) if why and key in {"A5", "A6", "A9"}} == {
        "A5": "label: none of these",
        "A6": "label: the request is empty",
        "A9": "label: the request is longer than 100 characters",
    }


def test_repeats_are_asked_once_and_share_the_label(label):
    run, labelled = label()
    assert labelled.calls.rows == 6
    deduplicate_tickets.fn(run)
    rows = tickets(run, "category, completion_key, duplicate_of IS NULL, source_key")
    first, second = [row for row in rows if row[3] in {"A1", "A4"}]
    assert first[:2] == second[:2]
    assert {first[2], second[2]} == {True, False}


def test_labelling_twice_leaves_the_same_tickets_and_makes_no_call(label):
    run, first = label()
    before = tickets(run, "ticket_id, category, dropped_because, duplicate_of")
    again = label_requests.fn(run)
    assert again.calls.made == 0
    assert again[2:] == first[2:]
    assert tickets(run, "ticket_id, category, dropped_because, duplicate_of") == before


def test_the_order_of_the_rows_changes_nothing(label, inbox):
    first, _ = label()
    inbox(ROWS[::-1])
    second, _ = label()
    columns = "ticket_id, source_key, category, dropped_because, duplicate_of"
    assert sorted(map(str, tickets(first, columns))) == sorted(map(str, tickets(second, columns)))


def test_a_table_is_read_like_a_file(label, make_run):
    file, counted = label()
    run = make_run({**REAL, "source": {"table": "DISTILL.PUBLIC.INBOX", "id": "KEY", "max_characters": 100}})
    run.sql("CREATE TABLE INBOX (key STRING, name STRING, request STRING)")
    for row in ROWS:
        run.sql("INSERT INTO INBOX SELECT ?, ?, ?", *row)
    prepare_tables.fn(run)
    labelled = label_requests.fn(run)
    assert labelled[2:] == counted[2:]
    assert tickets(run, "ticket_id, category") == tickets(file, "ticket_id, category")


def test_no_other_column_reaches_a_table_or_a_model(label):
    run, _ = label()
    names = {name for _, name, _ in ROWS}
    tables = [row[1] for row in run.sql("SHOW TABLES")]
    assert {"TICKETS", "COMPLETIONS"} <= set(tables)
    for table in tables:
        text = str(run.sql(f"SELECT * FROM {table}"))
        assert not [name for name in names if name in text]


def test_without_abstaining_every_request_gets_a_category(label):
    _, labelled = label({"label.abstain": False})
    assert (labelled.abstained, labelled.labelled) == (0, 7)


def test_replies_that_cannot_be_used_are_counted_with_an_example(label, connect):
    run, labelled = label({"label.structured_output": False}, connect("refusal=0.5"))
    assert labelled.unreadable == sum(why == "label: the reply names no category" for *_, why in tickets(run)) > 0
    assert sum(one.replies for one in labelled.lost) > 0
    assert {one.reason for one in labelled.lost} == {"the reply names no category"}


def test_no_label_at_all_is_an_error_that_shows_a_reply(label, connect):
    with pytest.raises(
        StepError, match=r"label: 0 of 9 requests got a label .* at least 1 labelled .*; see that source"
    ):
        label(session=connect("refusal=1"))


def test_calls_that_nobody_answered_are_not_blamed_on_the_prompt(label, connect, monkeypatch):
    monkeypatch.setattr("cortex_distill.pace.ATTEMPTS", 1)
    with pytest.raises(StepError, match=r"^label: none of 6 calls of llama3.3-70b was answered: (?!.*prompt)"):
        label(session=connect("transient=1"))


def test_a_column_that_is_not_there_is_told_with_those_that_are(label):
    with pytest.raises(ConfigError, match=r"inbox.csv:1: source.file: no column body; it needs Key, body, and has key"):
        label({"source": {"file": "inbox.csv", "id": "Key", "request": "body"}})


def test_the_judge_rates_labelled_requests_and_no_others(label):
    run, labelled = label()
    repeats = deduplicate_tickets.fn(run)
    judged = judge_tickets.fn(run)
    assert (repeats.tickets, repeats.exact) == (labelled.labelled, 1)
    assert judged.calls.rows == labelled.labelled - repeats.exact - repeats.near
    assert run.count("SELECT COUNT(*) FROM TICKETS WHERE kept AND category IS NULL") == 0


@pytest.mark.skipif(not SHARED.is_file(), reason="the 151 support tickets are not part of this project")
def test_the_151_support_tickets_keep_their_ids_and_repeats_are_found(label, tmp_path):
    (tmp_path / "tickets.csv").write_bytes(SHARED.read_bytes())
    source = {"file": "tickets.csv", "id": "ticket_id"}
    run, labelled = label({"source": source})
    with SHARED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert (labelled.requests, labelled.same_id) == (151, 3)
    assert labelled.calls.rows == 151 - 21 - 1  # 21 word for word, one more but for its blank lines
    kept = Counter(key for (key,) in run.sql("SELECT source_key FROM TICKETS"))
    assert kept == Counter(row["TICKET_ID"] for row in rows)
    asked = {row["TICKET_ID"]: row["REQUEST"].strip() for row in rows}
    twice = {key for key, n in kept.items() if n > 1}
    assert all(
        asked[key] == text for key, text in run.sql("SELECT source_key, request FROM TICKETS") if key not in twice
    )


def test_hostile_requests_and_keys_are_kept_as_they_were_written(label, inbox):
    texts = [text for text in map(str.strip, HOSTILE) if text and "\r" not in text]
    inbox([(f"{text[:40]} {n}", "x", text) for n, text in enumerate(texts)])
    run, labelled = label({"label.abstain": False, "source.max_characters": 8000})
    assert labelled.requests == labelled.labelled == len(texts)
    found = {key: text for key, text in run.sql("SELECT source_key, request FROM TICKETS")}
    assert found == {f"{text[:40]} {n}".strip(): text for n, text in enumerate(texts)}
