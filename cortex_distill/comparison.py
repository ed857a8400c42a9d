"""Several runs side by side: what differs between their configs, how each did, and which differences are shown."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from cortex_distill.bootstrap import Difference
from cortex_distill.differences import ABSENT, LONGEST_VALUE, USUAL, leaves, usual_of
from cortex_distill.metrics import Interval, figure
from cortex_distill.scores import ROLES
from cortex_distill.verdicts import Verdict, p_text, span

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
IN_A_TABLE = 4  # pairs without a shown difference: from so many on, sentences say less than a table
MOST = 8  # runs: 28 pairs, which is as much as a reader and a correction after Holm can bear
NO_SETTINGS = ("name", "description", "refine.after")  # what a run is called, and which one it was made after
TUNED = ROLES[-1]
NAMED = 3  # differences that a run's name says in words


class Accuracy(NamedTuple):
    """One arm of one run on the evaluation set at hand."""

    role: str
    variant: str
    model: str
    served_by: str
    n: int
    correct: int
    interval: Interval
    macro_f1: float
    design_effect: float

    @property
    def value(self) -> float:
        """Share of the n rows that were right, in [0, 1]."""
        return self.correct / self.n

    @property
    def figure(self) -> str:
        """Accuracy with its interval, as people are shown it."""
        return figure(self.value, *self.interval)


class Side(NamedTuple):
    """One run in a comparison."""

    letter: str
    run_id: str
    experiment: str
    ended_at: datetime
    config: Mapping[str, Any]
    arms: Sequence[Accuracy]  # on the evaluation set of the comparison
    trained_rows: int
    special: str  # what differs from the others, in words

    @property
    def name(self) -> str:
        """`A (valid=3)`: as verdicts call it."""
        return f"{self.letter} ({self.special})"

    def best(self, role: str) -> Accuracy | None:
        """The arm of a role with the highest accuracy; None if the role has none."""
        return max((arm for arm in self.arms if arm.role == role), key=lambda arm: arm.value, default=None)


class Tested(NamedTuple):
    """Two arms: whether their accuracies differ, and their macro F1 (None where they share no row)."""

    verdict: Verdict
    f1: Difference | None

    @property
    def text(self) -> str:
        """One sentence, macro F1 included."""
        if self.f1 is None:
            return self.verdict.text
        (value, (low, high)), verdict = self.f1, self.verdict
        if verdict.is_shown and verdict.difference < 0:  # then its text names the second first
            value, low, high = -value, -high, -low
        return f"{verdict.text}; macro F1 {value:+.2f} ({span(Interval(low, high))})"


REST = ("pair", "n", "difference", "95 %", "p", "F1", "could find")


def rest_cells(one: Tested) -> tuple[str, ...]:
    """The cells of a pair under REST, for a table of those without a shown difference."""
    verdict, smallest = one.verdict, one.verdict.smallest  # which is worked out whenever it is asked for
    rows = f"{verdict.rows:,}" if verdict.is_paired else "apart"
    p_value = p_text(verdict.p_value).removeprefix("= ")
    f1 = f"{one.f1.value:+.2f}" if one.f1 else "–"
    could = "–" if smallest is None else f"{smallest:.2f}"
    pair, difference = f"{verdict.first} / {verdict.second}", f"{verdict.difference:+.2f}"
    return pair, rows, difference, span(verdict.interval), p_value, f1, could


class Change(NamedTuple):
    """A setting in which the runs differ: its value in each, in their order; ABSENT where it is not set."""

    key: str
    values: Sequence[str]


class Comparison(NamedTuple):
    """What a comparison says."""

    title: str
    engine: str
    evaluation_set: str
    role: str  # whose arms were tested
    runs: Sequence[Side]
    tested: Sequence[Tested]
    changes: Sequence[Change]
    cautions: Sequence[str]
    artifact: str = ""  # the id of the one that shows it in Prefect

    @property
    def sentences(self) -> list[Tested]:
        """Pairs that are said in words: those with a shown difference, and a few others."""
        rest = self.rest
        return [one for one in self.tested if one.verdict.is_shown] + (rest if len(rest) < IN_A_TABLE else [])

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The other pairs, under REST: many sentences that say "no difference shown" are not read."""
        return [rest_cells(one) for one in self.rest] if len(self.rest) >= IN_A_TABLE else []

    @property
    def about_rows(self) -> str:
        """How these were tested, and what the heads mean."""
        tests = " and ".join(dict.fromkeys(one.verdict.test for one in self.rest))
        return f"{tests}; n: rows that both answered; could find: the true difference that would be found 4 times in 5"

    @property
    def rest(self) -> list[Tested]:
        """Pairs without a shown difference."""
        return [one for one in self.tested if not one.verdict.is_shown]

    @property
    def headline(self) -> str:
        """The verdict in one sentence, fit for a state's message."""
        shown = [one.verdict for one in self.tested if one.verdict.is_shown]
        best = max(self.runs, key=lambda run: _value(run.best(self.role)))
        arm = best.best(self.role)
        name = best.name if arm is None or self.role == TUNED else f"{best.letter} {arm.variant}"
        highest = f"{name} {arm.figure}, n = {arm.n:,} ({self.evaluation_set})" if arm else "nothing was measured"
        if not self.tested:
            return f"every run asked the {self.role} the same, so nothing is tested; highest: {highest}"
        if not shown:
            pairs = "pair" if len(self.tested) == 1 else f"of {len(self.tested)} pairs"
            return f"no difference shown in any {pairs}; highest: {highest}"
        return f"{len(shown)} of {len(self.tested)} pairs differ; highest: {highest}"


