"""Words, stems and which of them belong together."""

import re
from functools import lru_cache

from cortex_distill.local.providers.simulated.subjects import SUBJECTS, Subject

_WORD = re.compile(r"[^\W\d_]{2,}")
_STOP = frozenset(
    _WORD.findall(
        """
        about after all also am an and any are as at be because been before but by can cannot could
        did do does doing don for from get gets got had has have having he her here him his how if
        in into is it its just like ll me more most much my no not now of off on once one only or
        other our out over own please re she should so some still such than thank thanks that the
        their them then there these they this those to too up ve very want was we were what when
        where which while who why will with would you your hi hello dear regards need needs help
        customer customers support request requests category ticket tickets wants asks know let see
        say said tell really even ever since until today anything something someone
        """
    )
)
_ENDINGS = ("ations", "ation", "ments", "ment", "ings", "ing", "ness", "ies", "ied", "ers", "er", "ed", "es", "ly", "s")


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """`charges`, `charged`, `charging` → `charg`. Crude: a stem is for comparing, never for showing."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + ("i" if ending in ("ies", "ied") else "")
            break
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "aeiou":
        word = word[:-1]
    if len(word) > 3 and word[-1] == "e":
        word = word[:-1]
    return word[:-1] + "i" if len(word) > 2 and word[-1] == "y" else word


def stems(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order, with repeats."""
    return [stem(word) for word in _WORD.findall(text.lower()) if word not in _STOP]


def words(text: str) -> list[str]:
    """All words, in lower case."""
    return _WORD.findall(text.lower())


@lru_cache(maxsize=1)
def _by_trigger() -> dict[str, tuple[Subject, ...]]:
    found: dict[str, tuple[Subject, ...]] = {}
    for subject in SUBJECTS:
        for trigger in dict.fromkeys(stem(word) for word in subject.triggers.split()):
            found[trigger] = (*found.get(trigger, ()), subject)
    return found


def subjects_of(word_stem: str) -> tuple[Subject, ...]:
    """The subjects that a word brings to mind; none for most words."""
    return _by_trigger().get(word_stem, ())


@lru_cache(maxsize=512)
def vocabulary(subject: Subject) -> frozenset[str]:
    """Stems that speak of a subject."""
    return frozenset(stems(f"{subject.triggers} {subject.words} {' '.join(subject.sayings)}"))


@lru_cache(maxsize=20_000)
def related(word_stem: str) -> frozenset[str]:
    """Stems that the thesaurus knows beside this one."""
    spoken = (stems(f"{subject.triggers} {subject.words}") for subject in subjects_of(word_stem))
    return frozenset(near for group in spoken for near in group)


@lru_cache(maxsize=1)
def everyday() -> frozenset[str]:
    """Stems of all subjects together: what support is ever about."""
    return frozenset(near for subject in SUBJECTS for near in vocabulary(subject))
