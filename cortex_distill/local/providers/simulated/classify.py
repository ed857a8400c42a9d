"""Chooses a label for a request by what the words have in common, as far as the model knows words."""

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from cortex_distill.local.providers.simulated.chance import share
from cortex_distill.local.providers.simulated.labels import Label, labels_in
from cortex_distill.local.providers.simulated.minds import Mind, knows, mind_of
from cortex_distill.local.providers.simulated.reading import Prompt
from cortex_distill.local.providers.simulated.structured import Filler, Schema
from cortex_distill.local.providers.simulated.words import related, stems

OWN, SAID, SHOWN, KNOWN, FAR = 3.0, 2.0, 1.5, 1.0, 0.35  # weight of label, definition, example, thesaurus, its far end
_PAIR = re.compile(
    r"^\W{0,4}(?:request|ticket|message|input|text|example|customer|q)\b[^:\n]{0,20}:\s*([^\n]+)\n+"
    r"\W{0,4}(?:category|label|answer|output|class|topic|a)\b\W{0,3}:\s*([^\n]+)$",
    re.I | re.M,
)
_ARROW = re.compile(r"^\W{0,4}([^\n]{3,400}?)\s?(?:->|=>|→)\s?([^\n]{1,150})$", re.M)
_REST = re.compile(r"^\W*(?:other|others|none|misc|miscellaneous|something else|general|unknown)\b", re.I)
_STRICT = (
    r"\bonly\b|\bjust the\b",
    r"no other words|nothing else|no (?:explanation|punctuation)|without (?:any )?explanation|(?:not|n't) explain",
    r"\bexactly\b|verbatim|as written|as spelled|word for word|character for character",
)
_AROUND = (
    "The request category is: {}", "Based on the customer's request, this falls under the category of {}.",
    "{} - the customer describes this problem in the request.", "I would say {}, because of the wording.",
    "Category: {}", "This looks like a case of \"{}\". Let me know if you need anything else!",
)  # fmt: skip
_HARMLESS = ("**{}**", " {}.", '"{}"', "{}\n")

Profile = Mapping[str, Sequence[tuple[int, float]]]


class Classifier(Filler):
    """Fills the labels of a schema, or says the label in free text."""

    def __init__(self, model: str, prompt: Prompt, key: bytes, temperature: float) -> None:
        self.model, self.prompt, self.key, self.temperature = model, prompt, key, temperature
        self.context = prompt.before if labels_in(prompt.before) else prompt.frame
        self.off_list = False

    def label(self, offered: Sequence[str] | None = None) -> str:
        """The label, spelled as offered. `offered` is an enum; else the list in the prompt counts."""
        labels = labels_in(self.context)
        if offered is not None:
            said = {label.name.lower(): label.definition for label in labels}
            labels = tuple(Label(name, said.get(name.lower(), "")) for name in offered)
        scores = evidence(self.model, labels, self.context, self.prompt.request)
        return best(labels, scores, self.key, self.temperature).name

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        named = {str(option): option for option in options}
        return "something else" if self.off_list else named[self.label(list(named))]

    def text(self, name: str) -> str:
        if re.search(r"reason|explanation|why|comment", name):
            return "The words of the request point there."
        return "General inquiry" if self.off_list else self.label()

    def number(self, name: str, low: float, high: float) -> float:
        return low + (high - low) * 0.8

    def items(self, name: str, item: Schema) -> Sequence[Filler]:
        return [self]


def best(labels: Sequence[Label], scores: list[float], key: bytes, temperature: float = 0.0) -> Label:
    """The label with most evidence. Without any: a label like "other", else a guess."""
    if not any(scores):
        rest = next((label for label in labels if _REST.match(label.name)), None)
        return rest or labels[int(share(key, "guess") * len(labels))]
    if temperature > 0:
        scores = [s * (1 + 0.3 * temperature * share(key, f"mood {n}")) for n, s in enumerate(scores)]
    return labels[max(range(len(scores)), key=scores.__getitem__)]


def evidence(model: str, labels: tuple[Label, ...], frame: str, request: str) -> list[float]:
    """How much of the request speaks for each label; 0 for nothing."""
    profile = _profile(model, labels, frame if len(frame) < 20_000 else frame[:20_000])
    scores = [0.0] * len(labels)
    for word in dict.fromkeys(stems(request[:20_000])):
        for position, weight in profile.get(word, ()):
            scores[position] += weight
    return scores


@lru_cache(maxsize=512)
def _profile(model: str, labels: tuple[Label, ...], frame: str) -> Profile:
    """Word → (label, weight): a word that speaks for few labels weighs more."""
    shown = _examples(frame, labels)
    each = [_weights(model, label, shown.get(label.name.lower(), "")) for label in labels]
    profile: dict[str, list[tuple[int, float]]] = {}
    for position, weights in enumerate(each):
        for word, weight in weights.items():
            profile.setdefault(word, []).append((position, weight))
    rare = {n: math.log((len(labels) + 1) / n) / math.log(len(labels) + 1) for n in range(1, len(labels) + 1)}
    return {word: [(n, weight * rare[len(found)]) for n, weight in found] for word, found in profile.items()}


def _weights(model: str, label: Label, shown: str) -> dict[str, float]:
    weights: dict[str, float] = {}

    def note(words: Sequence[str] | frozenset[str], weight: float) -> None:
        for word in words:
            weights[word] = max(weight, weights.get(word, 0.0))

    own, said = stems(label.name), stems(label.definition)
    note(own, OWN)
    note(said, SAID)
    note(stems(shown), SHOWN)
    for words, weight in ((own, KNOWN), (said, FAR)):
        note(frozenset(near for word in words for near in related(word) if knows(model, near)), weight)
    return weights


def _examples(frame: str, labels: Sequence[Label]) -> dict[str, str]:
    """Solved examples in the prompt, by label in lower case."""
    names = {label.name.lower() for label in labels}
    shown: dict[str, str] = {}
    for request, said in (*_PAIR.findall(frame), *_ARROW.findall(frame)):
        if (name := said.strip(" .\"'*`").lower()) in names:
            shown[name] = f"{shown.get(name, '')} {request}"
    return shown


def chattiness(mind: Mind, frame: str) -> float:
    """Share of replies with words around the label: each kind of clear order in the prompt takes off a good part."""
    orders = sum(bool(re.search(pattern, frame, re.I)) for pattern in _STRICT)
    return mind.chatty * (0.75, 0.6, 0.25, 0.1)[orders]


@lru_cache(maxsize=512)
def _chattiness(model: str, frame: str) -> float:
    return chattiness(mind_of(model), frame)


def say(model: str, frame: str, label: str, key: bytes, *, wordy: bool) -> str:
    """The label as free text: alone, or with what this model puts around it."""
    if wordy or share(key, "chatty") < _chattiness(model, frame[:20_000]):
        return _AROUND[int(share(key, "around") * len(_AROUND))].format(label)
    if mind_of(model).chatty > 0.1 and share(key, "dressed") < 0.25:
        return _HARMLESS[int(share(key, "dress") * len(_HARMLESS))].format(label)
    return label
