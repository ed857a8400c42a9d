"""The report's part about repeats, groups and leaks: what resembles what, and what was done about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cortex_distill.markup import escaped, table

SHOWN = 10  # examples


class Leak(NamedTuple):
    """A text that resembles a row that models are measured on."""

    why: str
    similarity: float
    request: str
    twin: str  # '' where only its id is known


class Leaks(NamedTuple):
    """What was found between what is learnt from and what is measured on."""

    holdout: int  # rows that tickets were compared with
    tickets: int  # that were dropped for it
    found: Sequence[Leak]  # the most alike of them
    examples: int = 0  # of generate.examples that resemble a holdout row
    shown: Sequence[Leak] = ()
    learnt: bool = False  # whether the student is trained on the examples

    @property
    def caution(self) -> str:
        """About the examples, which nobody drops; '' if none resembles the holdout."""
        if not self.examples:
            return ""
        told = "is trained on them" if self.learnt else "learns from tickets that they inspired"
        said = "1 example resembles a holdout row" if self.examples == 1 else f"{self.examples} examples resemble"
        said += "" if self.examples == 1 else " a holdout row"
        return f"{said}: the student {told}, so the holdout flatters; take them out of generate.examples"


def leaks(found: Leaks | None, repeats: str, together: str) -> str:
    """The section. `repeats` and `together` are a sentence each, or ''."""
    if found is None:
        return ""
    said = [f"Repeats: {escaped(repeats)}." if repeats else "No ticket repeats another."]
    said += [f"Groups: {escaped(together)}." if together else "No kept tickets resemble each other."]
    if found.holdout:
        what = f"{found.tickets} kept tickets left the run" if found.tickets else "no kept ticket resembles any"
        said.append(f"Leaks: tickets were compared with {found.holdout:,} rows of the holdout; {what}.")
    elif found.tickets:
        said.append(f"Leaks: {found.tickets} tickets to train on left the run.")
    rows = [[escaped(one.why), f"{one.similarity:.2f}", escaped(one.request), escaped(one.twin)] for one in found.found]
    rows += [["example, still shown", f"{one.similarity:.2f}", escaped(one.request), escaped(one.twin)]
             for one in found.shown]  # fmt: skip
    caution = f"⚠️ {escaped(found.caution)}." if found.caution else ""
    header = ["what", "alike", "request", "like"]
    return "\n\n".join(
        part
        for part in ("## Repeats and leaks", " ".join(said), caution, table(header, rows, left=4) if rows else "")
        if part
    )
