"""Says which of two messages is better: the one without gaps, with the customer's name in it, and in fewer words."""

import re
from collections.abc import Sequence
from typing import Any

from cortex_distill.local.providers.simulated.chance import share
from cortex_distill.local.providers.simulated.minds import mind_of
from cortex_distill.local.providers.simulated.reading import Prompt
from cortex_distill.local.providers.simulated.structured import Filler

_BOTH = re.compile(r"<first>(.*?)</first>.*?<second>(.*?)</second>", re.S)
_NAME = re.compile(r"\b(?i:customer|name)\s*[:=]\s*([^\W\d_][\w'’.-]*)")
_GAP = re.compile(r"\[[A-Za-z ]+\]|\{\{|\bX{3,}")
NEAR = 5  # words by which two messages may differ and be equally long


def compares(text: str) -> bool:
    """Whether a prompt shows two messages between <first> and <second>."""
    return "<second>" in text and bool(_BOTH.search(text))


class SideBySide(Filler):
    """Fills first, second or tie. A model that misjudges takes what it has read first."""

    def __init__(self, model: str, prompt: Prompt, key: bytes) -> None:
        self.model, self.key = model, key
        found, named = _BOTH.search(prompt.text), _NAME.search(prompt.text)
        self.first, self.second = found.groups() if found else ("", "")
        self.name = named[1] if named else ""

    def text(self, name: str) -> str:
        return self.winner()

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        return next((option for option in options if str(option).lower() == self.winner()), options[0])

    def winner(self) -> str:
        """first, second, or tie where nothing speaks for either."""
        if share(self.key, "order") < mind_of(self.model).misjudges:
            return "first"
        first, second = self._worth(self.first), self._worth(self.second)
        if first != second:
            return "first" if first > second else "second"
        more = len(self.first.split()) - len(self.second.split())
        return "tie" if abs(more) < NEAR else "second" if more > 0 else "first"

    def _worth(self, message: str) -> int:
        return -2 * bool(_GAP.search(message)) + bool(self.name and self.name in message)
