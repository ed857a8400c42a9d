"""Fine-tuning of the simulated provider learns from rows and answers from what it learned."""

import json
import subprocess
import sys

import jsonschema
import pytest

from cortex_distill.local.providers import Answer, Call, CallError, Cancelled, Training
from cortex_distill.local.providers.simulated import from_spec

BASE = "llama3.1-8b"
WORDS = {
    "Kettles": "kettle spout boil lid whistle",
    "Lamps": "lamp bulb dim switch shade",
    "Chairs": "chair leg wobble seat",
}
ROWS = [
    (f"{opening} the {word} is not as it should be {end}", label)
    for label, words in WORDS.items()
    for word in words.split()
    for opening, end in (("Hello,", "today."), ("I must say", "again!"), ("Please,", "and I am cross."))
]
TRAIN, VALIDATION = [row for n, row in enumerate(ROWS) if n % 4], ROWS[::4]


def job(folder, train=TRAIN, validation=VALIDATION, epochs=None, progress=lambda done: None):
    folder.mkdir()
    return Training(BASE, train, validation, epochs, folder, progress)


def ask(provider, prompts, folder, schema=None):
    calls = [Call("DB.S.TUNED", [{"role": "user", "content": p}], {}, schema, folder) for p in prompts]
    return provider.complete(calls)


def right(answers, rows=VALIDATION):
    return sum(answer.text == label for answer, (_, label) in zip(answers, rows, strict=True)) / len(rows)


def test_a_tuned_model_beats_its_base_and_keeps_to_the_labels(tmp_path):
    provider = from_spec("simulated")
    provider.finetune(job(tmp_path / "m"))
    prompts = [prompt for prompt, _ in VALIDATION]
    tuned = ask(provider, prompts, tmp_path / "m")
    names = "\n".join(f"- {name}" for name in WORDS)
    asked = [f"Categories:\n{names}\n\nReturn the category only.\nrequest: {p}" for p in prompts]
    base = provider.complete([Call(BASE, [{"role": "user", "content": p}], {}, None, None) for p in asked])
    assert right(tuned) > 0.9 > right(base)
    assert {answer.text for answer in tuned} <= set(WORDS) < {answer.text for answer in base} | set(WORDS)
    assert {answer.served_by for answer in tuned} == {"simulated:classifier"}


def test_it_learns_from_the_rows_and_not_from_the_labels_names(tmp_path):
    provider, swap = from_spec("simulated"), {"Kettles": "Lamps", "Lamps": "Chairs", "Chairs": "Kettles"}
    provider.finetune(job(tmp_path / "m", [(prompt, swap[label]) for prompt, label in TRAIN]))
    answers = ask(provider, [prompt for prompt, _ in VALIDATION], tmp_path / "m")
    assert right(answers, [(prompt, swap[label]) for prompt, label in VALIDATION]) > 0.9


def test_another_process_answers_alike_without_scikit_learn(tmp_path):
    provider = from_spec("simulated")
    provider.finetune(job(tmp_path / "m"))
    mine = [answer.text for answer in ask(provider, [p for p, _ in VALIDATION], tmp_path / "m")]
    program = (
        "import json, pathlib, sys\n"
        "from cortex_distill.local.providers.simulated import from_spec\n"
        "from cortex_distill.local.providers import Call\n"
        "calls = [Call('x', [{'role': 'user', 'content': p}], {}, None, pathlib.Path(sys.argv[1]))"
        " for p in json.load(sys.stdin)]\n"
        "answers = [a.text for a in from_spec('simulated').complete(calls)]\n"
        "print(json.dumps([answers, 'sklearn' in sys.modules]))\n"
    )
    prompts = json.dumps([prompt for prompt, _ in VALIDATION])
    command = [sys.executable, "-c", program, str(tmp_path / "m")]
    ended = subprocess.run(command, input=prompts, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(ended.stdout) == [mine, False]


def test_more_epochs_fit_closer_and_count_more_tokens(tmp_path):
    provider, done = from_spec("simulated"), []
    one = provider.finetune(job(tmp_path / "one", epochs=1))
    five = provider.finetune(job(tmp_path / "five", epochs=5, progress=lambda now: done.append(now.share)))
    assert five.training_loss < one.training_loss
    assert five.trained_tokens == 5 * one.trained_tokens > 0
    assert one.validation_loss > 0
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0.0, 1.0)
    assert len(done) >= 6


def test_no_validation_rows_give_no_validation_loss(tmp_path):
    assert from_spec("simulated").finetune(job(tmp_path / "m", validation=[])).validation_loss is None


@pytest.mark.parametrize("rows", [TRAIN[:1], TRAIN[:3], [TRAIN[0], TRAIN[-1]], [("", "Lamps"), ("bulb", "Lamps")]])
def test_few_rows_and_few_classes_are_enough(tmp_path, rows):
    provider = from_spec("simulated")
    provider.finetune(job(tmp_path / "m", rows))
    answers = ask(provider, ["", "bulb", "žluť {}"], tmp_path / "m")
    assert all(isinstance(a, Answer) and a.text in {label for _, label in rows} for a in answers)


def test_two_classes_are_told_apart(tmp_path):
    rows = [row for row in ROWS if row[1] != "Chairs"]
    provider = from_spec("simulated")
    provider.finetune(job(tmp_path / "m", rows, []))
    assert right(ask(provider, [p for p, _ in rows], tmp_path / "m"), rows) == 1


@pytest.mark.parametrize("rows", [[], [("", "")], [("?!", "Lamps")]])
def test_nothing_to_learn_from_is_said(tmp_path, rows):
    with pytest.raises(CallError, match=r"fine-tuning llama3\.1-8b: "):
        from_spec("simulated").finetune(job(tmp_path / "m", rows))


def test_a_cancelled_job_stops(tmp_path):
    def cancel(done):
        raise Cancelled

    with pytest.raises(Cancelled):
        from_spec("simulated").finetune(job(tmp_path / "m", progress=cancel))
    assert not list((tmp_path / "m").iterdir())


def test_a_missing_or_damaged_folder_fails_the_call_only(tmp_path):
    provider = from_spec("simulated")
    assert isinstance(ask(provider, ["x"], tmp_path / "none")[0], CallError)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "model.npz").write_bytes(b"PK nonsense")
    (tmp_path / "bad" / "model.json").write_text('{"completions": [], "features": []}')
    assert isinstance(ask(provider, ["x"], tmp_path / "bad")[0], CallError)


def test_a_schema_gets_the_completion_inside(tmp_path):
    provider = from_spec("simulated")
    provider.finetune(job(tmp_path / "m"))
    schema = {"type": "object", "properties": {"category": {"enum": ["none", *WORDS]}}, "required": ["category"]}
    answer = ask(provider, ["the bulb of my lamp"], tmp_path / "m", schema)[0]
    jsonschema.validate(json.loads(answer.text), schema)
    assert json.loads(answer.text) == {"category": "Lamps"}
