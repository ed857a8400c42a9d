"""What came of labelling real requests, in numbers, and how the funnel and the report tell it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cortex_distill.asking import Asked
from cortex_distill.funnel import Stage
from cortex_distill.lost_replies import Lost
from cortex_distill.report_requests import Requests


class Labelled(NamedTuple):
    """The top of the funnel, in requests."""

    requests: int  # rows of the source
    calls: Asked
    empty: int
    too_long: int
    abstained: int  # belong to no category, as the teacher says
    unreadable: int  # no reply, or one that names no category
    labelled: int
    same_id: int  # rows beyond the first with their key; they stay, as tickets of their own
    by_category: Sequence[tuple[str, int]] = ()  # labelled requests, repeats included, in the order of the file
    lost: Sequence[Lost] = ()  # replies that could not be used, by reason

    def stages(self) -> Iterator[Stage]:
        """From the requests to the labelled ones."""
        unusable = [f"{self.empty} empty"] if self.empty else []
        unusable += [f"{self.too_long} too long"] if self.too_long else []
        none = [f"{self.abstained} belong to no category"] if self.abstained else []
        none += [f"{self.unreadable} without a readable label"] if self.unreadable else []
        yield Stage("requests", self.requests, "")
        if unusable:
            yield Stage("usable", self.requests - self.empty - self.too_long, ", ".join(unusable))
        yield Stage("labelled", self.labelled, ", ".join(none))

    def told(self, source: str) -> Requests:
        """For the report; `source` is the file or table."""
        asked = self.calls
        counts = (self.requests, asked.rows, self.abstained, self.same_id)
        return Requests(source, asked.model, *counts, self.by_category)
