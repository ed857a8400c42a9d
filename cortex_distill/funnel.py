"""The way from tickets asked for to tickets split: a picture of bars, and a line of words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from cortex_distill.markup import one_line
from cortex_distill.picture import FAINT, WIDTH, as_image, boxes, words

KEPT, LOST, SHARE = "#0072B2", "#D55E00", "#56B4E9"  # after Okabe and Ito
NAMES = 128  # pixels left of the bars
VALUES = 84  # and right of the longest
ROW, BAR = 30, 18  # pixels from bar to bar, and of a bar
SHARES = ("train", "validation", "test")  # they divide what is left, and lose nothing


class Stage(NamedTuple):
    """One stage of the funnel from asked to split."""

    name: str
    tickets: int
    lost: str  # why the others did not come this far; '' if none were lost


def funnel_words(stages: Sequence[Stage]) -> str:
    """`125 asked for → 124 unique (1 repeat another ticket) → …`."""
    return " → ".join(f"{s.tickets:,} {s.name}{f' ({s.lost})' if s.lost else ''}" for s in stages)


def funnel_chart(stages: Sequence[Stage], title: str) -> str:
    """A Markdown image with a bar per stage; what was lost since the stage before is drawn at its end."""
    import altair as alt  # noqa: PLC0415  half a second, which only a report should pay

    placed = list(_placed(stages))
    names = [{"x": 0, "y": row["y"], "said": row["name"]} for row in placed]
    figures = [{"x": row["end"] + 8, "y": row["y"], "said": row["said"]} for row in placed]
    bars = boxes([bar for row in placed for bar in row["bars"]])
    chart = alt.layer(bars, words(names, limit=NAMES - 8), words(figures, color=FAINT))
    sized = chart.properties(width=WIDTH, height=ROW * len(stages))
    return as_image(sized, title, f"{one_line(title, 120)}: {funnel_words(stages)}")


def _placed(stages: Sequence[Stage]) -> Iterator[dict[str, Any]]:
    most = max((stage.tickets for stage in stages), default=0) or 1
    before = 0
    for number, stage in enumerate(stages):
        share = stage.name in SHARES
        lost = 0 if share else max(before - stage.tickets, 0)
        y = ROW * (number + 0.5)
        ends = [NAMES + (WIDTH - NAMES - VALUES) * count / most for count in (0, stage.tickets, stage.tickets + lost)]
        box = {"y": y - BAR / 2, "bottom": y + BAR / 2}
        bars = [{"x": ends[0], "right": ends[1], "colour": SHARE if share else KEPT, **box}]
        bars += [{"x": ends[1], "right": ends[2], "colour": LOST, **box}] if lost else []
        said = f"{stage.tickets:,}" + (f", lost {lost:,}" if lost else "")
        yield {"name": one_line(stage.name, 40), "said": said, "y": y, "end": ends[2], "bars": bars}
        before = before if share else stage.tickets
