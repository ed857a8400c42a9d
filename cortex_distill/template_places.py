"""Where templates stand in an experiment file, and which names each of them may use, must use, and must not use."""

from collections.abc import Collection
from typing import NamedTuple


class Place(NamedTuple):
    """Where a template stands: names known to the file, names known per row, names that it must use, and names that
    it must not use, with the reason."""

    file: frozenset[str] = frozenset()
    row: frozenset[str] = frozenset()
    must: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    why_never: str = ""


_REQUEST, _CATEGORIES = frozenset({"request"}), frozenset({"categories"})
_GENERATE = _CATEGORIES | {"category", "definition", "count", "examples", "written"}
_TICKET = _REQUEST | {"category", "definition", "scenario"}
_BLIND = "would tell the vote what the ticket is meant to be, and it is blind: list {{ categories }} instead"
PLACES = {
    "generate.prompt": Place(_GENERATE, must=frozenset({"category"})),
    "refine.prompt": Place(
        _GENERATE | {"unlike", "unlike_definition", "generate_prompt"}, must=frozenset({"category", "unlike"})
    ),
    "label.prompt": Place(_CATEGORIES | {"examples", "none_of_these"}, _REQUEST, _REQUEST),
    "judge.prompt": Place(_CATEGORIES | {"criteria"}, _TICKET, _REQUEST),
    "prompts": Place(_CATEGORIES | {"examples"}, _REQUEST, _REQUEST),
    "fine_tune.prompt": Place(_CATEGORIES, _REQUEST, _REQUEST),
    "vote.prompt": Place(_CATEGORIES, _REQUEST, _REQUEST | _CATEGORIES, _TICKET - _REQUEST, _BLIND),
}
_SYNTAX = "and else false if in is loop namespace none not or range recursive self true"
RESERVED = frozenset(_SYNTAX.split()).union(*(place.file | place.row for place in PLACES.values()))


def generate_place(vary: Collection[str], *, examples: bool, per_call: int, written: bool = False) -> Place:
    """`generate.prompt` of one file: attributes, examples, tickets not to write again and a count above 1 have to reach
    the teacher."""
    base = PLACES["generate.prompt"]
    wanted = {"examples": examples, "count": per_call > 1, "written": written}
    must = base.must | frozenset(vary) | {name for name, is_set in wanted.items() if is_set}
    return Place(base.file | frozenset(vary), base.row, must)


def refine_place(vary: Collection[str]) -> Place:
    """`refine.prompt` of one file: attributes, examples and count may reach the teacher through generate_prompt."""
    base = PLACES["refine.prompt"]
    return Place(base.file | frozenset(vary), base.row, base.must)


def vote_place(*, abstain: bool) -> Place:
    """`vote.prompt` of one file: where the vote may abstain, the model has to be told how."""
    base = PLACES["vote.prompt"]
    return base._replace(file=base.file | {"none_of_these"}, must=base.must | {"none_of_these"}) if abstain else base
