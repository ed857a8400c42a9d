"""From messages to token ids, through the chat template that came with the model.

A mark of the template inside a message, such as `<|im_end|>` in a ticket, is written with a space in it, so that it
stays the ticket's own text.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2.exceptions import TemplateError

from cortex_distill.local.providers import CallError


def chat_tokens(messages: Sequence[Mapping[str, str]], tokenizer: Any) -> list[int]:
    """Token ids up to where the reply begins; without a template, the bare text and a line end.

    Raises CallError if the template refuses the messages, as some do with a system message.
    """
    said = [{"role": message["role"], "content": _plain(message["content"], tokenizer)} for message in messages]
    templated = bool(tokenizer.chat_template)
    try:
        text = (
            tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
            if templated
            else "\n\n".join(message["content"] for message in said) + "\n"
        )
    except TemplateError as error:
        raise CallError(f"400 the chat template of this model refuses the messages: {error}") from error
    tokens: list[int] = tokenizer(text, add_special_tokens=not templated).input_ids
    return tokens


def _plain(text: str, tokenizer: Any) -> str:
    for token in tokenizer.added_tokens_decoder.values():
        mark = str(token)
        if token.special and len(mark) > 1:
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
    return text
