"""Writes tickets from what the prompt says of the category, its examples, and what the model knows of the subject.

Not every ticket is good: some say next to nothing, some are about something else, some slide into a neighbour.
"""

import random
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from cortex_distill.local.providers.simulated import phrases
from cortex_distill.local.providers.simulated.labels import Label
from cortex_distill.local.providers.simulated.minds import knows, mind_of
from cortex_distill.local.providers.simulated.structured import Filler, Schema
from cortex_distill.local.providers.simulated.subjects import SUBJECTS
from cortex_distill.local.providers.simulated.wanted import Order
from cortex_distill.local.providers.simulated.words import stems, subjects_of

_GENERAL = (
    "I have a question about {}",
    "it is about {}",
    "I am having trouble with {}",
    "can you tell me more about {}",
)
_REQUEST = re.compile(r"request|message|text|ticket|question|utterance|body|content|complaint|email|inquiry", re.I)
_SCENE = re.compile(r"scenario|situation|context|title|subject|summary|background", re.I)
_LABEL = re.compile(r"categor|label|class|topic|intent", re.I)


class Ticket(Filler):
    """Fills one ticket."""

    def __init__(self, order: Order, scenario: str, request: str, number: int) -> None:
        self.order, self.scenario, self.request, self.position = order, scenario, request, number

    def text(self, name: str) -> str:
        if _SCENE.search(name):
            return self.scenario
        if _LABEL.search(name):
            return self.order.category.name or "general"
        manner = self.order.manner
        return self.request if _REQUEST.search(name) or not manner else manner[self.position % len(manner)]

    def number(self, name: str, low: float, high: float) -> float:
        return min(high, low + self.position)

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        own = self.order.category.name.lower()
        said = [option for option in options if str(option).lower() in (own, self.order.tone, *self.order.manner)]
        return said[0] if said else options[self.position % len(options)]


class Writer(Filler):
    """Fills a list of tickets, or the one that a schema asks for."""

    def __init__(self, model: str, order: Order, key: bytes) -> None:
        self.model, self.order, self.chance = model, order, random.Random(key)
        self.first: Ticket | None = None
        self.neighbours = 0.0  # share of tickets that are about another category, beside those that slide anyway

    def items(self, name: str, item: Schema) -> Sequence[Filler]:
        return self.tickets(self.order.number)

    def tickets(self, count: int) -> list[Ticket]:
        """Tickets with different requests, as far as the model's words go."""
        said: dict[str, Ticket] = {}
        for attempt in range(count * 3):
            ticket = self._ticket(len(said))
            said.setdefault(ticket.request if attempt < count * 2 else f"{ticket.request}{' ' * attempt}", ticket)
            if len(said) == count:
                break
        return list(said.values())

    def text(self, name: str) -> str:
        return self._one().text(name)

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        return self._one().choice(name, options)

    def _one(self) -> Ticket:
        self.first = self.first or self._ticket(0)
        return self.first

    def _ticket(self, number: int) -> Ticket:
        mind, luck, about = mind_of(self.model), self.chance.random(), self.order.category
        by = f" by {self.order.channel}" if self.order.channel else ""
        scene = f"A customer contacts support{by} about {about.name or 'a problem'}"
        if luck < mind.thin:
            request = self.chance.choice(phrases.THIN).format(about=about.name.lower() or "problem")
        elif luck < mind.thin + mind.strays:
            stray = self.chance.choice(SUBJECTS).sayings if self.chance.random() < 0.5 else phrases.STRAY
            request = self._dressed([self.chance.choice(stray)])
        else:
            strays = self.neighbours > 0 and self.chance.random() < self.neighbours
            slides = (strays or luck > 1 - mind.strays) and self.order.others
            clauses = self._clauses(self.chance.choice(self.order.others) if slides else about)
            request, scene = self._dressed(clauses), f"{scene}: {clauses[0]}"
        return Ticket(self.order, f"{scene.rstrip('.')}.", request, number)

    def _clauses(self, about: Label) -> list[str]:
        """One or two things a customer would say: about the label first, then about what the definition adds."""
        own, said = clauses_for(self.model, about)
        shown = self.order.examples if about == self.order.category else ()
        roll = self.chance.random()
        if shown and roll < 0.35:
            parts = re.split(r"(?<=[.!?])\s+", self.chance.choice(shown))
            return [self.chance.choice(parts), self.chance.choice(own)]
        first = self.chance.choice(own)
        far = said and self.chance.random() < 0.12  # a word of the definition, taken on its own, may lead astray
        rest = [clause for clause in (said if far else own) if clause != first]
        return [first, self.chance.choice(rest)] if rest and roll < 0.85 else [first]

    def _dressed(self, clauses: Sequence[str]) -> str:
        chance, order = self.chance, self.order
        opening = chance.choice(phrases.OPENINGS[order.channel]) if chance.random() < 0.6 else ""
        mood = chance.choice(phrases.TONES[order.tone]) if order.tone and chance.random() < 0.7 else ""
        detail = chance.choice(phrases.DETAILS) if chance.random() < 0.6 else ""
        ask = chance.choice(phrases.ASKS) if chance.random() < 0.6 else ""
        filled = detail.format(
            day=chance.choice(phrases.DAYS), times=chance.choice(phrases.TIMES), number=chance.randint(1000, 99999),
            amount=f"{chance.randint(5, 240)} dollars", years=chance.randint(2, 20),
        )  # fmt: skip
        return phrases.sentence([opening, *clauses, filled, mood, ask])


@lru_cache(maxsize=1024)
def clauses_for(model: str, about: Label) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(what label and definition say themselves or the model knows of the label, what it knows of the definition)."""
    own = _known(model, stems(about.name))
    said = tuple(clause for clause in _known(model, stems(about.definition)) if clause not in own)
    parts = [part.strip() for part in re.split(r"[,;:]| or | and ", about.definition) if 2 <= len(part.split()) <= 12]
    name = about.name.lower() or "my problem"
    plain = tuple(_GENERAL[n % len(_GENERAL)].format(part) for n, part in enumerate((name, *parts)))
    general = tuple(saying.format(name) for saying in _GENERAL if knows(model, saying)) or plain
    return (*own, *plain) if own else (*plain, *general), said


def _known(model: str, words: Sequence[str]) -> tuple[str, ...]:
    subjects = dict.fromkeys(subject for word in words for subject in subjects_of(word))
    return tuple(saying for subject in subjects for saying in subject.sayings if knows(model, saying))
