"""What the data card of an export is written from: figures of the run, and the files that were written."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cortex_distill.agreement import Agreement
from cortex_distill.comparison import Accuracy


class Served(NamedTuple):
    """Who answered the calls behind the tickets."""

    step: str
    model: str
    served_by: str
    calls: int


class CardFacts(NamedTuple):
    """Everything that the card says."""

    run_id: str
    experiment: str
    engine: str
    ended_at: str  # the day
    config_hash: str
    git_commit: str
    config: Mapping[str, Any]
    served: Sequence[Served]
    shares: Mapping[tuple[str, str], int]  # (category, split) → kept tickets
    dropped: Sequence[tuple[str, int]]  # reason, tickets
    voted: tuple[int, int]  # tickets with a vote, and with one that agrees
    reviewed: Agreement | None
    arms: Mapping[str, Sequence[Accuracy]]  # by evaluation set

    @property
    def is_synthetic(self) -> bool:
        """Whether the teacher wrote the requests."""
        return bool(self.config.get("source", "synthetic") == "synthetic")


class Files(NamedTuple):
    """What was written: name → rows; the columns; what was left out."""

    format: str
    rows: Mapping[str, int]
    columns: Sequence[str]
    left_out: str = ""
