"""The page's model calls: the ledger's keys, an honest estimate, never the same call twice, errors kept as errors."""

import json

import pytest
from app_sample import ASKED, LABEL, REQUESTS, RUNS, STUDENT, TEACHER, TUNED
from hypothesis import given
from hypothesis import strategies as st

import calls
import frames
import letters
from calls import Question
from cortex_distill.asking import Ask
from cortex_distill.ledger_sql import REPLY, call_keys
from cortex_distill.session import who_answers
from cortex_distill.sql import Sql, object_literal
from door import Failed

EMAIL = Question(TEACHER, {"temperature": 0, "max_tokens": 40})


def silent(_done, _all):
    """Nobody watches."""


@pytest.mark.parametrize("schema", [None, LABEL])
def test_a_call_has_the_key_that_the_ledger_would_give_it(session, engine, schema):
    parameters = {"temperature": 0, "max_tokens": 8}
    theirs = Ask("evaluate", Sql(""), TEACHER, parameters, schema)
    expected = call_keys(theirs, who_answers(session, TEACHER), [("it's a \\ prompt", 0)])
    assert calls.keys(Question(TEACHER, parameters, schema), ["it's a \\ prompt"]) == expected


def test_a_reply_is_read_where_the_ledger_reads_it():
    assert calls._REPLY == REPLY


LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab'\\\n\"é?", max_size=8)


@given(st.recursive(LEAVES, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text("k'\\"), one, max_size=3)))
def test_constants_are_written_as_the_project_writes_them(value):
    assert calls._constant(value) == object_literal(value)


def test_what_was_answered_is_not_asked_again_and_is_free(engine):
    assert calls.estimate(EMAIL, ["one", "two"])[:2] == (2, 0)
    first = calls.ask(EMAIL, ["one", "two", "one"], silent)
    assert first[0] == first[2] and all(reply.text for reply in first)
    assert calls.estimate(EMAIL, ["one", "two", "three"])[:2] == (1, 2)
    assert calls.ask(EMAIL, ["two", "one"], silent) == [first[1], first[0]]
    assert engine("SELECT COUNT(*), MIN(run_id), MIN(step) FROM COMPLETIONS") == [(2, "app", "app")]


def test_progress_goes_from_none_to_all(engine):
    heard = []
    calls.ask(EMAIL, [f"prompt {n}" for n in range(6)], lambda done, all_: heard.append((done, all_)))
    assert heard == [(0, 6), (4, 6), (6, 6)]


def test_a_call_that_somebody_else_made_meanwhile_is_left_out(engine):
    calls.ask(EMAIL, ["one"], silent)
    calls._insert(EMAIL, [{"key": calls.keys(EMAIL, ["one"])[0], "prompt": "one"}])
    assert engine("SELECT COUNT(*) FROM COMPLETIONS") == [(1,)]


def test_a_failed_call_says_why_and_is_asked_again_the_next_time(connect, engine, monkeypatch):
    bad = Question(TEACHER, {"temperature": 0, "max_tokens": 40})
    key = calls.keys(bad, ["one"])[0]
    calls.rows(calls._TABLE)
    engine("INSERT INTO COMPLETIONS (key, answer, answered_at) SELECT ?, PARSE_JSON(?), SYSDATE()", key,
           json.dumps({"value": None, "error": "the model is overloaded"}))  # fmt: skip
    assert calls.replies(bad, ["one"])[0][1:3] == (None, "the model is overloaded")
    assert calls.estimate(bad, ["one"])[:2] == (1, 0)
    assert calls.ask(bad, ["one"], silent)[0].text


def test_an_estimate_has_tokens_and_the_most_credits_where_a_plan_has_a_price(two_runs, engine):
    known = calls.estimate(EMAIL, ["Where is my phone?"])
    assert known.tokens and known.credits == pytest.approx(0.002 / 1000 * (known.tokens + 40))
    unknown = calls.estimate(Question("llama3.1-70b", EMAIL.parameters), ["Where is my phone?"])
    assert unknown.credits is None, "no price is not the price 0"


def test_the_lowest_ratio_of_the_plans_is_the_price(two_runs, engine):
    engine("INSERT INTO PLANS (run_id, model, tokens, credits, planned_at) SELECT 'x', ?, 10, 5.0, SYSDATE()", TEACHER)
    assert calls._price(TEACHER) == pytest.approx(0.002 / 1000), "answered calls have credits in a plan, and no tokens"


@pytest.mark.parametrize("model", ["x'; DROP TABLE COMPLETIONS; --", "", "a b", "x\\"])
def test_what_cannot_be_a_model_reaches_no_statement(engine, model):
    with pytest.raises(Failed, match="model"):
        calls.ask(Question(model, {"max_tokens": 5}), ["one"], silent)


def test_the_frame_of_an_arm_is_what_the_run_asked(two_runs, engine):
    found = {(frame.role, frame.variant): frame for frame in frames.frames(RUNS[0])}
    assert len(found) == 5
    base = found["base student", "list_only"]
    assert base.question == Question(STUDENT, {"temperature": 0, "max_tokens": 8})
    assert base.prompt("a {b} 'c'") == ASKED.format("") + "a {b} 'c'"
    assert found["tuned student", "tuned"].question.model == TUNED
    assert found["teacher", "constrained"].question.schema == LABEL


def test_an_arm_whose_prompts_do_not_agree_has_no_frame(two_runs, engine):
    engine("UPDATE COMPLETIONS SET prompt = 'other ' || prompt WHERE model = ? AND prompt LIKE ?", TEACHER,
           f"%{REQUESTS['h3'][1]}%")  # fmt: skip
    assert "teacher" not in {frame.role for frame in frames.frames(RUNS[0])}


@given(st.text(), st.text())
def test_values_with_braces_are_put_into_a_prompt_once(request_, category):
    template = "{{ request }}|{{category}}|{{ request }}"
    made = letters.filled(template, {"request": request_, "category": category})
    assert made == f"{request_}|{category}|{request_}"
