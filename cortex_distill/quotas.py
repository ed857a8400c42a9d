"""Where each category's tickets went: asked for, written, lost on the way and why, kept, short by how many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from cortex_distill.sql import Sql

UNWRITTEN, REPEATS, BELOW, UNREADABLE = "not written", "repeats", "below a threshold", "rating unreadable"
VOTE, LEAK, PERSON, OTHER = "vote", "leak", "dropped by a person", "other"
# TICKETS.dropped_because begins with the step.
_PLACES = {
    "generate": REPEATS, "deduplicate": REPEATS, "judge": BELOW, "vote": VOTE, "leak": LEAK, "split": LEAK,
    "review": PERSON,
}  # fmt: skip
PLACES = (REPEATS, BELOW, UNREADABLE, VOTE, LEAK, PERSON, OTHER)
NAMED = 3  # categories in a sentence


class Quota(NamedTuple):
    """One category of a run."""

    category: str
    wanted: int  # kept tickets
    asked: int
    kept: int
    lost: Mapping[str, int]  # of PLACES → tickets that were written and lost there

    @property
    def written(self) -> int:
        """Tickets read from replies."""
        return self.kept + sum(self.lost.values())

    @property
    def short(self) -> int:
        """How many are missing."""
        return max(0, self.wanted - self.kept)

    @property
    def lost_most(self) -> str:
        """Where most were lost, counting those that were asked for and never written; '' if none was."""
        lost = {UNWRITTEN: max(0, self.asked - self.written), **self.lost}
        return max(lost, key=lambda place: lost[place]) if any(lost.values()) else ""


class Quotas(NamedTuple):
    """All categories of a run, in the order of the file."""

    rows: Sequence[Quota]
    rounds: int  # made
    allowed: int

    @property
    def short(self) -> list[Quota]:
        """Categories with fewer tickets than wanted, the emptiest first."""
        return sorted((one for one in self.rows if one.short), key=lambda one: -one.short / one.wanted)

    @property
    def is_shown(self) -> bool:
        """Whether there is anything to say: a run that filled everything at once says nothing."""
        return bool(self.short) or self.rounds > 1

    @property
    def warning(self) -> str:
        """A sentence for the report's head; '' if nothing is short, or if no refill was wanted."""
        short = self.short
        if not short or self.allowed == 1:
            return ""
        named = ", ".join(f"{one.category} {one.kept} of {one.wanted}" for one in short[:NAMED])
        more = f" and {len(short) - NAMED} more" if len(short) > NAMED else ""
        of = f"{len(short)} of {len(self.rows)} categories"
        after = f"{self.rounds} rounds" if self.rounds > 1 else "1 round"
        return f"{of} kept fewer tickets than wanted after {after} ({named}{more}); Quotas says where they were lost"


def lost_sql(run_id: str, unreadable: str) -> Sql:
    """category, place, tickets, without those of refine. `unreadable`: what dropped_because begins with where a rating
    could not be read."""
    return Sql(
        """SELECT category, place, COUNT(*) FROM (
            SELECT category, CASE WHEN kept THEN 'kept' WHEN duplicate_of IS NOT NULL THEN 'generate'
                WHEN STARTSWITH(dropped_because, ?) THEN 'unreadable'
                ELSE COALESCE(SPLIT_PART(dropped_because, ':', 1), '') END AS place
            FROM TICKETS WHERE run_id = ? AND attributes:unlike IS NULL
        ) GROUP BY category, place""",
        (unreadable, run_id),
    )


def quotas_of(rows: Iterable[Sequence[object]], wanted: Mapping[str, int], per_category: int) -> list[Quota]:
    """From the rows of lost_sql. `wanted`: category → tickets that all rounds asked for."""
    kept: dict[str, int] = {}
    lost: dict[str, dict[str, int]] = {category: {} for category in wanted}
    for category, place, tickets in rows:
        name, number = str(category), int(str(tickets))
        if place == "kept":
            kept[name] = number
        elif name in lost:
            where = UNREADABLE if place == "unreadable" else _PLACES.get(str(place), OTHER)
            lost[name][where] = lost[name].get(where, 0) + number
    return [Quota(name, per_category, asked, kept.get(name, 0), lost[name]) for name, asked in wanted.items()]
