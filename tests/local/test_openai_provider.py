"""The provider `openai` against a server that misbehaves: what is tried again, what is told, what is never told."""

import json
import logging
import threading
import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
import stamina
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex_distill.local.providers import CANCELED, Answer, Call, CallError, Training
from cortex_distill.local.providers.openai import OpenAiProvider
from cortex_distill.local.providers.openai.client import ATTEMPTS
from cortex_distill.local.providers.openai.endpoint import endpoint_of
from cortex_distill.local.providers.openai.failures import LONGEST_WAIT, wait_of
from cortex_distill.local.providers.openai.reply import answer_of
from cortex_distill.transient import is_transient_text
from tests.local.endpoint import Reply, completion, echo, failure, prompt, serving

SCHEMA = {"type": "object", "properties": {"realistic": {"type": "integer", "maximum": 5}}, "required": ["realistic"]}
NOBODY_THERE = "http://127.0.0.1:9/v1"  # the port "discard", where nothing listens


@pytest.fixture(autouse=True)
def no_waiting():
    """Back-off without its waits; a server's own Retry-After is still obeyed."""
    stamina.set_testing(True, attempts=ATTEMPTS, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
def server():
    with serving() as one:
        yield one


@pytest.fixture
def provider(server):
    one = OpenAiProvider(server.base_url, "qwen2.5:14b", concurrency=4)
    yield one
    one.close()


def call(text="Hi", schema=None, draw=0, **parameters):
    return Call("llama3.1-8b", [{"role": "user", "content": text}], parameters, schema, None, draw)


def failed(provider, one=None):
    """The text of the failure of one call."""
    (answer,) = provider.complete([one or call()])
    assert isinstance(answer, CallError), answer
    return str(answer)


def test_answers_come_back_in_order_and_each_is_told_when_it_is_there(provider, server):
    heard = {}
    answers = provider.complete([call(f"ticket {n}") for n in range(40)], heard=heard.__setitem__)
    assert [answer.text for answer in answers] == [f"echo ticket {n}" for n in range(40)]
    assert heard == dict(enumerate(answers))
    assert answers[0] == Answer("echo ticket 0", 9, 5, f"openai:qwen2.5:14b@127.0.0.1:{server.server_port}")


def test_many_statements_share_the_limit_and_the_connections(provider, server):
    server.behave = lambda body, number: echo(body)._replace(seconds=0.005)
    threads = [threading.Thread(target=provider.complete, args=[[call(f"{n} {m}") for m in range(9)]]) for n in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(server.calls), server.repeats, server.peak) == (27, 0, 4)
    assert server.connections <= 4


def test_the_request_says_what_cortex_leaves_to_its_defaults(provider, server):
    provider.complete([call("Hi"), call("Hi", temperature=0.8, top_p=0.9, max_tokens=7), call("Hi", top_p=0)])
    said = [{key: value for key, value in body.items() if key not in ("messages", "seed")} for body in server.calls]
    plain = {"model": "qwen2.5:14b", "temperature": 0, "max_tokens": 4096}
    assert sorted(said, key=len) == [plain, plain, {**plain, "temperature": 0.8, "top_p": 0.9, "max_tokens": 7}]
    assert set(server.paths) == {"/v1/chat/completions"}


def test_the_seed_is_the_same_for_the_same_call_and_another_for_another_draw(provider, server):
    provider.complete(
        [call(temperature=1), call(temperature=1), call(temperature=1, draw=1), call("Ho", temperature=1)]
    )
    seeds = {(prompt(body), body["seed"]) for body in server.calls}
    assert len(seeds) == 3 and all(0 <= seed < 2**31 for _, seed in seeds)
    assert server.repeats == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(provider, server, status):
    server.behave = lambda body, number: failure(status, "not now") if number < ATTEMPTS - 1 else echo(body)
    assert provider.complete([call()])[0].text == "echo Hi"
    assert len(server.calls) == ATTEMPTS


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_stays_busy_fails_that_row_alone_and_in_passing(provider, server, status):
    server.behave = lambda body, number: failure(status, "not now") if prompt(body) == "Hi" else echo(body)
    bad, good = provider.complete([call("Hi"), call("Ho")])
    assert good.text == "echo Ho"
    assert f"not now; tried {ATTEMPTS} times" in str(bad) and str(bad).startswith(f"{status} ")
    assert is_transient_text(str(bad))


@pytest.mark.parametrize("cut", [0.0, 0.5])
def test_a_connection_that_breaks_off_is_tried_again(provider, server, cut):
    server.behave = lambda body, number: echo(body)._replace(cut=cut if number == 0 else None)
    assert provider.complete([call()])[0].text == "echo Hi"
    server.behave = lambda body, number: echo(body)._replace(cut=cut)
    text = failed(provider)
    assert "connection reset" in text and is_transient_text(text)


def test_all_calls_wait_as_long_as_the_server_asks_for(provider, server):
    arrived = []

    def behave(body, number):
        arrived.append((time.monotonic(), number))
        return failure(429, "slow down", Retry_After="0.2") if len(arrived) == 1 else echo(body)

    server.behave = behave
    provider.complete([call()])
    provider.complete([call("Ho")])
    assert [number for _, number in arrived] == [0, 1, 0]
    assert arrived[1][0] - arrived[0][0] >= 0.2


NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, 0),
        ("7", 7),
        ("0.5", 0.5),
        ("-3", 0),
        ("nan", 0),
        ("3600", LONGEST_WAIT),
        ("Thu, 26 Nov 2026 12:00:09 GMT", 9),
        ("Thu, 26 Nov 2026 11:00:00 GMT", 0),
        ("Thu, 26 Nov 2026 12:00:09", 9),
        ("soon", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(said, seconds):
    assert wait_of(said, NOW) == seconds


@settings(max_examples=40, deadline=None)
@given(st.text() | st.floats().map(str) | st.datetimes().map(format_datetime))
def test_any_retry_after_is_a_bearable_wait(said):
    assert 0 <= wait_of(said, NOW) <= LONGEST_WAIT


@pytest.mark.parametrize(
    ("status", "message", "advice"),
    [
        (401, "Incorrect API key", "api_key_env"),
        (403, "not for you", "api_key_env"),
        (404, "model 'qwen2.5:14b' not found", "name a model that it has"),
        (400, "Unknown field: response_format", "structured_output: false"),
        (400, "max_tokens is too large", "will not answer"),
        (307, "over there", "mend base_url"),
        (499, "odd", "refused"),
    ],
)
def test_what_will_not_pass_is_tried_once_and_says_what_to_do(provider, server, status, message, advice):
    server.behave = lambda body, number: failure(status, message, Location="http://127.0.0.1:9/")
    text = failed(provider)
    assert text.startswith(f"{status} ") and message in text and advice in text
    assert f"the model 'qwen2.5:14b' of {server.base_url}" in text
    assert not is_transient_text(text)
    assert len(server.calls) == 1


def test_a_quota_that_is_used_up_does_not_pass(provider, server):
    error = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
    server.behave = lambda body, number: Reply(error, 429)
    text = failed(provider)
    assert "quota is used up" in text and len(server.calls) == 1


def test_the_servers_own_words_are_cut_to_one_short_line(provider, server):
    server.behave = lambda body, number: Reply(b"<html>\n<body>" + b"x" * 5000, 404)
    text = failed(provider)
    assert "<html> <body>xxx" in text and len(text) < 500 and "\n" not in text


def test_a_call_that_takes_too_long_is_given_up_and_may_pass_later(server):
    server.behave = lambda body, number: echo(body)._replace(seconds=10 if prompt(body) == "Hi" else 0)
    provider = OpenAiProvider(server.base_url, "m", timeout=0.2)
    slow, quick = provider.complete([call("Hi"), call("Ho")])
    assert "within 0.2 s; raise timeout or lower concurrency" in str(slow) and is_transient_text(str(slow))
    assert quick.text == "echo Ho"
    assert len(server.calls) == 2
    provider.close()


def test_a_dead_endpoint_fails_the_whole_batch_at_once_and_says_what_to_do():
    provider = OpenAiProvider(NOBODY_THERE, "m", concurrency=4)
    answers = provider.complete([call(str(n)) for n in range(1000)])
    (text,) = set(map(str, answers))
    assert "connection refused: nobody answers at http://127.0.0.1:9/v1; start the server, or mend base_url" in text
    assert is_transient_text(text)
    provider.close()


def test_a_server_that_dies_in_the_middle_fails_the_rest_at_once(provider, server):
    def behave(body, number):
        if prompt(body) == "10":
            server.shutdown()
            server.socket.close()
            return echo(body)._replace(cut=0.0)
        return echo(body)

    server.behave = behave
    one_by_one = OpenAiProvider(server.base_url, "m", concurrency=1)
    answers = one_by_one.complete([call(str(n)) for n in range(1000)])
    assert [isinstance(answer, Answer) for answer in answers] == [True] * 10 + [False] * 990
    assert "nobody answers" in str(answers[-1])
    one_by_one.close()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"<html>hello</html>", "no chat completion: '<html>hello"),
        (b'{"choices": []}', "no chat completion"),
        (b'{"choices": [{"message": {"content": "cut', "no chat completion"),
        (b"[" * 100_000, "no chat completion"),
        ({"choices": [{"message": {"role": "assistant", "content": None}}]}, "without text"),
    ],
)
def test_a_reply_that_is_no_completion_fails_its_row_for_good(provider, server, document, said):
    server.behave = lambda body, number: Reply(document)
    text = failed(provider)
    assert said in text and server.base_url in text
    assert not is_transient_text(text)


