"""Calls for more tickets where categories were confused: what is asked, what stays as it was, what a plan says."""

import json

import pytest

from cortex_distill.errors import ConfigError
from cortex_distill.generation import generation_calls
from cortex_distill.load import load_experiment
from tasks.deduplicate import deduplicate_tickets
from tasks.generate import all_generated, generate_tickets
from tasks.judge import judge_tickets
from tasks.longest_prompts import longest_prompts
from tasks.plan import plan_run
from tasks.prepare import prepare_tables
from tasks.quota import kept_tickets, rounds

PAIR = {"category": "Refund", "unlike": "Late delivery", "tickets": 6}


def calls(write, pairs, changes=None):
    refine = {"refine": {"pairs": pairs}} if pairs else {}
    return list(generation_calls(load_experiment(write({**refine, **(changes or {})}))))


def test_the_calls_of_the_old_run_stay_as_they_were_and_the_new_ones_come_after_them(write):
    old, new = calls(write, []), calls(write, [PAIR])
    assert new[: len(old)] == old
    assert [(call.category, call.draw) for call in new[len(old) :]] == [("Refund", 0), ("Refund", 1)]
    assert len({call.row_key for call in new}) == len(new)


def test_the_teacher_sees_both_categories_with_their_definitions_and_the_usual_prompt(write):
    first, second = calls(write, [PAIR])[-2:]
    assert "Write 4 examples" in first.prompt
    assert "Write 2 examples" in second.prompt
    assert '"Refund" are too often taken for "Late delivery" (the parcel has not arrived yet)' in first.prompt
    assert json.loads(first.attributes) == {"unlike": "Late delivery"}


def test_a_pair_that_stands_there_twice_goes_on_where_it_ended(write):
    once, twice = calls(write, [PAIR]), calls(write, [PAIR, PAIR])
    assert twice[: len(once)] == once
    assert [call.draw for call in twice[-4:]] == [0, 1, 2, 3]


def test_attributes_and_examples_reach_the_new_calls_too(write, tmp_path):
    rows = [{"category": "Refund", "scenario": "s", "request": f"refund {n}"} for n in range(6)]
    (tmp_path / "examples.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    changes = {
        "generate.vary": {"tone": ["calm", "angry"]},
        "generate.examples": {"file": "examples.jsonl", "per_call": 2},
        "generate.prompt": "{{ count }} {{ category }} {{ tone }} {{ examples | map(attribute='request') | list }}",
        "refine.prompt": "{{ category }} not {{ unlike }}: {{ tone }} {{ generate_prompt }}",
    }
    found = [call for call in calls(write, [PAIR], changes) if "unlike" in call.attributes]
    assert {json.loads(call.attributes)["tone"] for call in found} == {"calm", "angry"}
    assert all(call.prompt.count("refund ") == 2 and " not " in call.prompt for call in found)


def test_the_teacher_writes_them_and_they_are_asked_for_once(make_run):
    run = make_run({"refine": {"pairs": [PAIR]}})
    prepare_tables.fn(run)
    generated = generate_tickets.fn(run)
    assert (generated.asked, generated.calls.made) == (30, 8)
    assert generate_tickets.fn(run).calls.made == 0
    written = run.sql("SELECT category, COUNT(*) FROM TICKETS WHERE attributes:unlike = 'Late delivery' GROUP BY 1")
    assert [tuple(row) for row in written] == [("Refund", 6)]


def test_a_plan_counts_the_new_calls_and_after_the_old_run_only_those(make_run, connect):
    old = make_run()
    prepare_tables.fn(old)
    generate_tickets.fn(old)
    part = plan_run(make_run({"refine": {"pairs": [PAIR]}}, connect())).parts[0]
    assert (part.calls, part.free) == (8, 6)
    assert part.what.startswith("30 tickets")


def test_preflight_reads_the_longest_of_the_new_prompts(make_run):
    found = {one.at: one for one in longest_prompts(make_run({"refine": {"pairs": [PAIR]}}), "x")}
    assert found["refine.prompt"].prompt.startswith("Requests of the category")
    assert found["refine.prompt"].model == "llama3.3-70b"
    assert "refine.prompt" not in {one.at for one in longest_prompts(make_run(), "x")}


def test_a_file_without_refine_keeps_its_hash_and_one_with_it_has_another(write):
    plain = load_experiment(write())
    assert "refine" not in plain.config.model_dump()
    assert load_experiment(write({"refine": {"pairs": [PAIR]}})).hash != plain.hash


@pytest.mark.parametrize(
    ("refine", "said"),
    [
        ({"pairs": [{**PAIR, "unlike": "Late deliver"}]}, "refine.pairs.0.unlike: no category 'Late deliver'; did you"),
        ({"pairs": [{**PAIR, "unlike": "Refund"}]}, "refine.pairs.0.unlike: is the category itself"),
        ({"pairs": []}, "refine.pairs: should have at least 1 entry"),
        ({"pairs": [{**PAIR, "ticket": 3}]}, r"refine.pairs.0.ticket: no such key; did you mean 'tickets'\?"),
        ({"pairs": [{**PAIR, "seen_on": "train"}]}, "should be 'validation', 'test' or 'holdout'"),
        ({"pairs": [PAIR], "prompt": "{{ category }} {{ unlik }} {{ unlike }}"}, "unknown name 'unlik'"),
        ({"pairs": [PAIR], "prompt": "{{ category }}"}, "never uses unlike"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_place(write, refine, said):
    with pytest.raises(ConfigError, match=said):
        load_experiment(write({"refine": refine}))


def test_the_refills_of_the_old_run_stay_free_and_full_quotas_are_of_ordinary_tickets(make_run, connect):
    changes = {"generate.per_category": 12, "generate.rounds": 4, "generate.not_again": 200}
    changes["generate.prompt"] = (
        "Write {{ count }} examples of customer messages of the category: {{ category }} ({{ definition }}).\n"
        'Not again: {{ written | tojson }}\nAnswer with a JSON list. Each element has "scenario" and "request".'
    )

    def fill(run):
        prepare_tables.fn(run)
        found = []
        for now in rounds(run):
            found.append(generate_tickets.fn(run, now))
            deduplicate_tickets.fn(run)
            judge_tickets.fn(run, now)
        return all_generated(found)

    old = make_run(changes, connect("duplicates=0.4"))
    assert fill(old).rounds > 1
    new = make_run({**changes, "refine": {"pairs": [PAIR]}}, old.session)
    again = fill(new)
    assert again.calls.made == 2
    assert kept_tickets(new) == kept_tickets(old)
