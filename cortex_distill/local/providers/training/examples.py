"""From rows to token ids, as the tuned model will be asked."""

from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

Example = tuple[list[int], list[int]]
"""Token ids of a prompt and of its completion."""

Ask = Callable[[str], list[int]]
"""Token ids of a prompt as the tuned model is asked it, up to where its reply begins."""


class Encoder(NamedTuple):
    """How rows are told to a model."""

    ask: Ask
    tokenize: Callable[[str], list[int]]
    """Of a completion."""
    end: int
    """The token that ends a reply."""
    most_prompt: int
    most_completion: int
    """Tokens. Of a longer prompt the end is kept, behind what every prompt begins with."""

    def encode(self, rows: Sequence[tuple[str, str]]) -> Iterator[tuple[Example, bool]]:
        """Each row, and whether its prompt was too long and lost its start."""
        every = self.ask("")
        for prompt, completion in rows:
            tokens = self.ask(prompt)
            over = len(tokens) - self.most_prompt
            if over > 0:
                same = (one == other for one, other in zip(tokens, every, strict=False))
                head = sum(takewhile(bool, same))
                tokens = tokens[:head] + tokens[head + over :]
            yield (tokens, [*self.tokenize(completion)[: self.most_completion], self.end]), over > 0
