"""The report's part about weak spots: which categories the tuned student takes for which, and what to do about it."""

from collections.abc import Iterator

from cortex_distill.markup import escaped, table
from cortex_distill.summary import Summary
from cortex_distill.weak_spots import WeakSpot, WeakSpots

_USED_UP = (
    "Whoever changes an experiment because of rows of the {} has used them up: from then on its figure flatters, too."
    " `distill refine` takes its pairs from the validation tickets, unless it is told otherwise."
)


def weak_spots(summary: Summary) -> str:
    """A table per evaluation set, the most trustworthy first; '' if nothing was taken for anything else."""
    parts = [part for found in summary.weak if found.pairs for part in _one_set(found)]
    if not parts:
        return ""
    kept = [found.evaluation_set for found in summary.weak if found.pairs and found.evaluation_set != "validation"]
    notes = [_USED_UP.format(" and the ".join(kept))] if kept else []
    way = f"More tickets for the pairs of the validation tickets: `distill refine {escaped(summary.run_id[:8])}`."
    ways = [way] if any(found.evaluation_set == "validation" and found.pairs for found in summary.weak) else []
    return "\n\n".join(["## Weak spots of the tuned student", *parts, *ways, *notes])


def _one_set(found: WeakSpots) -> Iterator[str]:
    name = found.evaluation_set if found.evaluation_set == "holdout" else f"{found.evaluation_set} tickets"
    rows = sum(pair.rows for pair in found.pairs)
    yield f"### On the {name}: {found.wrong:,} of {found.n:,} wrong, {rows:,} of them in the pairs below"
    yield table(
        ["belongs to", "it said", "rows", "of its rows", "for example"], [_row(pair) for pair in found.pairs], left=5
    )


def _row(pair: WeakSpot) -> list[str]:
    examples = "<br>".join(f"“{escaped(text)}”" for text in pair.requests)
    share = f"{pair.rows / pair.of:.0%} of {pair.of:,}"
    return [escaped(pair.category), escaped(pair.answer), f"{pair.rows:,}", share, examples]
