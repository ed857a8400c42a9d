"""The part of an experiment file that asks for more tickets where two categories were confused (`distill refine`)."""

from collections.abc import Collection, Iterator
from typing import Literal

from pydantic import Field

from cortex_distill.config_fields import Label, Strict, Text
from cortex_distill.field_checks import Fault
from cortex_distill.spelling import suggestion

MOST_PAIRS = 50
PROMPT = """\
Requests of the category "{{ category }}" are too often taken for "{{ unlike }}"\
{% if unlike_definition %} ({{ unlike_definition }}){% endif %}. \
Those that are asked for below should teach the difference: \
each belongs to "{{ category }}" and might be taken for "{{ unlike }}" at first sight, \
and none belongs to "{{ unlike }}".

{{ generate_prompt }}
"""


class Confused(Strict):
    """Two categories of which one was taken for the other, and how many more tickets that is worth."""

    category: Label = Field(description="category that the requests belonged to; the new tickets are of it")
    unlike: Label = Field(description="category that was answered instead")
    tickets: int = Field(default=10, ge=1, le=10_000, description="tickets asked for, beside the others (1 to 10000)")
    seen_on: Literal["validation", "test", "holdout"] = Field(
        default="validation", description="set that showed it, whose figures are no longer of untouched rows"
    )


class Refine(Strict):
    """More tickets, exactly where a student confused categories; all other calls stay as they were."""

    pairs: list[Confused] = Field(
        min_length=1, max_length=MOST_PAIRS, description="category, unlike, tickets, seen_on; one twice asks for more"
    )
    after: str = Field(default="", max_length=100, description="id of the run whose student confused them; a remark")
    prompt: Text = Field(
        default=PROMPT, description="template with {{ category }} and {{ unlike }}; generate_prompt is that of generate"
    )


def refine_faults(refine: Refine | None, categories: Collection[str]) -> Iterator[Fault]:
    """Labels that are not under categories, and pairs of one and the same."""
    for place, pair in enumerate(refine.pairs if refine else ()):
        at: tuple[str | int, ...] = ("refine", "pairs", place)
        for key, label in (("category", pair.category), ("unlike", pair.unlike)):
            if label not in categories:
                yield (*at, key), f"no category '{label}'; {suggestion(label, categories)}"
        if pair.category == pair.unlike:
            yield (*at, "unlike"), "is the category itself; name the one that it was taken for"
