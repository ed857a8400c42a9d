"""Dot plots and heat maps as Markdown images, for people who see colours differently and for those who see none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from math import ceil, floor
from typing import TYPE_CHECKING, Any, NamedTuple

from cortex_distill.heat_map import heat_map as heat_map
from cortex_distill.heat_map import heat_maps as heat_maps
from cortex_distill.markup import one_line
from cortex_distill.picture import CARD, FAINT, LINE, WIDTH, as_image, drawn, pixels, words

if TYPE_CHECKING:
    import altair as alt

# Colours after Okabe and Ito (2008), told apart with any kind of colour vision; the shapes say it once more.
LOOKS = {
    "base student": ("#D55E00", "square"),
    "tuned student": ("#0072B2", "circle"),
    "teacher": ("#009E73", "diamond"),
}
_NEXT = [("#CC79A7", "triangle-up"), ("#56B4E9", "cross"), ("#E69F00", "triangle-down"), ("#24292f", "stroke")]
JOINED = ("base student", "tuned student")
LEFT, RIGHT = 12, 36  # pixels beside the plot: for the first number of the scale, for the last figure
ABOUT = 170  # pixels for what is said about a row, right of its name
HEAD, PITCH, GAP = 26, 17, 10  # pixels for a row's name, from mark to mark, from row to row


class Mark(NamedTuple):
    """One mark with its interval; shares in [0, 1]."""

    row: str
    """The line of the plot that it stands on, e.g. a run or an arm; what follows a line break is said on the right."""
    series: str
    """`base student`, `tuned student`, `teacher`; any other name gets the next colour and shape."""
    value: float
    low: float
    high: float


def dot_plot(marks: Sequence[Mark], title: str, x: str = "accuracy") -> str:
    """A Markdown image with a line per row, in the order given: base → tuned student joined, intervals as bars.

    Raises ValueError without marks.
    """
    import altair as alt  # noqa: PLC0415  half a second, which only a report should pay

    if not marks:
        raise ValueError("a dot plot needs at least one mark")
    placed, names, height = _placed(marks)
    chart = alt.layer(_between(names), *_dots(placed, f"{one_line(x, 40)}, with its 95 % interval"), *_names(names))
    sized = chart.properties(width=WIDTH, height=height)
    return as_image(sized, title, f"{one_line(title, 120)}. {_said(marks)}")


def _said(marks: Iterable[Mark]) -> str:
    rows: dict[str, list[str]] = {}
    for mark in marks:
        rows.setdefault(mark.row, []).append(f"{mark.series} {mark.value:.2f} ({mark.low:.2f} to {mark.high:.2f})")
    return "; ".join(f"{one_line(row, 120)}: {', '.join(said)}" for row, said in rows.items())


def _placed(marks: Sequence[Mark]) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """Marks and the rows' names above them, with their places in pixels, and the height of all."""
    series = [*LOOKS, *dict.fromkeys(mark.series for mark in marks if mark.series not in LOOKS)]
    placed: list[dict[str, Any]] = []
    names: list[dict[str, Any]] = []
    top = 0
    for number, row in enumerate(dict.fromkeys(mark.row for mark in marks)):
        mine = sorted((mark for mark in marks if mark.row == row), key=lambda mark: series.index(mark.series))
        name, _, about = row.partition("\n")
        names.append({"name": one_line(name, 80), "about": one_line(about, 80), "y": top})
        for n, mark in enumerate(mine):
            place = {"row": number, "series": one_line(mark.series, 40), "y": top + HEAD + PITCH * (n + 0.5)}
            placed.append({**mark._asdict(), **place, "said": f"{mark.value:.2f}"})
        top += HEAD + PITCH * len(mine) + GAP
    return placed, names, top


def _dots(placed: list[dict[str, Any]], title: str) -> Iterator[alt.Chart]:
    """From the back to the front: what joins two marks, intervals, marks, figures."""
    import altair as alt  # noqa: PLC0415

    low, high = floor(min(mark["low"] for mark in placed) * 10), ceil(max(mark["high"] for mark in placed) * 10 - 1e-9)
    ticks = [tick / 10 for tick in range(low, max(high, low + 1) + 1)]
    scale = alt.Scale(domain=[ticks[0], ticks[-1]], range=[LEFT, WIDTH - RIGHT], nice=False)
    axis = alt.Axis(title=title, values=ticks, format=".1f", titlePadding=6)
    y = pixels(alt.Y, "y")

    def across(field: str) -> alt.X:
        return alt.X(field, type="quantitative", scale=scale, axis=axis)

    looks = _looks(placed)
    colour = alt.Color("series:N", scale=alt.Scale(domain=list(looks), range=[look[0] for look in looks.values()]))
    shape = alt.Shape("series:N", scale=alt.Scale(domain=list(looks), range=[look[1] for look in looks.values()]))
    join = drawn(_joins(placed)).mark_rule(color="#a9afb8", strokeWidth=1.5)
    yield join.encode(x=across("from"), x2="to:Q", y=y, y2="end:Q")
    bars = drawn(placed).mark_rule(strokeWidth=4, opacity=0.4, strokeCap="round")
    yield bars.encode(x=across("low"), x2="high:Q", y=y, color=colour)
    dots = drawn(placed).mark_point(filled=True, size=105, opacity=1)
    yield dots.encode(x=across("value"), y=y, color=colour, shape=shape)
    said = [{**mark, "x": 0} for mark in placed]
    yield words(said, dx=7, stroke=CARD, strokeWidth=5).encode(x=across("high"))  # what joins two marks ends before it
    yield words(said, dx=7).encode(x=across("high"))


def _looks(placed: Iterable[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    shown = dict.fromkeys(mark["series"] for mark in placed)
    others = zip((name for name in shown if name not in LOOKS), cycle(_NEXT), strict=False)
    return {name: look for name, look in LOOKS.items() if name in shown} | dict(others)


def _joins(placed: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    rows: dict[int, dict[str, dict[str, Any]]] = {}
    for mark in placed:
        rows.setdefault(mark["row"], {})[mark["series"]] = mark
    pairs = [tuple(row[name] for name in JOINED) for row in rows.values() if all(name in row for name in JOINED)]
    return [{"from": a["value"], "to": b["value"], "y": a["y"], "end": b["y"]} for a, b in pairs]


def _between(names: Sequence[dict[str, Any]]) -> alt.Chart:
    """A faint line between the rows."""
    import altair as alt  # noqa: PLC0415

    ruled = drawn([{"left": 0, "right": WIDTH, "y": name["y"]} for name in names[1:]])
    lines: alt.Chart = ruled.mark_rule(color=LINE)
    return lines.encode(x=pixels(alt.X, "left"), x2="right:Q", y=pixels(alt.Y, "y"))


def _names(names: Sequence[dict[str, Any]]) -> Iterator[alt.Chart]:
    wide = WIDTH - ABOUT if any(name["about"] for name in names) else WIDTH
    left = [{"x": 0, "y": name["y"] + 15, "said": name["name"]} for name in names]
    yield words(left, fontWeight=600, limit=wide - 12)
    right = [{"x": WIDTH, "y": name["y"] + 15, "said": name["about"]} for name in names]
    yield words(right, color=FAINT, align="right", limit=ABOUT - 10)
