"""The light trainer on a tiny Llama: it learns, keeps the best epoch, goes on where it was cut off, is served."""

import json

import numpy as np
import pytest
from gguf.quants import dequantize

from cortex_distill.local.providers import Call, CallError, Training
from cortex_distill.local.providers.gguf import GgufProvider, finetune, train
from cortex_distill.local.providers.gguf.base_model import base_gguf
from cortex_distill.local.providers.gguf.chat import END, TUNED_TEMPLATE, chat_tokens
from cortex_distill.local.providers.gguf.learner import Job, LightLearner
from cortex_distill.local.providers.gguf.optimise import EMBEDDING, HEAD_NORM, freeze
from cortex_distill.local.providers.gguf.weights import open_gguf, read_model, write_gguf
from cortex_distill.local.providers.training.examples import Encoder
from tests.local.cut_off import Killed, check_that_only_its_own_checkpoint_is_used, cut_off
from tests.local.tiny_llama import bytewise, write_tiny

ROWS = [(f"{word} {number}", label) for number in range(8) for word, label in (("lost", "A"), ("bill", "B"))]
OTHERS = [(prompt, "B" if label == "A" else "A") for prompt, label in ROWS[:4]]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


def ask(prompt):
    return chat_tokens([{"role": "user", "content": prompt}], bytewise, default_system=False)


def encoded(rows):
    return [(ask(prompt), [*bytewise(completion), END]) for prompt, completion in rows]


@pytest.fixture
def job(tiny):
    def made(validation=(), epochs=3, rows=ROWS, fingerprint="one", layers=1):
        shares = encoded(rows), encoded(validation)
        return Job(
            str(tiny), TUNED_TEMPLATE, *shares, epochs, layers, 0.003, 4, 128, 0, {"rows": len(rows)}, fingerprint
        )

    return made


def test_a_training_lowers_the_loss_and_its_model_answers_with_the_labels(job, tmp_path):
    result = train.run(job(validation=ROWS[:4], epochs=6, layers=2), tmp_path, lambda now: None)
    assert result["losses"][-1] < 0.1 < result["losses"][0]
    assert json.loads((tmp_path / "training.json").read_text()) == result
    provider = GgufProvider()
    calls = [Call("m", [{"role": "user", "content": text}], {"max_tokens": 5}, None, tmp_path) for text, _ in ROWS]
    answers = provider.complete(calls)
    provider.close()
    assert [answer.text for answer in answers] == [label for _, label in ROWS]
    assert "+light-" in answers[0].served_by


def test_the_epoch_that_validation_picks_is_the_one_that_is_written(job, tmp_path):
    spec = job(validation=OTHERS, epochs=4)  # the better it learns, the worse it does on the contrary
    result = train.run(spec, tmp_path, lambda now: None)
    checks, taken = result["validation_losses"], result["epoch_taken"]
    assert taken < 4 and checks[3] > min(checks) + max(result["validation_errors"])
    assert result["taken_because"].startswith("the last epoch within one standard error")
    assert (result["training_loss"], result["validation_loss"]) == (result["losses"][taken - 1], checks[taken - 1])
    written = LightLearner(read_model(open_gguf(tmp_path / "model.gguf")), spec, tmp_path / "nowhere")
    written.prepare(lambda share: None)
    assert written.validate().loss == pytest.approx(checks[taken - 1], rel=1e-3)
    assert abs(max(checks) - min(checks)) > 0.2 * min(checks)


def test_steps_smaller_than_those_of_eight_bits_are_not_rounded_away(job, tmp_path):
    spec = job(validation=ROWS, epochs=2)._replace(rate=2e-4)  # over matrices that are in Q8_0, as the tiny file's
    result = train.run(spec, tmp_path, lambda now: None)
    untrained, written = (
        LightLearner(read_model(open_gguf(file)), spec, tmp_path / "nowhere")
        for file in (spec.source, tmp_path / "model.gguf")
    )
    for learner in (untrained, written):
        learner.prepare(lambda share: None)
    gained = untrained.validate().loss - result["validation_loss"]
    assert untrained.validate().loss - written.validate().loss == pytest.approx(gained, rel=0.05) and gained > 0


def test_without_validation_rows_the_last_epoch_is_written(job, tmp_path):
    result = train.run(job(), tmp_path, lambda now: None)
    assert (result["epoch_taken"], result["validation_loss"]) == (3, None)
    assert result["training_loss"] == result["losses"][-1] and "no validation rows" in result["taken_because"]


def test_progress_rises_and_tells_the_losses_of_the_last_epoch(job, tmp_path):
    said = []
    result = train.run(job(validation=ROWS[:2]), tmp_path, said.append)
    shares = [now.share for now in said]
    assert shares == sorted(shares) and 0 < shares[0] < shares[-1] == 1
    assert said[0].training_loss is None and said[0].trained_tokens == 0
    assert said[-1][1:] == (result["losses"][-1], result["validation_losses"][-1], result["trained_tokens"])
    assert result["trained_tokens"] == 3 * sum(len(prompt) + len(target) for prompt, target in encoded(ROWS))


