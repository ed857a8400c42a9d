"""Generating: what is asked of the teacher, and which tickets are saved from its replies."""

import json

import pytest

from cortex_distill.errors import StepError
from cortex_distill.generation import generation_calls
from cortex_distill.load import load_experiment
from cortex_distill.upload import upload
from tasks.deduplicate import mark_exact_sql
from tasks.generate import generate_tickets, insert_sql
from tasks.prepare import prepare_tables


def calls(write, changes):
    return list(generation_calls(load_experiment(write(changes))))


def test_a_category_is_asked_for_in_calls_of_per_call_and_a_rest(write):
    changes = {"generate.per_category": 10, "generate.prompt": "{{ count }} of {{ category }}"}
    assert [call.prompt for call in calls(write, changes)][:4] == [
        "4 of Wrong size",
        "4 of Wrong size",
        "2 of Wrong size",
        "4 of Late delivery",
    ]


def test_each_draw_of_a_category_has_its_own_number(write):
    drawn = [(call.category, call.draw) for call in calls(write, {})]
    assert drawn[:3] == [("Wrong size", 0), ("Wrong size", 1), ("Late delivery", 0)]
    assert len({call.row_key for call in calls(write, {})}) == len(drawn)


def test_attributes_are_combined_evenly(write):
    changes = {
        "generate.per_category": 12,
        "generate.per_call": 1,
        "generate.vary": {"tone": ["calm", "angry"], "channel": ["email", "phone", "chat"]},
        "generate.prompt": "{{ category }} {{ tone }} {{ channel }}",
    }
    seen = [call.prompt for call in calls(write, changes) if call.category == "Refund"]
    assert {seen.count(prompt) for prompt in seen} == {2}
    assert len(set(seen)) == 6


def test_examples_are_of_the_category_and_differ_between_calls(write, tmp_path):
    rows = [{"category": "Refund", "scenario": "s", "request": f"refund {n}"} for n in range(6)]
    (tmp_path / "examples.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    changes = {
        "generate.examples": {"file": "examples.jsonl", "per_call": 4},
        "generate.per_call": 1,
        "generate.prompt": "{{ category }}:{% for example in examples %} {{ example.request }}{% endfor %}",
    }
    prompts = [call.prompt for call in calls(write, changes)]
    refunds = {prompt for prompt in prompts if prompt.startswith("Refund")}
    assert all(prompt.count("refund ") == 4 for prompt in refunds)
    assert len(refunds) > 1
    assert "Late delivery:" in prompts
    assert prompts == [call.prompt for call in calls(write, changes)]


@pytest.fixture
def read(make_run):
    """Gives back the tickets that the step reads from replies that the test writes."""

    def tickets(*replies):
        run = make_run()
        prepare_tables.fn(run)
        run.sql(
            "CREATE OR REPLACE TEMPORARY TABLE CALLS_x"
            " (row_key STRING, category STRING, draw NUMBER, attributes STRING, prompt STRING)"
        )
        run.sql("CREATE OR REPLACE TEMPORARY TABLE REPLIES_x (row_key STRING, completion_key STRING, reply STRING)")
        columns = ["row_key", "category", "draw", "attributes", "prompt"]
        upload(run.session, "CALLS_x", columns, [(str(n), "Refund", n, "{}", "p") for n in range(len(replies))])
        rows = [(str(n), f"{n:016d}", reply) for n, reply in enumerate(replies)]
        upload(run.session, "REPLIES_x", ["row_key", "completion_key", "reply"], rows)
        for statement in (insert_sql(run.id, "CALLS_x", "REPLIES_x"), mark_exact_sql(run.id)):
            run.sql(statement.text, *statement.binds)
        found = run.sql("SELECT scenario, request, duplicate_of IS NOT NULL FROM TICKETS ORDER BY ticket_id")
        return [tuple(row) for row in found]

    return tickets


TWO = '{"scenario": "a", "request": "one"}, {"scenario": "b", "request": "two"}'
BOTH = [("a", "one", False), ("b", "two", False)]


@pytest.mark.parametrize(
    "reply",
    [
        f"[{TWO}]",
        f'{{"tickets": [{TWO}]}}',
        f"```json\n[{TWO}]\n```",
        f"Here are your examples:\n\n[{TWO}]\n\nLet me know if you need more.",
        f"[{TWO}, ]",
        f'[{TWO}, {{"scenario": "cut off", "requ',
        f'[{TWO}, {{"scenario": "no request"}}, {{"scenario": "blank", "request": "  "}}]',
        TWO.replace("}, {", "}\n{"),
    ],
    ids=["list", "object", "fenced", "prose", "trailing comma", "cut off", "incomplete", "lines"],
)
def test_the_good_tickets_of_any_reply_are_saved(read, reply):
    assert read(reply) == BOTH


def test_one_broken_object_costs_one_ticket(read):
    assert read(f'[{{"scenario": "x", "request": unquoted text}}, {TWO}]') == BOTH


@pytest.mark.parametrize(
    "request_", ["{{ 7*7 }}", "it's", 'he said \\"no\\"', "C:\\\\new\\\\table", "$$ } {", "a\\nb", "日本語"]
)
def test_hostile_requests_are_read_as_they_were_written(read, request_):
    assert read(f'[{{"scenario": "s", "request": "{request_}"}}]') == [("s", json.loads(f'"{request_}"'), False)]


def test_repeats_are_marked_and_the_first_stays(read):
    found = read(f"[{TWO}]", '[{"scenario": "c", "request": " ONE. "}]')
    assert found == [*BOTH, ("c", "ONE.", True)]


def test_replies_without_a_ticket_are_counted(connect, make_run):
    run = make_run(session=connect("refusal=0.5"))
    prepare_tables.fn(run)
    generated = generate_tickets.fn(run)
    assert generated.asked == 24
    assert 0 < generated.unreadable < generated.calls.rows == 6
    assert generated.written > 0


def test_no_ticket_at_all_is_an_error_that_shows_a_reply(connect, make_run):
    run = make_run(session=connect("refusal=1"))
    prepare_tables.fn(run)
    with pytest.raises(
        StepError,
        match=r"0 tickets in 6 replies of llama3.3-70b.* at least 1 written .*; 6 of 6 .+'; generate.prompt must",
    ):
        generate_tickets.fn(run)


def test_calls_that_nobody_answered_are_not_blamed_on_the_prompt(connect, make_run, monkeypatch):
    monkeypatch.setattr("cortex_distill.pace.ATTEMPTS", 1)
    run = make_run(session=connect("transient=1"))
    prepare_tables.fn(run)
    with pytest.raises(StepError, match=r"^generate: none of 6 calls of llama3.3-70b was answered: (?!.*prompt)"):
        generate_tickets.fn(run)


def test_generating_twice_leaves_one_set_of_tickets_and_makes_no_call(make_run):
    run = make_run()
    prepare_tables.fn(run)
    first = generate_tickets.fn(run)
    again = generate_tickets.fn(run)
    assert again.calls.made == 0
    assert again.written == first.written
    assert run.count("SELECT COUNT(*) FROM TICKETS") == first.written


@pytest.mark.parametrize("per_call", [1, 4])
def test_with_and_without_a_schema_tickets_are_read(make_run, per_call):
    for structured in (True, False):
        run = make_run({"generate.structured_output": structured, "generate.per_call": per_call})
        prepare_tables.fn(run)
        generated = generate_tickets.fn(run)
        assert (generated.written, generated.unreadable) == (24, 0)
