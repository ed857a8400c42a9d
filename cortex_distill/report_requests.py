"""The report's part about real requests: where they are from, and what the teacher made of them."""

from collections.abc import Sequence
from typing import NamedTuple

from cortex_distill.markup import breakable, escaped, table

_SAID = (
    "The labels are the teacher's: validation measures how well others repeat them, and only a holdout how right they"
    " are. Of each row nothing but its key and the request was read, and only the request went to a model."
)


class Requests(NamedTuple):
    """What came of the source's rows."""

    source: str  # file or table
    teacher: str
    requests: int
    asked: int  # different ones
    abstained: int  # belong to no category, as the teacher says
    same_id: int  # rows beyond the first with their key
    by_category: Sequence[tuple[str, int]]  # labelled ones, repeats included


def requests(found: Requests | None) -> str:
    """Sentences and a table of labels; '' where the teacher wrote the tickets."""
    if found is None:
        return ""
    asked = f"{found.asked:,} different ones were labelled by {found.teacher}"
    said = f"{found.requests:,} requests from {found.source}; {asked}; {found.abstained:,} of all belong to no category"
    same = f" {found.same_id:,} rows have the key of another row, and stay." if found.same_id else ""
    rows = [[breakable(escaped(category)), f"{count:,}"] for category, count in found.by_category]
    text = f"{breakable(escaped(said, 600))}, as it says.{same} {_SAID}"
    return "\n\n".join(["### Requests and their labels", text, table(["category", "requests"], rows)])