def _value(arm: Accuracy | None) -> float:
    return arm.value if arm else -1.0


def changes(configs: Sequence[Mapping[str, Any]]) -> list[Change]:
    """The settings in which the configs differ, by dotted key, in the order of the files."""
    flat = [dict(leaves("", config)) for config in configs]
    keys = dict.fromkeys(key for one in flat for key in one if key not in NO_SETTINGS)
    found = (Change(key, [one.get(key, ABSENT) for one in flat]) for key in keys)
    return [change for change in found if len(set(change.values)) > 1]


def special_names(experiments: Sequence[str], found: Sequence[Change]) -> list[str]:
    """What to call each run: the settings in which it differs, in as few words as tell it from the others.

    Where many settings differ, as in an ablation, those in which it differs from most of the others.
    """
    if len(set(experiments)) > 1:
        return _by_experiment(experiments, found)
    names = []
    for place, experiment in enumerate(experiments):
        mine = (
            found
            if len(found) <= NAMED
            else [change for change in found if change.values[place] != usual_of(change.values)]
        )
        words = [one for one in dict.fromkeys(_words(mine, place)) if one]
        more = [f"{len(words) - NAMED} more"] if len(words) > NAMED else []
        names.append(", ".join([*words[:NAMED], *more]) or (USUAL if found else experiment))
    return names


def _by_experiment(experiments: Sequence[str], found: Sequence[Change]) -> list[str]:
    """Each run by its experiment; those that share one also by what tells them apart."""
    names = list(experiments)
    for experiment in {name for name in experiments if experiments.count(name) > 1}:
        places = [place for place, name in enumerate(experiments) if name == experiment]
        among = [Change(change.key, [change.values[place] for place in places]) for change in found]
        apart = [change for change in among if len(set(change.values)) > 1]
        for place, special in zip(places, special_names([experiment] * len(places), apart), strict=True):
            names[place] = experiment if special == experiment else f"{experiment}: {special}"
    return names


def _words(mine: Sequence[Change], place: int) -> Iterator[str]:
    """A section that is missing as a whole is said once."""
    for change in mine:
        section, dot, _ = change.key.partition(".")
        together = [other for other in mine if other.key.startswith(f"{section}.")]
        gone = bool(dot) and len(together) > 1 and all(other.values[place] == ABSENT for other in together)
        yield f"no {section}" if gone and section != "refine" else _said(change, place)


def _said(change: Change, place: int) -> str:
    value, short = change.values[place], change.key.rsplit(".", 1)[-1]
    if change.key == "refine.pairs":
        return "not refined" if value == ABSENT else f"refined on {len(json.loads(value))} pairs"
    if change.key.startswith("refine.") and ABSENT in change.values:
        return ""  # said by the pairs
    if value == ABSENT:
        return f"no {short}"
    return f"{short}={value}" if len(value) <= LONGEST_VALUE and "\n" not in value else f"its own {short}"
