"""Every knob of the simulated provider does what it says, to the share that it says."""

import json
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_distill.errors import SetupError
from cortex_distill.local.providers import CANCELED, Answer, Call, CallError
from cortex_distill.local.providers.simulated import Knobs, from_spec
from cortex_distill.transient import is_transient_text

WRITE = [f"Write 8 tickets as a JSON list. Category: Late parcel. Number {n}" for n in range(40)]
SORT = [f"Categories:\n- Late parcel\n- Refund\n\nrequest: my parcel number {n}" for n in range(40)]


def ask(spec, prompts, model="llama3.3-70b"):
    calls = [Call(model, [{"role": "user", "content": prompt}], {}, None, None) for prompt in prompts]
    return from_spec(spec).complete(calls)


def texts(spec, prompts):
    return [answer.text for answer in ask(spec, prompts)]


def parses(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def test_without_knobs_nothing_goes_wrong():
    assert all(parses(text) and len(json.loads(text)) == 8 for text in texts("simulated", WRITE))
    assert set(texts("simulated", SORT)) == {"Late parcel"}


@pytest.mark.parametrize("knob", ["broken_json", "truncated_json", "fenced_json"])
def test_json_is_spoiled(knob):
    assert not any(parses(text) for text in texts(f"simulated:{knob}=1", WRITE))


def test_broken_json_spoils_one_object_only():
    assert all(text.count('"request": ') >= 7 for text in texts("simulated:broken_json=1", WRITE))


def test_fenced_json_is_whole_inside_the_fence():
    for text in texts("simulated:fenced_json=1", WRITE):
        assert len(json.loads(text.split("```json")[1].split("```")[0])) == 8


def test_neighbours_writes_about_another_category_of_the_prompt_and_says_nothing_of_it():
    prompt = "Categories:\n- Late parcel\n- Refund\n\nWrite 40 tickets as a JSON list. Category: Late parcel."

    def about_refunds(spec):
        [text] = texts(spec, [prompt])
        tickets = json.loads(text)
        assert all("Late parcel" in ticket["scenario"] for ticket in tickets)
        said = [f"Categories:\n- Late parcel\n- Refund\n\nrequest: {ticket['request']}" for ticket in tickets]
        return texts("simulated", said).count("Refund")

    none, some, most = map(about_refunds, ("simulated", "simulated:neighbours=0.3", "simulated:neighbours=1"))
    assert none < 8 <= some < 25 < most


def test_a_teacher_with_one_sentence_says_it_in_every_reply():
    said = {ticket["request"] for text in texts("simulated:one_sentence=1", WRITE) for ticket in json.loads(text)}
    assert len(said) == 1


def test_too_few_leaves_at_least_one():
    assert all(1 <= len(json.loads(text)) < 8 for text in texts("simulated:too_few=1", WRITE))


def test_duplicates_repeat_word_for_word():
    for text in texts("simulated:duplicates=1", WRITE):
        tickets = json.loads(text)
        assert len(tickets) == 8
        assert len({ticket["request"] for ticket in tickets}) < 8


def test_off_list_and_wordy_spoil_labels_only():
    assert not {"Late parcel", "Refund"} & set(texts("simulated:off_list=1", SORT))
    assert all("Late parcel" in text != "Late parcel" for text in texts("simulated:wordy=1", SORT))
    assert texts("simulated:off_list=1,wordy=1", WRITE) == texts("simulated", WRITE)


def test_empty_and_refusal():
    assert set(texts("simulated:empty=1", SORT)) == {""}
    assert all(text.startswith("I'm sorry") for text in texts("simulated:refusal=1", WRITE))


def test_a_permanent_error_is_not_taken_for_a_transient_one():
    errors = ask("simulated:permanent=1", SORT)
    assert all(isinstance(error, CallError) and not is_transient_text(str(error)) for error in errors)


def test_a_transient_error_goes_away_when_the_same_call_is_asked_again():
    provider = from_spec("simulated:transient=0.5")
    calls = [Call("m", [{"role": "user", "content": prompt}], {}, None, None) for prompt in SORT]
    first, second = provider.complete(calls), provider.complete(calls)
    failed = [answer for answer in first if isinstance(answer, CallError)]
    assert 5 < len(failed) < 35
    assert all(is_transient_text(str(error)) for error in failed)
    assert second == from_spec("simulated").complete(calls)


@pytest.mark.parametrize("knob", ["empty", "refusal", "permanent", "off_list"])
def test_a_share_hits_about_that_share_and_always_the_same_calls(knob):
    prompts = [f"{SORT[0]} {n}" for n in range(400)]
    clean = texts("simulated", prompts)
    hit = [str(a) if isinstance(a, CallError) else a.text for a in ask(f"simulated:{knob}=0.2", prompts)]
    again = [str(a) if isinstance(a, CallError) else a.text for a in ask(f"simulated:{knob}=0.2", prompts)]
    assert 50 < sum(a != b for a, b in zip(clean, hit, strict=True)) < 120
    assert hit == again


def test_latency_is_per_call():
    started = time.perf_counter()
    ask("simulated:latency_ms=20", SORT[:5])
    assert time.perf_counter() - started >= 0.1


def test_crash_after_ends_the_process_without_a_word():
    program = (
        "from cortex_distill.local.providers.simulated import from_spec\n"
        "from cortex_distill.local.providers import Call\n"
        "p = from_spec('simulated:crash_after=2')\n"
        "for n in range(9):\n"
        "    p.complete([Call('m', [{'role': 'user', 'content': str(n)}], {}, None, None)])\n"
        "    print(n, flush=True)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout.split(), ended.stderr) == (137, ["0", "1"], "")


def test_calls_from_many_threads_get_their_own_answers():
    provider = from_spec("simulated:transient=0.3")
    calls = [Call("m", [{"role": "user", "content": prompt}], {}, None, None) for prompt in SORT]
    results = []
    threads = [threading.Thread(target=lambda: results.append(provider.complete(calls))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clean = from_spec("simulated").complete(calls)
    assert len(results) == 6
    for result in results:
        assert all(a == b for a, b in zip(result, clean, strict=True) if isinstance(a, Answer))
    per_call = zip(*results, strict=True)
    assert all(sum(isinstance(answer, CallError) for answer in answers) <= 1 for answers in per_call)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("simulated:brokn_json=1", "did you mean 'broken_json'?"), ("simulated:xyzzy=1", "known: broken_json"),
        ("simulated:empty=1.5", "from 0 to 1, got 1.5"), ("simulated:empty=nan", "from 0 to 1"),
        ("simulated:empty", "should be a number"), ("simulated:crash_after=1.5", "a whole number"),
        ("simulated:latency_ms=-1", "from 0 to"), ("simulted", "did you mean 'simulated'?"),
        ("simulated:empty=1,empty=0", "twice"),
    ],
)  # fmt: skip
def test_a_wrong_spec_says_what_to_write(spec, says):
    with pytest.raises(SetupError) as caught:
        from_spec(spec)
    assert says in str(caught.value)


def test_a_spec_sets_its_knobs():
    assert from_spec("simulated: empty=0.5 , crash_after=3").knobs == Knobs(empty=0.5, crash_after=3)
    assert from_spec("simulated:").knobs == Knobs()


@given(st.text(alphabet=st.characters(exclude_characters="=,"), min_size=1, max_size=60).filter(str.strip))
def test_any_word_that_is_no_knob_is_refused_as_setup(word):
    with pytest.raises(SetupError):
        from_spec(f"simulated:{word}=1x")


def test_once_stopped_no_call_begins():
    stop, calls = (
        threading.Event(),
        [Call("m", [{"role": "user", "content": str(n)}], {}, None, None) for n in range(3)],
    )
    stop.set()
    provider = from_spec("simulated")
    assert [str(answer) for answer in provider.complete(calls, stop)] == [CANCELED] * 3
    assert provider.complete(calls) == from_spec("simulated").complete(calls)
