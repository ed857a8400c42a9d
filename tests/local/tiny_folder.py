"""A Llama of two layers and 64 numbers, with random weights, in a Hugging Face folder."""

from cortex_distill.local.providers.transformers.quiet import import_quietly

WORDS = [*("my phone is lost bill high please help label true false".split()), *"AB12345", *'{}[]":,.']  # noqa: SIM905
MARKS = ["<pad>", "<|start|>", "<|end|>", "<unk>", "user", "assistant", "system"]
TEMPLATE = (
    "{% for m in messages %}<|start|>{{ m['role'] }} {{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)


def write_folder(folder, *, seed=0, template=TEMPLATE):
    """Write it; needs PyTorch. A token is a word or a punctuation mark."""
    import_quietly("torch")
    import torch  # noqa: PLC0415
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast  # noqa: PLC0415

    vocabulary = {word: place for place, word in enumerate([*MARKS, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<pad>", unk_token="<unk>",
        additional_special_tokens=["<|start|>"], chat_template=template,
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, eos_token_id=2, bos_token_id=1, pad_token_id=0,
        initializer_range=0.3,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
