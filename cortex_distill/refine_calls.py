"""Calls of the teacher beside those of generate: more tickets of a category that was taken for another.

In:   the experiment file (refine, generate)
Out:  the fields of a GenerationCall each. The teacher sees labels and definitions, and no request that was confused:
      those are validation rows, which may not find their way into training
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from math import ceil
from typing import Any

from cortex_distill.combinations import CALLS_PER_EXAMPLES, Combinations
from cortex_distill.config import ExperimentConfig
from cortex_distill.load import Experiment
from cortex_distill.prompts import render

Examples = Callable[[Experiment, str, int], list[dict[str, str]]]
"""The examples that a call of generate shows: experiment, category, number."""


def refine_calls(experiment: Experiment, examples: Examples) -> Iterator[tuple[str, str, int, str, str]]:
    """row_key, category, draw, attributes, prompt of every call; nothing without refine.

    A pair that stands in the list twice goes on where it ended, so that one more refinement repeats no call.
    """
    config = experiment.config
    if config.refine is None:
        return
    positions = {category: position for position, category in enumerate(config.categories)}
    made = Counter[tuple[str, str]]()
    per_call = config.generate.per_call
    for place, pair in enumerate(config.refine.pairs):
        own = (pair.category, pair.unlike)
        combinations = Combinations(config.generate.vary, f"{pair.category} unlike {pair.unlike}")
        for number in range(ceil(pair.tickets / per_call)):
            draw = made[own]
            made[own] += 1
            attributes = combinations.of(draw)
            prompt = _prompt(
                config,
                config.refine.prompt,
                *own,
                attributes,
                min(per_call, pair.tickets - number * per_call),
                examples(experiment, pair.category, draw // CALLS_PER_EXAMPLES),
            )
            said = json.dumps({**attributes, "unlike": pair.unlike})
            yield f"{positions[pair.category]}-refine-{place}-{number}", pair.category, draw, said, prompt


def _prompt(
    config: ExperimentConfig,
    template: str,
    category: str,
    unlike: str,
    attributes: Mapping[str, str],
    count: int,
    examples: list[dict[str, str]],
) -> str:
    values: dict[str, Any] = {
        **attributes,
        "category": category,
        "definition": config.categories[category],
        "categories": config.categories,
        "count": count,
        "examples": examples,
        "written": [],
    }
    more = {
        "unlike": unlike,
        "unlike_definition": config.categories[unlike],
        "generate_prompt": render(config.generate.prompt, values),
    }
    return render(template, {**values, **more})


def longest_refine_prompt(experiment: Experiment, examples: Examples) -> str:
    """The longest prompt of all calls; '' without refine."""
    return max((call[-1] for call in refine_calls(experiment, examples)), key=len, default="")
