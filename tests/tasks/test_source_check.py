"""Preflight and plan for real requests: what is wrong is said before a call, and every call is counted beforehand."""

import csv

import pytest

from cortex_distill.errors import SetupError
from cortex_distill.findings import problems, warnings
from cortex_distill.funnel import funnel_words
from cortex_distill.markup import escaped
from cortex_distill.report_requests import requests
from cortex_distill.training_size import size_findings
from tasks.deduplicate import deduplicate_tickets
from tasks.judge import judge_tickets
from tasks.label import label_requests
from tasks.longest_prompts import longest_prompts
from tasks.plan import plan_run
from tasks.preflight import check_everything
from tasks.prepare import prepare_tables
from tasks.source_check import check_source
from tasks.statements import statements

ROWS = [(f"k{n}", f"{text} number {n}") for n in range(12) for text in ["refund my money", "too small", "late parcel"]]
REAL = {
    "generate": None,
    "source.file": "inbox.csv",
    "judge.thresholds": {"realistic": 1, "valid": 1},
    "label.prompt": "{{ categories | join(', ') }}, {{ none_of_these }}? request: {{ request }}",
}


@pytest.fixture
def inbox(tmp_path):
    """Writes inbox.csv beside the experiment file."""

    def write_rows(rows, header=("id", "request")):
        with (tmp_path / "inbox.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])

    write_rows(ROWS)
    return write_rows


@pytest.mark.parametrize(
    ("rows", "header", "told"),
    [
        (ROWS, ("key", "request"), "inbox.csv:1: no column id; it needs id, request, and has key, request"),
        ([], ("id", "request"), "has no row; put requests in"),
        ([("a", " "), ("b", "")], ("id", "request"), "of 2 rows 2 are empty; put requests in"),
    ],
)
def test_a_source_that_is_no_use_is_a_problem(make_run, inbox, rows, header, told):
    inbox(rows, header)
    (found,) = problems(check_source(make_run(REAL), "LOCAL").found)
    assert told in found.what


def test_requests_that_will_be_dropped_are_a_warning(make_run, inbox):
    inbox([*ROWS, ("x", ""), ("y", "z" * 200_000)])
    read = check_source(make_run(REAL), "LOCAL")
    assert (read.rows, read.empty, read.too_long, len(read.longest)) == (len(ROWS) + 2, 1, 1, 25)
    (found,) = warnings(read.found)
    assert "1 are empty and 1 are longer than 8,000 characters (source.max_characters): they are dropped" in found.what


def test_a_table_that_cannot_be_read_is_told_with_columns_and_grant(make_run):
    run = make_run({**REAL, "source": {"table": "DISTILL.PUBLIC.INBOX", "id": "TICKET_ID"}})
    (found,) = problems(check_source(run, "ANALYST").found)
    assert "it needs columns request and TICKET_ID" in found.what
    assert "GRANT SELECT ON TABLE DISTILL.PUBLIC.INBOX TO ROLE ANALYST" in found.what


def test_a_table_is_counted_in_the_engine(make_run):
    run = make_run({**REAL, "source": {"table": "DISTILL.PUBLIC.INBOX", "max_characters": 5}})
    run.sql("CREATE TABLE INBOX (id NUMBER, request STRING)")
    run.sql("INSERT INTO INBOX SELECT column1, column2 FROM VALUES (1, ' abc '), (2, NULL), (3, 'abcdef'), (4, 'ab')")
    read = check_source(run, "LOCAL")
    assert (read.rows, read.empty, read.too_long, read.longest) == (4, 1, 1, "abc")


def test_a_problem_of_the_source_ends_the_run_before_a_call(make_run, inbox):
    inbox(ROWS, ("id", "text"))
    with pytest.raises(SetupError, match=r"inbox.csv:1: no column request"):
        check_everything.fn(make_run(REAL))


def test_the_longest_labelling_prompt_is_looked_at_and_no_prompt_for_writing(make_run, inbox):
    found = {one.at: one for one in longest_prompts(make_run(REAL), "the longest request")}
    assert "the longest request" in found["label.prompt"].prompt
    assert "generate.prompt" not in found


def test_a_plan_counts_labelling_and_what_follows_before_and_after_it(make_run, inbox, connect):
    plan = plan_run(make_run(REAL, connect()))
    first = {part.step: part for part in plan.parts if part.step in {"label", "judge"}}
    assert (first["label"].calls, first["label"].free) == (36, 0)
    assert first["judge"].calls == 36  # at most
    run = make_run(REAL, connect())
    prepare_tables.fn(run)
    label_requests.fn(run)
    repeats = deduplicate_tickets.fn(run)
    after = {part.step: part for part in plan_run(make_run(REAL, connect())).parts}
    assert (after["label"].calls, after["label"].free) == (36, 36)
    assert after["judge"].calls == repeats.tickets - repeats.exact - repeats.near
    judge_tickets.fn(run)
    done = {part.step: part for part in plan_run(make_run(REAL, connect())).parts}
    assert done["judge"].free == done["judge"].calls


def test_the_statements_of_a_plan_label_and_write_nothing(make_run, inbox, connect):
    run = make_run(REAL, connect())
    plan = plan_run(run)
    titles = [title for title, _ in statements(run, plan.served_by)]
    assert "label: read the labels" in titles
    assert not [title for title in titles if title.startswith("generate")]


def test_funnel_and_report_speak_of_requests(make_run, inbox):
    run = make_run(REAL)
    prepare_tables.fn(run)
    labelled = label_requests.fn(run)
    assert funnel_words(list(labelled.stages())).startswith("36 requests → ")
    text = requests(labelled.told("inbox|<b>.csv"))
    assert escaped("inbox|<b>.csv").split(".")[0] in text
    assert "| Refund | " in text


def test_more_requests_than_the_student_can_be_given_are_a_problem_of_the_source(make_run, inbox):
    run = make_run(REAL)
    assert not list(size_findings(run.config, 0, 50_000))
    (found,) = size_findings(run.config, 0, 100_000)
    assert found.at == "source"
    assert "write a source with fewer requests" in found.what
