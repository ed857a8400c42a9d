"""A confusion matrix as a picture: what was right in blue on the diagonal, what was confused in orange beside it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cortex_distill.markup import one_line
from cortex_distill.picture import FAINT, INK, WIDTH, as_image, boxes, words

if TYPE_CHECKING:
    import altair as alt

RIGHT, WRONG, EMPTY = (0, 114, 178), (213, 94, 0), (240, 241, 243)  # Okabe and Ito's blue and vermilion; pale grey
Cells = Mapping[tuple[str, str], int]
"""(row, column) → count."""

FEW = 13  # columns whose names have room; the names of the rows then have less
NAMES, LONG_NAMES = 128, 200  # pixels for the names of the rows
PANEL_HEAD, PANEL_GAP = 42, 18  # pixels above a small matrix, and between two
SLANT = 64  # pixels that the last slanted name needs on the right
NUMBERED, WRAPPED, NAMED = 24, 66, 18  # narrowest cells that can hold a number, a wrapped name, a slanted name


def heat_map(cells: Cells, rows: Sequence[str], columns: Sequence[str], title: str) -> str:
    """A Markdown image of counts, coloured by the share of their row.

    Cells whose row and column have the same name are blue, all others orange. A column '' is called "no category".
    """
    import altair as alt  # noqa: PLC0415  half a second, which only a report should pay

    sizes = _sizes(len(columns))
    matrix = _matrix(cells, rows, columns, sizes)
    layers = [boxes(matrix), _numbers(matrix), _row_names(rows, sizes), _column_names(columns, sizes)]
    sized = alt.layer(*layers).properties(width=WIDTH, height=max(sizes.height * len(rows), 1))
    return as_image(sized, title, _said(cells, rows, columns, title))


def heat_maps(panels: Mapping[str, Cells], rows: Sequence[str], columns: Sequence[str], title: str) -> str:
    """A Markdown image of several matrices without names, two beside each other; each under its key, which may have
    a second line."""
    import altair as alt  # noqa: PLC0415

    height = 22 if len(rows) <= FEW else 8
    width = min((WIDTH - PANEL_GAP) / 2 / max(len(columns), 1), 36)
    whole = PANEL_HEAD + height * len(rows) + PANEL_GAP
    corners = [((WIDTH + PANEL_GAP) // 2 * (n % 2), whole * (n // 2)) for n in range(len(panels))]
    matrices: list[dict[str, Any]] = []
    for (left, top), cells in zip(corners, panels.values(), strict=True):
        matrices += _matrix(cells, rows, columns, _Sizes(left, width, height, top + PANEL_HEAD))
    layers = [boxes(matrices), _numbers(matrices), *_panel_names(panels, corners)]
    sized = alt.layer(*layers).properties(width=WIDTH, height=whole * ((len(panels) + 1) // 2) - PANEL_GAP)
    said = ". ".join(_said(cells, rows, columns, name) for name, cells in panels.items())
    return as_image(sized, title, f"{one_line(title, 120)}. {said}")


class _Sizes(NamedTuple):
    left: int  # where the cells begin
    width: float
    height: int
    top: int = 0


def _sizes(columns: int) -> _Sizes:
    few = columns <= FEW
    left = NAMES if few else LONG_NAMES
    room = WIDTH - left
    slanted = NAMED <= room / columns < WRAPPED
    return _Sizes(left, min((room - SLANT * slanted) / columns, 92), 32 if few else 20)


def _panel_names(panels: Iterable[str], corners: Sequence[tuple[int, int]]) -> Iterator[alt.Chart]:
    for line, look in ((0, {"fontWeight": 600}), (1, {"color": FAINT})):
        texts = [[*name.split("\n", 1), ""][line] for name in panels]
        places = [{"x": left, "y": top + 8 + 18 * line} for left, top in corners]
        said = [place | {"said": one_line(text, 80)} for place, text in zip(places, texts, strict=True)]
        yield words(said, limit=(WIDTH - PANEL_GAP) // 2 - 12, **look)


def _said(cells: Cells, rows: Sequence[str], columns: Sequence[str], title: str) -> str:
    right = sum(cells.get((row, row), 0) for row in rows)
    total = sum(cells.get((row, column), 0) for row in rows for column in columns)
    wrong = sorted(((n, row, said) for (row, said), n in cells.items() if row != said and n), reverse=True)[:5]
    most = "; ".join(f"{one_line(row, 80)} answered as {_name(said, 80)} {n}×" for n, row, said in wrong)
    return (
        f"{one_line(title, 120)}. {right} of {total} on the diagonal{f'; most often confused: {most}' if most else ''}"
    )


def _name(column: str, longest: int) -> str:
    return one_line(column, longest) or "no category"


def _matrix(cells: Cells, rows: Sequence[str], columns: Sequence[str], sizes: _Sizes) -> list[dict[str, Any]]:
    """Boxes: a pale one for each row, on it one for each cell that is not empty (of 77 categories, 6,000 are)."""
    placed = []
    for down, row in enumerate(rows):
        y = {"y": sizes.top + down * sizes.height, "bottom": sizes.top + (down + 1) * sizes.height - 1}
        right = sizes.left + sizes.width * len(columns)
        placed.append({"x": sizes.left, "right": right, "colour": _mixed(EMPTY, 0), **y})
        total = sum(cells.get((row, column), 0) for column in columns)
        for across, column in enumerate(columns):
            if count := cells.get((row, column), 0):
                x = sizes.left + across * sizes.width
                placed.append({"x": x, "right": x + sizes.width - 1, **_cell(count, total, row == column), **y})
    return placed


def _cell(count: int, total: int, right: bool) -> dict[str, Any]:
    share = count / total
    ink = "white" if share > (0.5 if right else 0.8) else INK
    return {"count": count, "colour": _mixed(RIGHT if right else WRONG, share), "ink": ink}


def _mixed(colour: Sequence[int], share: float) -> str:
    part = 0.12 + 0.88 * share
    return "#" + "".join(f"{round(pale + (full - pale) * part):02x}" for pale, full in zip(EMPTY, colour, strict=True))


def _numbers(matrix: Sequence[Mapping[str, Any]]) -> alt.Chart:
    """In the middle of each cell that has room for one."""
    cells = [box for box in matrix if "count" in box and box["right"] - box["x"] >= NUMBERED]
    middles = [{"x": (box["x"] + box["right"]) / 2, "y": (box["y"] + box["bottom"]) / 2} for box in cells]
    said = [{**place, "said": box["count"], "ink": box["ink"]} for place, box in zip(middles, cells, strict=True)]
    return words(said, align="center")


def _row_names(rows: Sequence[str], sizes: _Sizes) -> alt.Chart:
    places = [{"x": sizes.left - 10, "y": (n + 0.5) * sizes.height} for n in range(len(rows))]
    said = [place | {"said": one_line(row, 80)} for place, row in zip(places, rows, strict=True)]
    return words(said, align="right", limit=sizes.left - 22)


def _column_names(columns: Sequence[str], sizes: _Sizes) -> alt.Chart:
    """Wrapped where cells are wide, slanted where they are narrow; where they are too narrow, a remark."""
    look: dict[str, Any] = {"baseline": "bottom", "lineBreak": "\n", "lineHeight": 16}
    texts = [_name(column, 80) for column in columns]
    if sizes.width >= WRAPPED:
        letters = int(sizes.width / 8)
        texts = ["\n".join(textwrap.wrap(text, letters, max_lines=3, placeholder="…")) or text for text in texts]
        look |= {"align": "center", "limit": sizes.width}
    elif sizes.width >= NAMED:
        look |= {"angle": 315, "limit": 116}
    else:
        texts, look["color"] = ["answers, in the order of the rows"], FAINT
    places = [{"x": sizes.left + (n + 0.5) * sizes.width} for n in range(len(texts))]
    said = [place | {"y": -6 - 16 * text.count("\n"), "said": text} for place, text in zip(places, texts, strict=True)]
    return words(said, **look)
