"""Training as the engine sees it: a process that learns, reports, can be stopped, and leaves a servable model."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader
from gguf.quants import dequantize

from cortex_distill.local.providers import Advance, Call, CallError, Cancelled, Training
from cortex_distill.local.providers.gguf import GgufProvider, finetune
from cortex_distill.local.providers.gguf.base_model import base_gguf
from cortex_distill.local.providers.gguf.chat import END, TUNED_TEMPLATE
from cortex_distill.local.providers.gguf.optimise import EMBEDDING, HEAD_NORM, freeze
from cortex_distill.local.providers.gguf.weights import read_gguf, write_gguf

EXAMPLES = Path(__file__).parents[2] / "configs" / "examples" / "support_tickets.jsonl"


@pytest.fixture(scope="module")
def provider():
    """One loaded model for the whole file."""
    provider = GgufProvider()
    yield provider
    provider.close()


def job(folder, rows, progress=lambda share: None, validation=(), epochs=2):
    return Training("llama3.1-8b", rows, validation, epochs, folder, progress)


def words(text):
    """A stand-in for the tokenizer: one token per word, the same for the same word."""
    return [3 + sum(map(ord, word)) % 1000 for word in text.split()]


def test_a_long_prompt_loses_its_beginning_and_is_counted():
    rows = [(" ".join(f"w{number}" for number in range(2000)), "label"), ("short", "label")]
    [(prompt, target), _], cut = finetune._examples(rows, words)
    assert len(prompt) == finetune.MAX_PROMPT and cut == 1
    assert words("w1999")[0] in prompt[-6:]
    assert target == [*words("label"), END]


def test_no_rows_is_an_error_and_not_an_empty_model(provider, tmp_path):
    with pytest.raises(CallError, match="no rows"):
        provider.finetune(job(tmp_path, []))


def test_cancelling_ends_the_process_and_leaves_no_model(provider, tmp_path):
    def cancel(share):
        raise Cancelled

    with pytest.raises(Cancelled):
        provider.finetune(job(tmp_path, [("a", "b")], cancel))
    assert not provider._trainer._running
    assert not list(tmp_path.iterdir())


def test_closing_ends_a_training(tmp_path):
    provider = GgufProvider()
    begun = threading.Event()
    failed: list[Exception] = []

    def train():
        try:
            provider.finetune(job(tmp_path, [("a", "b")] * 4, lambda share: begun.set(), epochs=200))
        except CallError as error:
            failed.append(error)

    thread = threading.Thread(target=train)
    thread.start()
    assert begun.wait(120)
    provider.close()
    thread.join(30)
    assert "exit status -9" in str(failed[0])


def test_writing_changes_the_given_tensors_and_nothing_else(tmp_path):
    target = tmp_path / "model.gguf"
    new = {"blk.29.attn_q.weight": np.full((576, 576), 0.5, np.float32), HEAD_NORM: np.full(576, 2, np.float32)}
    write_gguf(base_gguf(), target, new, TUNED_TEMPLATE)
    before = {tensor.name: tensor for tensor in GGUFReader(base_gguf()).tensors}
    reader = GGUFReader(target)
    assert reader.fields["tokenizer.chat_template"].contents() == TUNED_TEMPLATE
    assert reader.fields["llama.block_count"].contents() == 30
    for tensor in reader.tensors:
        if tensor.name not in new:
            assert np.array_equal(tensor.data, before.pop(tensor.name).data)
    written = {
        tensor.name: dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors if tensor.name in new
    }
    assert all(np.allclose(written[name], values, rtol=1e-3) for name, values in new.items())
    assert not target.with_suffix(".part").exists()


def test_numpy_and_llama_cpp_agree_on_the_next_token(provider):
    model = read_gguf(base_gguf())
    call = Call("m", [{"role": "user", "content": "The capital of France is"}], {"max_tokens": 1}, None, None)
    with provider._pool.lease(None) as engine:
        prompt = finetune.chat_tokens(call.messages, engine.tokenize, default_system=True)
        [last] = freeze(model, [prompt], model.shape.layers)
        h = last[-1]
        logits = (h / np.sqrt((h * h).mean() + 1e-5) * model.tensors[HEAD_NORM]) @ model.tensors[EMBEDDING].T
        [reply] = provider.complete([call])
        assert engine.tokenize(reply.text) == [int(logits.argmax())]


@pytest.mark.slow
def test_a_training_lowers_the_loss_and_its_model_answers_with_a_label(provider, tmp_path):
    tickets = [json.loads(line) for line in EXAMPLES.read_text().splitlines()][::3]
    rows = [(ticket["request"], ticket["category"]) for ticket in tickets]
    said: list[Advance] = []
    trained = provider.finetune(job(tmp_path, rows, said.append, rows[:2], epochs=6))
    facts = json.loads((tmp_path / "training.json").read_text())
    assert facts["losses"] == sorted(facts["losses"], reverse=True)
    assert trained.training_loss == facts["losses"][-1] < 0.5
    assert trained.validation_loss == facts["validation_losses"][-1]
    shares = [now.share for now in said]
    assert shares == sorted(shares) and shares[0] > 0 and shares[-1] <= 1
    calls = [Call("m", [{"role": "user", "content": text}], {"max_tokens": 24}, None, tmp_path) for text, _ in rows]
    answers = provider.complete(calls)
    assert {answer.text for answer in answers} <= {ticket["category"] for ticket in tickets}
    assert answers[0].served_by.startswith("gguf:SmolLM2-135M-Instruct-Q4_1+light-")
