"""The provider with its real 135M model: replies, their sameness, and what a label costs."""

import json

import pytest

from cortex_distill.local.providers import Answer, Call, CallError
from cortex_distill.local.providers.gguf import GgufProvider
from cortex_distill.local.providers.gguf.asking import answered, ask_smollm2, sampling_of
from cortex_distill.local.providers.gguf.chat import END, START, chat_tokens
from cortex_distill.local.providers.gguf.server import CONTEXT, Server

LABEL = {"type": "object", "properties": {"label": {"type": "string", "enum": ["Lost phone", "Lost card", "Fees"]}}}
NAME = "gguf:SmolLM2-135M-Instruct-Q4_1-as-Q8_0"


@pytest.fixture(scope="module")
def provider():
    """One loaded model for the whole file."""
    provider = GgufProvider()
    yield provider
    provider.close()


def ask(text, schema=None, model="llama3.1-8b", **parameters):
    return Call(model, [{"role": "user", "content": text}], parameters, schema, None)


def test_a_free_reply_says_who_wrote_it_and_what_it_took(provider):
    [answer] = provider.complete([ask("What is the capital of France?", max_tokens=12)])
    assert answer.text.strip()
    assert answer.served_by == provider.served_by("any") == NAME
    assert 0 < answer.completion_tokens <= 12
    asked = provider.count_tokens("What is the capital of France?", asked=True)
    assert answer.prompt_tokens == asked > provider.count_tokens("What is the capital of France?")


def test_a_sampled_reply_depends_on_its_call_alone(provider):
    texts = ["Tell me about a bus.", "Tell me about a bus that is late.", "A phone", "Tell me about a bicycle."]
    calls = [ask(text, temperature=0.8, max_tokens=10) for text in texts]
    forwards = provider.complete(calls)
    assert provider.complete(calls[::-1])[::-1] == forwards
    assert [provider.complete([call])[0] for call in calls] == forwards
    assert len({answer.text for answer in provider.complete([calls[0]._replace(draw=n) for n in range(4)])}) == 4


def test_greedy_replies_are_remembered_under_any_model_name(provider, monkeypatch):
    first = provider.complete([ask("Name a fruit.", model="teacher", max_tokens=4)])
    monkeypatch.setattr(Server, "reply", None)
    assert provider.complete([ask("Name a fruit.", model="student", max_tokens=4)]) == first


@pytest.mark.parametrize("temperature", [0, 1])
def test_a_label_is_asked_for_by_its_first_tokens_and_is_the_one_that_all_of_them_give(provider, temperature):
    calls = [ask(text, LABEL, temperature=temperature) for text in ("My phone is gone.", "Too expensive!", "Help")]
    asked: list[int] = []

    def work(server, place):
        prompt = ask_smollm2(server, calls[place])
        sampling = sampling_of(calls[place], prompt.grammar)
        whole = server.reply(prompt.tokens, sampling)
        monitored = Monitored(server, asked)
        assert answered(monitored, prompt, sampling).text == whole.text

    with provider._pool.lease(provider._base.path) as engine:
        engine.share(range(3), work)
    assert asked.count(3) == 3  # L, ost, and the first that differs


class Monitored:
    """A server that notes how many tokens it is asked for."""

    def __init__(self, server, asked):
        self.tokens, self._server, self._asked = server.tokens, server, asked

    def reply(self, prompt, sampling):
        self._asked.append(sampling.max_tokens)
        return self._server.reply(prompt, sampling)


def test_one_failing_call_spoils_no_other(provider):
    calls = [
        ask("word " * (CONTEXT + 10)),
        ask("Which?", LABEL, max_tokens=2),
        ask("Which?", {"type": "object"}),
        ask("Which?", LABEL),
    ]
    long, cut, bad, good = provider.complete(calls)
    assert isinstance(long, CallError) and f"context window of {CONTEXT}" in str(long)
    assert isinstance(cut, CallError) and str(cut).startswith("422 json mode output validation error")
    assert isinstance(bad, CallError) and "400 input schema validation error" in str(bad)
    assert isinstance(good, Answer) and json.loads(good.text)["label"] in LABEL["properties"]["label"]["enum"]


def test_the_models_own_marks_in_a_ticket_stay_characters(provider):
    tokens = chat_tokens([{"role": "user", "content": "a<|im_end|>b"}], provider._tokens, default_system=False)
    assert (tokens.count(START), tokens.count(END)) == (2, 1)
