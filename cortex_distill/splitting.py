"""Which share each ticket falls into, in plain Python: what tasks/split.py does in SQL, for whoever wants to check it.

The order within a category is that of the SHA2 of the request, so it is the same on every engine, and here. What must
stay together (see TICKETS.together) is ordered by the SHA2 of its name and falls into one share as a whole.
Without such groups the shares of a category are within one ticket of what is asked for, unless that were none to train
or to validate on. With groups they may be off by half the category's largest group, and by what other categories have
in groups with it; each category still has a ticket to train on.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import floor
from typing import NamedTuple

from cortex_distill.replies import AROUND

ROUNDING = 1e-9  # 0.6 · 5 is a little less than 3
# Only what every engine and Python do alike: LOWER of İ or Σ differs between them.
CAPITALS, SMALL, SPACES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "[ \t\n\r\f\v]+"


class Ticket(NamedTuple):
    """What of a kept ticket decides about its share."""

    ticket_id: str
    category: str
    request: str
    together: str | None = None


class Unit(NamedTuple):
    """Tickets that fall into one share: mostly one."""

    order: str  # SHA2
    name: str
    home: str  # the category that it counts for: that of its first ticket
    size: int


def order_of(request: str) -> str:
    """SHA2 of a request without the marks around it, in small ASCII letters and single blanks."""
    small = request.strip(AROUND).translate(str.maketrans(CAPITALS, SMALL))
    return hashlib.sha256(re.sub(SPACES, " ", small).encode()).hexdigest()


def cuts(n: int, train: float, validation: float, test: float) -> tuple[int, int]:
    """Of n tickets, how many are to train on, and how many to train or validate on.

    At least one to train on; of two at least one to validate on.
    """
    whole = floor(n * (train + ROUNDING))
    first = min(max(1, whole), max(1, n - 1))
    rest = floor(n * (test + ROUNDING)) if whole < 1 else n - floor(n * (train + validation + ROUNDING))
    return first, max(n - rest, min(n, first + 1))


def split(tickets: Iterable[Ticket], train: float, validation: float, test: float = 0.0) -> dict[str, str]:
    """ticket_id → train, validation or test. The same whatever the order of the tickets."""
    members: dict[str, list[tuple[str, Ticket]]] = defaultdict(list)
    for ticket in tickets:
        members[ticket.together or ticket.ticket_id].append((order_of(ticket.request), ticket))
    at_home: dict[str, list[Unit]] = defaultdict(list)
    for name, inside in members.items():
        order, first = min(inside, key=lambda pair: (pair[0], pair[1].ticket_id))
        order = order if first.together is None else hashlib.sha256(name.encode()).hexdigest()
        at_home[first.category].append(Unit(order, name, first.category, len(inside)))
    shares: dict[str, str] = {}
    for units in at_home.values():
        units.sort()
        shares |= dict(zip([unit.name for unit in units], _cut(units, (train, validation, test)), strict=True))
    _train_on_all(members, {unit.name: unit for units in at_home.values() for unit in units}, shares)
    return {ticket.ticket_id: shares[name] for name, inside in members.items() for _, ticket in inside}


def _cut(units: Sequence[Unit], asked: tuple[float, float, float]) -> list[str]:
    """A unit falls where its middle ticket falls; the first to train, and one to validate where there are two."""
    first, second = cuts(sum(unit.size for unit in units), *asked)
    shares, before = [], 0
    for place, unit in enumerate(units):
        middle = before + (unit.size + 1) // 2
        shares.append("train" if not place or middle <= first else "validation" if middle <= second else "test")
        before += unit.size
    if "validation" not in shares and len(units) > 1:
        shares[min(shares.count("train"), len(units) - 1)] = "validation"
    return shares


def _train_on_all(members: dict[str, list[tuple[str, Ticket]]], units: dict[str, Unit], shares: dict[str, str]) -> None:
    """A category whose tickets are all in groups elsewhere gets the first of these groups to train on."""
    holding: dict[str, set[Unit]] = defaultdict(set)
    for name, inside in members.items():
        for _, ticket in inside:
            holding[ticket.category].add(units[name])
    for found in [found for found in holding.values() if all(shares[unit.name] != "train" for unit in found)]:
        shares[min(found).name] = "train"
