"""From messages to token ids: one chat format for serving and for training.

Built from token ids and not from text, so that `<|im_start|>` inside a ticket stays six harmless characters or more
and never becomes the model's own mark. Source: `tokenizer.chat_template` of the GGUF (ChatML).
"""

from collections.abc import Callable, Mapping, Sequence

Tokenize = Callable[[str], list[int]]

START, END = 1, 2
"""`<|im_start|>` and `<|im_end|>` in SmolLM2's vocabulary; END is also its end of text."""

DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
"""What the base model's template says when a call brings no system message."""

TUNED_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""Template of tuned models: no default system message, as they are trained on the bare prompt."""


def chat_tokens(messages: Sequence[Mapping[str, str]], tokenize: Tokenize, *, default_system: bool) -> list[int]:
    """Token ids of a conversation, up to and including the mark that opens the assistant's reply."""
    turns = [(message["role"], message["content"]) for message in messages]
    if default_system and (not turns or turns[0][0] != "system"):
        turns.insert(0, ("system", DEFAULT_SYSTEM))
    newline = tokenize("\n")
    tokens = [token for role, text in turns for token in (START, *tokenize(f"{role}\n{text}"), END, *newline)]
    return [*tokens, START, *tokenize("assistant\n")]


def plain_tokens(messages: Sequence[Mapping[str, str]], opening: str, tokenize: Tokenize) -> list[int]:
    """Token ids of the messages as one running text that ends where the JSON reply has to go on.

    A 135M model continues a text far better than it obeys an instruction, so this is how every call
    with a schema is put to it; roles are dropped.
    """
    text = "\n\n".join(message["content"].strip() for message in messages)
    return tokenize(f"{text}\n{opening}")
