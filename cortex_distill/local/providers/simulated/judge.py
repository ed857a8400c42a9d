"""Rates a ticket by what it reads in it: length, form, repetition, and whether it speaks of its category."""

import re
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

from cortex_distill.local.providers.simulated.chance import share
from cortex_distill.local.providers.simulated.classify import best, evidence
from cortex_distill.local.providers.simulated.labels import Label, labels_in
from cortex_distill.local.providers.simulated.minds import knows, mind_of
from cortex_distill.local.providers.simulated.reading import Prompt, category_in
from cortex_distill.local.providers.simulated.structured import Filler, Schema
from cortex_distill.local.providers.simulated.words import everyday, related, stems, words

_FORM = re.compile(r"real|natural|plausib|fluen|clear|quality|human|readab|gramma|detail|complete", re.I)
_TOPIC = re.compile(r"valid|relevan|correct|topic|categor|match|fit|accura|label|appropriat", re.I)
_GARBAGE = re.compile(r"lorem ipsum|\bxxx|\[[a-z ]+\]|<[a-z_ ]+>|\basdf|\bfoo\b|\bas an ai\b", re.I)
_PERSON = frozenset(words("I my me we our us you your it is can could please how why what when"))


class Judge(Filler):
    """Fills scores, a reason, and a vote for a category where the schema has one."""

    def __init__(self, model: str, prompt: Prompt, key: bytes) -> None:
        self.model, self.prompt, self.key = model, prompt, key
        self.criterion = ""

    def number(self, name: str, low: float, high: float) -> float:
        score = self._scored(self.criterion or name)
        kind = share(self.key, f"slip {name}") < mind_of(self.model).misjudges
        return low + (min(5, score + kind) - 1) / 4 * (high - low)

    def text(self, name: str) -> str:
        if self.criterion and not re.search(r"reason|why|comment|explan", name):
            return self.criterion
        return f"Form {self.form} of 5; {self.why}; {len(words(self.prompt.request))} words."

    def flag(self, name: str) -> bool:
        return min(self.form, self.topic) >= 4

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        """A vote: the option whose words the ticket shares. Numbers on offer are scores; yes/no is a verdict."""
        if all(isinstance(option, int | float) for option in options):
            wanted = self.number(name, min(options), max(options))
            return min(options, key=lambda option: abs(option - wanted))
        labels = labels_in(self.prompt.frame)
        said = {label.name.lower(): label.definition for label in labels}
        offered = [Label(str(option), said.get(str(option).lower(), "")) for option in options]
        scores = evidence(self.model, tuple(offered), "", self.prompt.request)
        return options[offered.index(best(offered, scores, self.key))]

    def items(self, name: str, item: Schema) -> Sequence[Filler]:
        found = []
        for criterion in criteria_in(self.prompt.frame) or ("quality",):
            each = Judge(self.model, self.prompt, self.key)
            each.criterion = criterion
            found.append(each)
        return found

    def _scored(self, criterion: str) -> int:
        if _FORM.search(criterion):
            return self.form
        return self.topic if _TOPIC.search(criterion) else (self.form + self.topic) // 2

    @cached_property
    def form(self) -> int:
        """1 to 5: is this how a person writes?"""
        said = words(self.prompt.request)
        count = len(said)
        if count < 4 or _GARBAGE.search(self.prompt.request):
            return 1
        score = 2 if count < 6 else 3 if count < 8 else 4 if count < 11 else 5
        score -= len(set(said)) / count < 0.6  # says the same again and again
        score -= not _PERSON & set(said)
        score -= count > 150
        return max(1, score)

    @cached_property
    def topic(self) -> int:
        """1 to 5: does it speak of its category; without one in the prompt, of the trade that the prompt names?"""
        bare = 2 * (len(words(self.prompt.request)) < 4)
        return max(1, (self._in_category() if self._category.name else self._in_trade()) - bare)

    @property
    def why(self) -> str:
        """Half a sentence on `topic`."""
        about = f"category {self._category.name!r}" if self._category.name else "what support is about"
        return f"{'speaks of' if self.topic >= 4 else 'hardly touches'} {about}"

    @cached_property
    def _category(self) -> Label:
        return category_in(self.prompt.frame)

    def _in_category(self) -> int:
        others = [label for label in labels_in(self.prompt.frame) if label.name.lower() != self._category.name.lower()]
        own, *rest = evidence(self.model, (self._category, *others), "", self.prompt.request)
        if others and max(rest) > 1.5 * own + 1:
            return 2
        own = own if others else evidence(self.model, (self._category,), "", self.prompt.request)[0]
        return 1 if own <= 0 else 3 if own < 0.7 else 4 if own < 2 else 5

    def _in_trade(self) -> int:
        said = set(stems(self.prompt.request))
        usual = sum(knows(self.model, word) for word in said & everyday()) + len(
            said & _near(self.prompt.before[-600:])
        )
        return min(5, 1 + usual) if usual < 3 else 4 + (usual > 4)


@lru_cache(maxsize=512)
def _near(text: str) -> frozenset[str]:
    return frozenset(near for word in stems(text) for near in related(word))


@lru_cache(maxsize=512)
def criteria_in(frame: str) -> tuple[str, ...]:
    """Names of the scores that a prompt asks for: number fields of its JSON example, else what it lists."""
    named = re.findall(r"[\"“”'](\w{2,40})[\"“”']\s*:\s*(?:\d|<|\[|\{?(?:int|num|score|integer))", frame)
    shown = [name for name in dict.fromkeys(named) if not re.search(r"reason|comment|explan", name, re.I)]
    listed = [label.name for label in labels_in(frame) if re.fullmatch(r"\w{3,30}", label.name)]
    if shown or len(listed) >= 2:
        return tuple(shown or listed)
    said = re.search(r"\b(?:is|for|on|criteria:?|how)\s+(\w+(?:,\s*\w+)*,?\s+and\s+\w+)", frame)
    return tuple(re.findall(r"\b(?!and\b)\w{4,30}", said[1])) if said else ()
