"""The calls of the teacher in one round, from the experiment file alone: same file, same calls.

With `generate.not_again` a call shows what was written before it, so calls go in waves: number 0, then 1, 2 to 3, 4 to
7 and so on, each wave as large as all before it. A call sees the tickets of earlier waves, whatever round it is in:
what it shows depends on its number and on replies, and a file that asks for more tickets makes the old calls again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

from cortex_distill.combinations import CALLS_PER_EXAMPLES, Combinations
from cortex_distill.load import Experiment
from cortex_distill.prompts import render
from cortex_distill.refine_calls import refine_calls
from cortex_distill.rounds import Round, Wanted, first_round


class GenerationCall(NamedTuple):
    """One call of the teacher."""

    row_key: str
    category: str
    draw: int
    attributes: str  # JSON
    prompt: str


def generation_calls(
    experiment: Experiment,
    now: Round | None = None,
    wave: int | None = None,
    written: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[GenerationCall]:
    """Every call of a round (default: the first), or of one wave of it: at most `per_call` tickets a call.

    Calls of one category differ by the combination of `vary`, taken in turn, and by the examples that they show; both
    depend on category and call number only. `written`: category → tickets of earlier waves.
    """
    wanted = (now or first_round(experiment.config)).wanted
    for position, (category, definition) in enumerate(experiment.config.categories.items()):
        known = {"definition": definition, "written": (written or {}).get(category, [])}
        for call in _of_category(experiment, category, _numbers(experiment, wanted[category], wave), known):
            yield call._replace(row_key=f"{position}-{call.draw}")
    if not wave and (now is None or now.refining):
        yield from map(GenerationCall._make, refine_calls(experiment, _examples))


def _of_category(
    experiment: Experiment, category: str, numbers: Iterator[tuple[int, int]], known: dict[str, Any]
) -> Iterator[GenerationCall]:
    config = experiment.config.generate
    combinations = Combinations(config.vary, category)
    last, prompt, varied = (-1, -1, -1), "", ""
    for number, count in numbers:
        differs = (number % combinations.number, count, number // CALLS_PER_EXAMPLES)
        if differs != last:
            attributes = combinations.of(number)
            examples = _examples(experiment, category, number // CALLS_PER_EXAMPLES)
            own = {"category": category, "categories": experiment.config.categories, "count": count}
            values = {**attributes, **known, **own, "examples": examples}
            last, prompt, varied = differs, render(config.prompt, values), json.dumps(attributes)
        yield GenerationCall("", category, number, varied, prompt)


def _numbers(experiment: Experiment, wanted: Wanted, wave: int | None) -> Iterator[tuple[int, int]]:
    """Number of each call, and the tickets that it asks for."""
    per_call = experiment.config.generate.per_call
    end = wanted.first_call + ceil(wanted.tickets / per_call)
    start, until = (0, end) if wave is None else wave_bounds(experiment, wave)
    for number in range(max(start, wanted.first_call), end if until is None else min(until, end)):
        yield number, min(per_call, wanted.tickets - (number - wanted.first_call) * per_call)


def waves(experiment: Experiment, now: Round) -> list[int]:
    """The waves of a round, in their order; [0] without `not_again`."""
    if not experiment.config.generate.not_again:
        return [0]
    per_call = experiment.config.generate.per_call
    spans = [(one.first_call, one.first_call + ceil(one.tickets / per_call)) for one in now.wanted.values()]
    of_last = [((end - 1).bit_length(), first.bit_length()) for first, end in spans if end > first]
    return sorted({wave for last, first in of_last for wave in range(first, last + 1)})


def wave_bounds(experiment: Experiment, wave: int) -> tuple[int, int | None]:
    """Number of a wave's first call, and of the one after its last; None: there is no end."""
    if not experiment.config.generate.not_again:
        return 0, None
    return (1 << wave) >> 1, 1 << wave


def _examples(experiment: Experiment, category: str, number: int) -> list[dict[str, str]]:
    shown = experiment.config.generate.examples
    known = experiment.examples.get(category, [])
    return random.Random(f"{category} {number}").sample(known, min(shown.per_call, len(known))) if shown else []
