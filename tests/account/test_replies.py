"""What AI_COMPLETE gives back, asked through the ledger: shapes, errors of rows, errors of statements."""

import json

import pytest

from cortex_distill.asking import Ask
from cortex_distill.errors import SetupError
from cortex_distill.ledger_sql import call_keys
from cortex_distill.replies import object_schema
from cortex_distill.session import who_answers
from cortex_distill.sql import Sql
from cortex_distill.transient import is_transient_text
from tasks.generate import TICKETS
from tasks.judge import rating_schema
from tasks.longest_prompts import count_sql
from tests.account.conftest import MODEL, read

COLOUR = object_schema({"colour": {"type": "string", "enum": ["red", "green", "blue"]}})
SHORT = {"temperature": 0, "max_tokens": 20}


ODD = "Say “yes” – naïve, 日本語, 😀 \\ ' \" ? {{ x }}"
LONG = "Tell a long story about a ship, of a hundred words or more."
PLAIN = ["Name a colour.", "Name a fruit.", ODD, LONG]


@pytest.fixture(scope="module")
def plain(place):
    """Replies to PLAIN, asked once for all tests that look at them."""
    return place.ask(PLAIN, **SHORT)


def answer_of(place, prompt):
    """The cell that AI_COMPLETE gave for a prompt."""
    return read(place.one("SELECT answer FROM COMPLETIONS WHERE prompt = ? LIMIT 1", prompt))


@pytest.mark.assumption("reply-details")
@pytest.mark.paid(calls=4, tokens=150)
def test_details_and_error_come_in_one_object(place, plain):
    answer = answer_of(place, PLAIN[0])
    assert answer.keys() == {"value", "error"}
    assert answer["error"] is None
    assert isinstance(answer["value"]["choices"][0]["messages"], str)
    assert {"prompt_tokens", "completion_tokens", "total_tokens"} <= answer["value"]["usage"].keys()


@pytest.mark.assumption("reply-read")
def test_a_plain_reply_is_read_as_text_without_quotes(plain):
    assert all(one["error"] is None for one in plain)
    assert all(one["reply"].strip() and not one["reply"].startswith('"') for one in plain)
    assert all(one["prompt_tokens"] > 0 and one["completion_tokens"] > 0 for one in plain)


@pytest.mark.assumption("served-by")
@pytest.mark.account_only("stand-ins answer here, and say so")
def test_the_details_name_the_model_that_was_asked_for(plain):
    assert {one["served_by"] for one in plain} == {MODEL}


@pytest.mark.assumption("answered-once")
@pytest.mark.paid(calls=1, tokens=150)
def test_a_second_ask_makes_only_the_call_that_is_missing(place, plain):
    place.ask([*PLAIN, "Say three."], **SHORT)
    marks = ", ".join("?" * 5)
    assert place.one(f"SELECT COUNT(*) FROM COMPLETIONS WHERE prompt IN ({marks})", *PLAIN, "Say three.") == 5


@pytest.mark.assumption("key-parts")
def test_a_call_is_stored_under_the_key_that_the_client_computes(place, plain):
    (key,) = call_keys(Ask("check", Sql(""), MODEL, SHORT), who_answers(place.session, MODEL), [(ODD, 2)])
    assert place.rows("SELECT key FROM COMPLETIONS WHERE prompt = ?", ODD) == [(key,)]


@pytest.mark.assumption("structured-reply")
@pytest.mark.paid(calls=1, tokens=250)
def test_a_schema_gives_structured_output_that_is_json_text(place):
    (found,) = place.ask(["Which colour has the sky? Answer in JSON."], COLOUR, **SHORT)
    answer = answer_of(place, "Which colour has the sky? Answer in JSON.")
    assert answer["value"]["structured_output"][0]["raw_message"]["colour"]
    assert json.loads(found["reply"])["colour"] in {"red", "green", "blue"}


@pytest.mark.assumption("schema-rating")
@pytest.mark.paid(calls=1, tokens=300)
def test_bounds_of_whole_numbers_are_accepted(place):
    prompt = 'Rate this ticket from 1 to 5. Ticket: my phone is lost. Answer with JSON only, like {"realistic": 3}.'
    (found,) = place.ask([prompt], rating_schema(["realistic"]), **SHORT)
    assert found["error"] is None
    assert 1 <= json.loads(found["reply"])["realistic"] <= 5


@pytest.mark.assumption("schema-list")
@pytest.mark.paid(calls=1, tokens=700)
def test_a_list_of_objects_inside_an_object_is_accepted(place):
    prompt = """Write 2 examples of customer messages of the category: Refund (money back).
        Answer with a JSON list. Each element has "scenario" and "request"."""
    (found,) = place.ask([prompt], TICKETS, temperature=0, max_tokens=400)
    assert found["error"] is None
    assert all(ticket["request"] for ticket in json.loads(found["reply"])["tickets"])


@pytest.mark.assumption("cut-off-json")
@pytest.mark.paid(calls=1, tokens=250)
def test_structured_output_that_is_cut_off_is_a_final_error_of_its_row(place):
    prompt = "Write 3 examples of customer messages about refunds. Answer with a JSON list."
    (found,) = place.ask([prompt], TICKETS, temperature=0, max_tokens=2)
    assert found["reply"] is None
    assert "json" in found["error"].lower()
    assert not is_transient_text(found["error"])


@pytest.mark.assumption("cut-off-text")
def test_a_plain_reply_ends_at_max_tokens_without_an_error(plain):
    found = plain[PLAIN.index(LONG)]
    assert found["error"] is None
    assert 5 < found["completion_tokens"] <= SHORT["max_tokens"]


@pytest.mark.assumption("row-error")
@pytest.mark.account_only("simulated models read prompts of any length")
@pytest.mark.paid(calls=2, tokens=150_000)
def test_a_prompt_longer_than_the_context_fails_alone_and_for_good(place):
    fine, long = place.ask(["Say yes.", "word " * 140_000], **SHORT)
    assert fine["reply"]
    assert long["reply"] is None
    assert not is_transient_text(long["error"])


@pytest.mark.assumption("unknown-model")
def test_an_unknown_model_fails_the_statement_and_says_so(place):
    with pytest.raises(SetupError, match="does not know the model 'no-such-model-1'"):
        place.ask(["Hi."], model="no-such-model-1", **SHORT)


@pytest.mark.assumption("draws-differ")
@pytest.mark.paid(calls=4, tokens=150)
def test_the_same_prompt_at_a_temperature_is_drawn_each_time(place):
    found = place.ask(["Write a sentence about the sea."] * 4, temperature=1, max_tokens=40)
    assert len({one["reply"] for one in found}) > 1


@pytest.mark.assumption("count-tokens")
def test_tokens_are_counted_as_a_number(place):
    counted = place.one(f"SELECT AI_COUNT_TOKENS('ai_complete', '{MODEL}', ?)", "My phone is lost, please help.")
    assert 3 <= int(counted) <= 20


@pytest.mark.assumption("count-tokens-details")
def test_a_true_in_fourth_place_asks_for_the_details_of_a_count(place):
    counted = [read(cell) for (cell,) in place.query(count_sql(MODEL, ["My phone is lost.", "Help"]))]
    assert [one.keys() for one in counted] == [{"value", "error"}] * 2
    assert int(counted[0]["value"]) > int(counted[1]["value"]) > 0
