"""The report's part about replies that could not be used: how many, why, and what one of them said."""

from collections.abc import Sequence

from cortex_distill.lost_replies import Lost
from cortex_distill.markup import breakable, escaped, table

SHOWN = 30  # rows of the table

_SAID = (
    "A ticket or a rating that cannot be read is lost, never guessed; an answer that is not a category and nothing else"
    " is wrong. Cortex's own errors stand where a call failed."
)


def lost_replies(lost: Sequence[Lost]) -> str:
    """A table by step, model, prompt and reason, each with an example; '' if every reply could be used."""
    if not lost:
        return ""
    rows = [_row(one) for one in lost[:SHOWN]]
    more = [f"{len(lost) - SHOWN} more rows are left out."] if len(lost) > SHOWN else []
    header = ["step", "model, prompt", "what was wrong", "for example", "replies", "of"]
    return "\n\n".join(["## Replies that could not be used", _SAID, table(header, rows, left=4), *more])


def _row(one: Lost) -> list[str]:
    asked = ", ".join(breakable(escaped(name)) for name in (one.model, one.prompt) if name)
    return [escaped(one.step), asked, escaped(one.reason), escaped(one.example), f"{one.replies:,}", f"{one.of:,}"]
