"""The report's part about diversity: words and lengths by category, repeats, and what each attribute brought."""

from __future__ import annotations

from cortex_distill.diversity import WORDS, Diversity, Spread, Value
from cortex_distill.markup import escaped, table

SHOWN = 40  # rows of a table
_SAID = (
    f"Distinct-1 and distinct-2: share of different words, and pairs of neighbouring words, among the first {WORDS}"
    " words of the kept tickets in the order of their SHA2, so that runs and categories of any size compare; n: words,"
    " where there were fewer."
)


def diversity(found: Diversity | None) -> str:
    """Tables and a sentence; '' without a kept ticket."""
    if found is None:
        return ""
    parts = ["## Diversity", f"{repeats(found)}.", _spreads(found), _SAID, _values(found)]
    return "\n\n".join(part for part in parts if part)


def repeats(found: Diversity) -> str:
    """A sentence about repeats, for the report and the terminal."""
    said = f"{_share(found.repeats, found.written)} of {found.written:,} written tickets repeat another one"
    said += f", {_share(found.near, found.written)} nearly" if found.near else ""
    kept = found.spreads[0].tickets
    return said + (f"; {_share(found.alike, kept)} of {kept:,} kept ones have one that is alike" if found.alike else "")


def in_short(found: Diversity) -> str:
    """One line for the terminal."""
    every = found.spreads[0]
    lengths = f"{every.words[0]:.0f} to {every.words[4]:.0f} words, median {every.words[2]:.0f}"
    return f"distinct-1 {every.distinct_1:.2f}, distinct-2 {every.distinct_2:.2f} (n = {every.sample}); {lengths}"


def _share(number: int, of: int) -> str:
    return f"{number / max(1, of):.1%}"


def _spreads(found: Diversity) -> str:
    spreads = found.spreads[: SHOWN + 1]
    small = any(one.sample < WORDS for one in spreads)
    header = ["kept tickets of", "tickets", "words: least, quartiles, most", "distinct-1", "distinct-2"]
    more = len(found.spreads) - len(spreads)
    rows = [_spread(one, small) for one in spreads] + ([[f"{more} more categories", *[""] * 4]] if more else [])
    return table([*header, *(["n"] if small else [])], rows)


def _spread(one: Spread, small: bool) -> list[str]:
    name = escaped(one.category) or "**all**"
    words = " · ".join(f"{number:.0f}" for number in one.words)
    figures = [f"{one.tickets:,}", words, f"{one.distinct_1:.2f}", f"{one.distinct_2:.2f}"]
    return [name, *figures, *([f"{one.sample:,}"] if small else [])]


def _values(found: Diversity) -> str:
    """How often each text of `vary` was asked for, and how many of its tickets were kept."""
    if not found.values:
        return ""
    rows = [_value(one) for one in found.values[:SHOWN]]
    uneven = "; ".join(f"{name} {low:,} to {high:,}" for name, (low, high) in evenness(found).items())
    said = f"Calls with tickets for each text of an attribute: {escaped(uneven)}."
    more = f"{len(found.values) - SHOWN} more texts are left out." if len(found.values) > SHOWN else ""
    header = ["attribute", "text", "calls", "written", "kept", "of written"]
    return "\n\n".join(part for part in (said, table(header, rows, left=2), more) if part)


def _value(one: Value) -> list[str]:
    numbers = [f"{number:,}" for number in (one.calls, one.written, one.kept)]
    return [escaped(one.attribute), escaped(one.text), *numbers, _share(one.kept, one.written)]


def evenness(found: Diversity) -> dict[str, tuple[int, int]]:
    """Attribute → least and most calls for one of its texts."""
    calls: dict[str, list[int]] = {}
    for one in found.values:
        calls.setdefault(one.attribute, []).append(one.calls)
    return {name: (min(numbers), max(numbers)) for name, numbers in calls.items()}
