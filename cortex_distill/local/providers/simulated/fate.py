"""What goes wrong with one call, as the knobs order it."""

import json
import re
from collections.abc import Sequence
from typing import Any

from cortex_distill.local.providers.simulated.chance import share
from cortex_distill.local.providers.simulated.knobs import Knobs

REFUSAL = "I'm sorry, but I can't help with that request."
RAMBLING = "As you know we always do our very best for all our valued customers everywhere."
THROTTLED = "remote service error: 429 'too many requests: the service is throttled, retry later'"
BROKEN = "remote service error: 400 'the request cannot be processed by the model'"


class Fate:
    """Asks the knobs about one call; the answer never changes."""

    def __init__(self, knobs: Knobs, key: bytes) -> None:
        self.knobs, self.key = knobs, key

    def meets(self, knob: str) -> bool:
        """Whether this call is among the share of a knob."""
        wanted: float = getattr(self.knobs, knob)
        return wanted > 0 and share(self.key, f"knob {knob}") < wanted

    def listed(self, tickets: list[Any]) -> list[Any]:
        """A list of tickets, with too few or repeated ones if that is its fate."""
        if self.meets("duplicates") and len(tickets) > 1:
            half = max(1, len(tickets) // 2)
            tickets = [*tickets[: len(tickets) - half], *tickets[:half]]
        if self.meets("too_few") and len(tickets) > 1:
            tickets = tickets[: max(1, int(len(tickets) * (0.3 + 0.6 * share(self.key, "few"))))]
        return tickets

    def message(self, text: str) -> str:
        """A message to a customer, too long or with a gap in it if that is its fate."""
        text = f"{text}\n\n{' '.join([RAMBLING] * 10)}" if self.meets("too_long") else text
        return f"{text}\n[Your Name]" if self.meets("placeholders") else text

    def spoiled(self, text: str) -> str:
        """The reply as it arrives."""
        if self.meets("refusal"):
            return REFUSAL
        if self.meets("empty"):
            return ""
        if text.lstrip()[:1] in ("{", "["):
            text = self._broken(text) if self.meets("broken_json") else text
            text = text[: max(1, int(len(text) * (0.3 + 0.6 * share(self.key, "cut"))))] if self._cut() else text
            text = fenced(text) if self.meets("fenced_json") else text
        return text

    def _cut(self) -> bool:
        return self.meets("truncated_json")

    def _broken(self, text: str) -> str:
        """One colon after a key goes missing, so that even a lenient parser gives up, on this object only."""
        places = [found.start(1) for found in re.finditer(r"\"\s*(:)\s*", text)]
        place = places[int(share(self.key, "where") * len(places))] if places else len(text) - 1
        broken = text[:place] + text[place + 1 :]
        return broken if not readable(broken) else text[:-1]


def fenced(text: str) -> str:
    """As chat models like to hand over JSON."""
    return f"Sure! Here is the JSON you asked for:\n\n```json\n{text}\n```\n\nLet me know if you need more."


def readable(text: str) -> bool:
    """Whether a strict parser reads it."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def pick(options: Sequence[Any], key: bytes, what: str) -> Any:
    """One of the options, by the call's hash."""
    return options[int(share(key, what) * len(options))]
