"""A Llama of two layers and 64 numbers, with random weights, as a GGUF file that numpy trains and llama.cpp serves."""

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from gguf.quants import quantize

from cortex_distill.local.providers.gguf.chat import TUNED_TEMPLATE
from cortex_distill.local.providers.gguf.finetune import Trainer

LAYERS, WIDTH, INNER, HEADS, KV_HEADS = 2, 64, 128, 4, 2
MARKS = ["<unk>", "<|im_start|>", "<|im_end|>"]
"""START and END of `gguf.chat` are numbers 1 and 2."""


def alphabet():
    """The characters that stand for the 256 bytes. Source: GPT-2's encoder.py, `bytes_to_unicode`."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


VOCABULARY = [*MARKS, *alphabet()]


def bytewise(text):
    """What llama.cpp makes of a text with this vocabulary: one token per byte."""
    return [len(MARKS) + byte for byte in text.encode()]


def write_tiny(path, *, seed=1, architecture="llama", extra=None, header=None, template=TUNED_TEMPLATE, kind="Q8_0"):
    """Write it. `extra`: more tensors by name; `header`: more keys, all floats or texts; `kind` of the matrices."""
    draw = np.random.default_rng(seed)
    writer = GGUFWriter(path, architecture)
    writer.add_name("tiny")
    writer.add_block_count(LAYERS)
    writer.add_context_length(512)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(VOCABULARY))
    for key, value in (header or {}).items():
        (writer.add_string if isinstance(value, str) else writer.add_float32)(key, value)
    _add_tokenizer(writer, template)
    for name, size in {**_sizes(), **(extra or {})}.items():
        spread = {1: 0.02, 2: 0.5 if name == "token_embd.weight" else 0.12}[len(size)]
        values = draw.normal(len(size) == 1, spread, size).astype(np.float32)
        stored = GGMLQuantizationType["F32" if len(size) == 1 else kind]
        writer.add_tensor(name, quantize(values, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer, template):
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(VOCABULARY)
    plain = [TokenType.NORMAL] * 256
    writer.add_token_types([*[TokenType.CONTROL] * len(MARKS), *plain])
    writer.add_token_merges(["! !"])  # llama.cpp wants a list with something in it; "!!" is no token
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(template)


def _sizes():
    kv = WIDTH // HEADS * KV_HEADS
    layer = {
        "attn_norm": (WIDTH,), "attn_q": (WIDTH, WIDTH), "attn_k": (kv, WIDTH), "attn_v": (kv, WIDTH),
        "attn_output": (WIDTH, WIDTH), "ffn_norm": (WIDTH,), "ffn_gate": (INNER, WIDTH), "ffn_up": (INNER, WIDTH),
        "ffn_down": (WIDTH, INNER),
    }  # fmt: skip
    sizes = {f"blk.{number}.{name}.weight": size for number in range(LAYERS) for name, size in layer.items()}
    return {"token_embd.weight": (len(VOCABULARY), WIDTH), **sizes, "output_norm.weight": (WIDTH,)}


class TinyProvider:
    """Trains the tiny Llama with the light trainer, in its own process as ever; answers nothing."""

    def __init__(self, file):
        self.file, self.trainer = file, Trainer()

    def finetune(self, job):
        return self.trainer.run(job, bytewise, self.file, "tiny")

    def close(self):
        self.trainer.close()
