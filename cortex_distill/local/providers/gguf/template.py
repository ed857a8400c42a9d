"""From messages to token ids for any GGUF file: by the chat template that it carries (ChatML if it carries none).

llama.cpp reads a rendered conversation as one text, so a `<|im_end|>` inside a ticket becomes the model's own mark and
ends the ticket early (checked: one token of id 2 in SmolLM2). Here such words are broken by an invisible character
(U+200B) first; a ticket without them reaches the model unchanged.
"""

from collections.abc import Mapping, Sequence

from cortex_distill.local.providers.gguf.server import Server

BREAK = "\u200b"


def templated_tokens(messages: Sequence[Mapping[str, str]], server: Server) -> list[int]:
    """Token ids of a conversation, up to where the reply begins. Raises CallError if the template refuses it."""
    said = [{"role": message["role"], "content": harmless(message["content"], server)} for message in messages]
    return server.tokens(server.rendered(said), marks=True)


def harmless(text: str, server: Server) -> str:
    """The text with every mark of this model broken, so that it stays text."""
    while marks := _marks(text, server):
        for mark in marks:
            text = text.replace(mark, mark[0] + BREAK + mark[1:])
    return text


def _marks(text: str, server: Server) -> set[str]:
    """A mark is a token that its own text gives only where marks are read as marks."""
    plain = set(server.tokens(text))
    new = {(token, piece) for token, piece in server.pieces(text) if token not in plain and isinstance(piece, str)}
    return {piece for token, piece in new if len(piece) > 1 and _is_mark(token, piece, server)}


def _is_mark(token: int, piece: str, server: Server) -> bool:
    return token not in server.tokens(piece) and token in dict(server.pieces(piece))