@pytest.mark.parametrize("after", [1, 2, 3])
@pytest.mark.parametrize("validation", [(), OTHERS], ids=["last", "best"])
def test_a_training_that_was_cut_off_ends_as_if_it_had_not_been(job, tmp_path, after, validation):
    spec = job(validation=validation)
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = train.run(spec, tmp_path / "whole", lambda now: None)
    with pytest.raises(Killed):
        train.run(spec, tmp_path / "cut", cut_off(after))
    said = []
    assert train.run(spec, tmp_path / "cut", said.append) == whole
    assert [now.training_loss for now in said if now.training_loss == whole["losses"][0]] or after > 1
    assert not [now for now in said if now.training_loss is None]  # the first epoch is not trained again
    assert (tmp_path / "cut" / "model.gguf").read_bytes() == (tmp_path / "whole" / "model.gguf").read_bytes()


def test_a_checkpoint_of_another_job_or_half_a_one_is_not_used(job, tmp_path):
    check_that_only_its_own_checkpoint_is_used(train.run, job, tmp_path, 2)


def test_a_long_prompt_loses_its_beginning_and_is_counted():
    def words(text):
        return [3 + sum(map(ord, word)) % 1000 for word in text.split()]

    rows = [(" ".join(f"w{number}" for number in range(2000)), "label"), ("short", "label")]
    job = Training("llama3.1-8b", rows, [], 1, None, lambda now: None)
    encoder = Encoder(lambda p: [1, *words(f"user {p}"), END, 1, *words("assistant")], words, END, 512, 256)
    [(prompt, target), _], cut = finetune._encoded(rows, encoder, job)
    assert len(prompt) == 512 and cut == 1
    assert prompt[:2] == [1, *words("user")] and words("w1999")[0] in prompt[-6:]
    assert target == [*words("label"), END]


def test_no_rows_is_an_error_and_not_an_empty_model(tiny, tmp_path):
    with pytest.raises(CallError, match="no rows"):
        finetune.Trainer().run(Training("m", [], [], 1, tmp_path, lambda now: None), bytewise, tiny, "tiny")


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({"architecture": "qwen2"}, "architecture is 'qwen2'"),
        ({"extra": {"output.weight": (259, 64)}}, "output matrix is not its embedding"),
        ({"extra": {"blk.0.attn_q.bias": (64,)}}, "a tensor 'blk.0.attn_q.bias'"),
        ({"extra": {"rope_freqs.weight": (8,)}}, "a tensor 'rope_freqs.weight'"),
        ({"header": {"llama.rope.scaling.type": "yarn"}}, "positions are scaled"),
    ],
)
def test_a_model_of_another_kind_is_refused_and_the_full_trainer_named(tmp_path, made, reason):
    with pytest.raises(CallError, match=rf"{reason}.*such as SmolLM2.*provider = \"transformers\""):
        read_model(open_gguf(write_tiny(tmp_path / "other.gguf", **made)))


def test_a_file_that_is_no_gguf_is_refused(tmp_path):
    (tmp_path / "model.gguf").write_text("not a model")
    with pytest.raises(CallError, match="cannot be read as a GGUF file"):
        open_gguf(tmp_path / "model.gguf")


def test_writing_changes_the_given_tensors_and_nothing_else(tiny, tmp_path):
    target = tmp_path / "model.gguf"
    new = {"blk.1.attn_q.weight": np.full((64, 64), 0.5, np.float32), HEAD_NORM: np.full(64, 2, np.float32)}
    before = open_gguf(tiny)
    write_gguf(before, target, new, "a template")
    after = open_gguf(target)
    changed = {"tokenizer.chat_template", "GGUF.kv_count"}
    assert before.fields.keys() == after.fields.keys()
    assert all(
        after.fields[key].contents() == field.contents() for key, field in before.fields.items() if key not in changed
    )
    old = {tensor.name: tensor for tensor in before.tensors}
    for tensor in after.tensors:
        if tensor.name in new:
            assert np.allclose(dequantize(tensor.data, tensor.tensor_type), new[tensor.name], rtol=1e-3)
        else:
            assert np.array_equal(tensor.data, old[tensor.name].data)
    assert [path.name for path in tmp_path.iterdir()] == ["model.gguf"]


def test_numpy_and_llama_cpp_agree_on_the_next_token():
    model = read_model(open_gguf(base_gguf()))
    call = Call("m", [{"role": "user", "content": "The capital of France is"}], {"max_tokens": 1}, None, None)
    provider = GgufProvider()
    prompt = chat_tokens(call.messages, provider._tokens, default_system=True)
    [last] = freeze(model, [prompt], model.shape.layers)
    h = last[-1]
    logits = (h / np.sqrt((h * h).mean() + 1e-5) * model.tensors[HEAD_NORM]) @ model.tensors[EMBEDDING].T
    [reply] = provider.complete([call])
    assert provider._tokens(reply.text) == [int(logits.argmax())]
    provider.close()