def test_a_schema_is_sent_and_the_reply_held_to_it(provider, server):
    server.behave = lambda body, number: Reply(completion('{"realistic": 4}', body))
    assert provider.complete([call(schema=SCHEMA)])[0].text == '{"realistic": 4}'
    wanted = {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": SCHEMA}}
    assert server.calls[0]["response_format"] == wanted


@pytest.mark.parametrize(
    ("text", "finish", "said"),
    [
        ('{"realistic": 4', "stop", "Model returned invalid JSON that cannot be parsed due to"),
        ('```json\n{"realistic": 4}\n```', "stop", "it begins '```json"),
        ('{"realistic": 9}', "stop", "$.realistic: 9 is greater than the maximum of 5"),
        ('{"valid": 4}', "stop", "'realistic' is a required property"),
        ('{"realistic": 4}', "length", "cannot be parsed due to: unexpected end of JSON input"),
    ],
)
def test_a_reply_that_breaks_the_schema_is_a_422_of_its_row(provider, server, text, finish, said):
    choice = {"finish_reason": finish, "message": {"role": "assistant", "content": text}}
    server.behave = lambda body, number: Reply(completion(text, body, choices=[choice]))
    message = failed(provider, call(schema=SCHEMA))
    assert message.startswith("422 json mode output validation error: ") and said in message
    assert not is_transient_text(message)


def test_a_free_text_that_was_cut_is_an_answer(provider, server):
    choice = {"finish_reason": "length", "message": {"content": "and then"}}
    server.behave = lambda body, number: Reply(completion("", body, choices=[choice]))
    assert provider.complete([call()])[0].text == "and then"


def test_tokens_are_zero_where_the_endpoint_counts_none(provider, server):
    server.behave = lambda body, number: Reply(completion("x", body, usage=None))
    assert provider.complete([call()])[0][1:3] == (0, 0)


def test_the_more_precise_name_that_the_server_reports_stands_with_the_answer(provider, server):
    server.behave = lambda body, number: Reply(completion("x", body, model="qwen2.5:14b-q4"))
    place = f"127.0.0.1:{server.server_port}"
    assert provider.complete([call()])[0].served_by == f"openai:qwen2.5:14b-q4@{place}"
    assert provider.served_by("llama3.1-8b") == f"openai:qwen2.5:14b@{place}"


@pytest.mark.parametrize(
    ("base_url", "place", "chat"),
    [
        ("http://127.0.0.1:11434/v1/", "127.0.0.1:11434", "http://127.0.0.1:11434/v1/chat/completions"),
        ("https://h.example/v1", "h.example", "https://h.example/v1/chat/completions"),
        ("https://h.example/a/b", "h.example/a/b", "https://h.example/a/b/chat/completions"),
        ("https://h.example/d?api-version=1", "h.example/d", "https://h.example/d/chat/completions?api-version=1"),
        ("http://[::1]:8080/v1", "[::1]:8080", "http://[::1]:8080/v1/chat/completions"),
    ],
)
def test_an_address_names_the_place_without_what_may_be_secret(base_url, place, chat):
    endpoint = endpoint_of(base_url, "m", None)
    assert (endpoint.place, endpoint.chat) == (place, chat)
    hidden = endpoint_of(base_url.replace("://", "://me:secret@"), "m", None)
    assert "secret" not in hidden.place + hidden.shown + repr(hidden)


def test_the_key_comes_from_the_environment_and_is_told_to_nobody_else(server, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SOME_KEY", "sk-secret\n")
    provider = OpenAiProvider(server.base_url, "m", api_key_env="SOME_KEY")
    server.behave = lambda body, number: failure(429 if number == 0 else 401, "Incorrect key sk-secret provided")
    text = failed(provider)
    assert server.headers[0]["Authorization"] == "Bearer sk-secret"
    assert "Incorrect key … provided; check the key in SOME_KEY" in text
    assert "sk-secret" not in text + repr(provider) + caplog.text
    monkeypatch.setenv("SOME_KEY", "odd\u2028key")
    assert "odd characters" in failed(provider) and "odd\u2028key" not in failed(provider)
    monkeypatch.delenv("SOME_KEY")
    assert "environment variable SOME_KEY is not set" in failed(provider)
    assert len(server.calls) == 2
    provider.close()


def test_once_stopped_no_call_begins_and_those_under_way_are_broken_off(provider, server):
    stop, begun = threading.Event(), threading.Barrier(5)

    def behave(body, number):
        if int(prompt(body)) >= 2:
            begun.wait(10)
            return echo(body)._replace(seconds=60)
        return echo(body)

    server.behave = behave
    heard = {}
    threading.Thread(target=lambda: (begun.wait(10), stop.set())).start()
    started = time.monotonic()
    answers = provider.complete([call(str(n)) for n in range(100)], stop, heard.__setitem__)
    assert time.monotonic() - started < 30
    assert sorted(heard) == [0, 1] and [answer.text for answer in answers[:2]] == ["echo 0", "echo 1"]
    assert set(map(str, answers[2:])) == {CANCELED}
    assert len(server.calls) == 6
    assert provider.complete([call("0")])[0].text == "echo 0"


def test_a_statement_that_is_stopped_already_asks_nothing(provider, server):
    stop = threading.Event()
    stop.set()
    assert set(map(str, provider.complete([call()] * 9, stop))) == {CANCELED}
    assert server.calls == []


def test_closing_breaks_off_what_runs_and_ends_the_thread(server):
    server.behave = lambda body, number: echo(body)._replace(seconds=60)
    provider = OpenAiProvider(server.base_url, "m")
    answers = []
    waiting = threading.Thread(target=lambda: answers.extend(provider.complete([call()])))
    waiting.start()
    while not server.calls:
        time.sleep(0.005)
    before = threading.active_count()
    provider.close()
    provider.close()
    waiting.join(10)
    assert str(answers[0]) == CANCELED
    assert threading.active_count() < before
    assert "closed" in failed(provider)


def test_training_and_counting_are_refused_with_what_to_do_instead(provider, tmp_path):
    with pytest.raises(CallError, match=r'provider = "gguf" or "transformers"'):
        provider.finetune(Training("llama3.1-8b", [], [], None, tmp_path, lambda now: None))
    with pytest.raises(CallError, match="counts no tokens"):
        provider.count_tokens("Hi", "llama3.1-8b")


ENDPOINT = endpoint_of("http://127.0.0.1:1/v1", "m", None)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries({}, optional={"choices": JSON, "usage": JSON, "model": JSON}) | JSON, st.booleans())
def test_any_json_is_an_answer_or_a_failure_of_the_call(document, structured):
    one = call(schema=SCHEMA if structured else None)
    for body in (document, {"choices": [{"message": {"content": json.dumps(document)}}], "usage": document}):
        try:
            answer = answer_of(json.dumps(body).encode(), one, ENDPOINT)
        except CallError:
            continue
        assert answer.prompt_tokens >= 0 and answer.completion_tokens >= 0
        answer.text.encode()
