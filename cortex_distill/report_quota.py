"""The report's part about quotas: each category from asked to kept, where tickets were lost, and what to change."""

from __future__ import annotations

from cortex_distill.markup import escaped, table
from cortex_distill.quotas import (
    BELOW,
    LEAK,
    OTHER,
    PERSON,
    PLACES,
    REPEATS,
    UNREADABLE,
    UNWRITTEN,
    VOTE,
    Quota,
    Quotas,
)

SHOWN = 40  # rows of the table
NAMED = 5  # categories in a line of advice

REMEDIES = {
    UNWRITTEN: "replies held fewer tickets than were asked for: lower generate.per_call, or raise generate.max_tokens",
    REPEATS: "the teacher repeats itself: add texts to generate.vary, set generate.not_again, raise temperature",
    BELOW: "the judge found them wanting: read column rating of TICKETS, then mend generate.prompt or the definition of"
    " the category, or lower judge.thresholds",
    UNREADABLE: "the judge's replies could not be read: mend judge.prompt, or raise judge.max_tokens",
    VOTE: "the vote saw another category in them: say in the definitions what sets the neighbours apart",
    LEAK: "they also stand among the rows that models are measured on: more variation makes fewer of them",
    PERSON: "a person dropped them in the review: read column remark of REVIEWS",
    OTHER: "read column dropped_because of TICKETS",
}


def quotas(found: Quotas | None) -> str:
    """A table by category, the short ones first, and what to change; '' if everything was filled at once."""
    if found is None or not found.is_shown:
        return ""
    rounds = f"{found.rounds} rounds of at most {found.allowed}" if found.rounds > 1 else "one round"
    full = "Every category is full." if not found.short else ""
    rows = table_rows(found)
    more = f"{len(rows) - SHOWN} more categories are left out." if len(rows) > SHOWN else ""
    parts = ["## Quotas", f"Tickets were asked for in {rounds}. {full}".strip()]
    parts += [table(header(found), [[escaped(row[0]), *row[1:]] for row in rows[:SHOWN]]), more, _advice(found)]
    return "\n\n".join(part for part in parts if part)


def header(found: Quotas) -> list[str]:
    """Of the table; places where nothing was lost are left out."""
    return ["category", "asked", "written", *_places(found), "kept", *(["short by"] if found.short else [])]


def table_rows(found: Quotas) -> list[list[str]]:
    """Cells as plain text: the short categories first, the emptiest at the top, then in the order of the file."""
    full = [one for one in found.rows if not one.short]
    return [_row(found, one) for one in (*found.short, *full)]


def _row(found: Quotas, one: Quota) -> list[str]:
    lost = [one.lost.get(place, 0) for place in _places(found)]
    short = [one.short] if found.short else []
    return [one.category, *(f"{number:,}" for number in (one.asked, one.written, *lost, one.kept, *short))]


def _places(found: Quotas) -> list[str]:
    return [place for place in PLACES if any(one.lost.get(place) for one in found.rows)]


def advice(found: Quotas) -> list[str]:
    """Sentences for the categories that are short, by where they lost most."""
    places: dict[str, list[str]] = {}
    for one in found.short:
        places.setdefault(one.lost_most or OTHER, []).append(one.category)
    said = [f"{_names(names)}: {REMEDIES[place]}" for place, names in places.items()]
    others = [name for place, names in places.items() if place != REPEATS for name in names]
    return said + ([f"{_names(others)}: or raise generate.rounds, now {found.allowed}"] if others else [])


def _advice(found: Quotas) -> str:
    return "\n".join(f"- {escaped(line, 600)}" for line in advice(found))


def _names(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
