"""A confusion matrix as a picture: what was right in blue on the diagonal, what was confused in orange beside it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cortex_distill.markup import one_line
from cortex_distill.picture import FAINT, INK, WIDTH, as_image, drawn, pixels, words

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

    sizes = _sizes(len(rows), len(columns))
    layers = [*_matrix(cells, rows, columns, sizes), *_row_names(rows, sizes), *_column_names(columns, sizes)]
    sized = alt.layer(*layers).properties(width=WIDTH, height=max(sizes.height * len(rows), 1))
    return as_image(sized, title, _said(cells, rows, columns, title))


def heat_maps(panels: Mapping[str, Cells], rows: Sequence[str], columns: Sequence[str], title: str) -> str:
    """A Markdown image of several matrices without names, two beside each other; each under its key, which may have
    a second line."""
    import altair as alt  # noqa: PLC0415

    height = 22 if len(rows) <= FEW else 8
    whole = PANEL_HEAD + height * len(rows) + PANEL_GAP
    layers: list[alt.Chart] = []
    said = []
    for number, (name, cells) in enumerate(panels.items()):
        left, top = (WIDTH + PANEL_GAP) // 2 * (number % 2), whole * (number // 2)
        sizes = _Sizes(left, min((WIDTH - PANEL_GAP) / 2 / len(columns), 36), height, top + PANEL_HEAD)
        layers += [*_panel_name(name, left, top), *_matrix(cells, rows, columns, sizes)]
        said.append(_said(cells, rows, columns, name))
    sized = alt.layer(*layers).properties(width=WIDTH, height=whole * ((len(panels) + 1) // 2) - PANEL_GAP)
    return as_image(sized, title, f"{one_line(title, 120)}. {'. '.join(said)}")


class _Sizes(NamedTuple):
    left: int  # where the cells begin
    width: float
    height: int
    top: int = 0


def _sizes(rows: int, columns: int) -> _Sizes:
    few = columns <= FEW
    left = NAMES if few else LONG_NAMES
    room = WIDTH - left
    slanted = NAMED <= room / columns < WRAPPED
    return _Sizes(left, min((room - SLANT * slanted) / columns, 92), 32 if few else 20)


def _matrix(cells: Cells, rows: Sequence[str], columns: Sequence[str], sizes: _Sizes) -> list[alt.Chart]:
    placed = list(_cells(cells, rows, columns, sizes))
    numbers = _numbers(placed) if sizes.width >= NUMBERED else ()
    return [_ground(sizes, len(rows), len(columns)), _boxes(placed), *numbers]


def _panel_name(name: str, left: int, top: int) -> Iterator[alt.Chart]:
    import altair as alt  # noqa: PLC0415

    for line, text in enumerate(name.split("\n", 1)):
        said = drawn([{"x": left, "y": top + 8 + 18 * line, "said": one_line(text, 80)}])
        look = {"color": FAINT} if line else {"fontWeight": 600}
        text_ = words(said, "said", align="left", limit=(WIDTH - PANEL_GAP) // 2 - 12, **look)
        yield text_.encode(x=pixels(alt.X, "x"), y=pixels(alt.Y, "y"))


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


def _cells(cells: Cells, rows: Sequence[str], columns: Sequence[str], sizes: _Sizes) -> Iterator[dict[str, Any]]:
    """The cells that are not empty: 77 categories have 6,000 cells."""
    for down, row in enumerate(rows):
        total = sum(cells.get((row, column), 0) for column in columns)
        for across, column in enumerate(columns):
            if count := cells.get((row, column), 0):
                x, y = sizes.left + across * sizes.width, sizes.top + down * sizes.height
                place = {"x": x, "right": x + sizes.width, "y": y, "bottom": y + sizes.height}
                middle = {"middle": x + sizes.width / 2, "level": y + sizes.height / 2}
                colour = _mixed(RIGHT if row == column else WRONG, count / total)
                yield (
                    place
                    | middle
                    | {"count": count, "colour": colour, "dark": count / total > (0.5 if row == column else 0.8)}
                )


def _mixed(colour: Sequence[int], share: float) -> str:
    part = 0.12 + 0.88 * share
    return "#" + "".join(f"{round(pale + (full - pale) * part):02x}" for pale, full in zip(EMPTY, colour, strict=True))


def _ground(sizes: _Sizes, rows: int, columns: int) -> alt.Chart:
    import altair as alt  # noqa: PLC0415

    right = sizes.left + sizes.width * columns
    lines = drawn([{"x": sizes.left, "right": right, "y": sizes.top + n * sizes.height + 1} for n in range(rows)])
    box = lines.transform_calculate(bottom=f"datum.y + {sizes.height - 2}").mark_rect(color="#f0f1f3")
    placed: alt.Chart = box.encode(x=pixels(alt.X, "x"), x2="right:Q", y=pixels(alt.Y, "y"), y2="bottom:Q")
    return placed


def _boxes(placed: Sequence[Mapping[str, Any]]) -> alt.Chart:
    import altair as alt  # noqa: PLC0415

    colour = alt.Color("colour", type="nominal", scale=None, legend=None)
    box = drawn(placed).mark_rect(stroke="white", strokeWidth=1)
    coloured: alt.Chart = box.encode(
        x=pixels(alt.X, "x"), x2="right:Q", y=pixels(alt.Y, "y"), y2="bottom:Q", color=colour
    )
    return coloured


def _numbers(placed: Sequence[Mapping[str, Any]]) -> Iterator[alt.Chart]:
    import altair as alt  # noqa: PLC0415

    for dark, colour in ((True, "white"), (False, INK)):
        cells = [cell for cell in placed if cell["dark"] == dark]
        yield words(drawn(cells), "count", align="center", color=colour).encode(
            x=pixels(alt.X, "middle"), y=pixels(alt.Y, "level")
        )


def _row_names(rows: Sequence[str], sizes: _Sizes) -> Iterator[alt.Chart]:
    import altair as alt  # noqa: PLC0415

    names = [
        {"x": sizes.left - 10, "y": (n + 0.5) * sizes.height, "said": one_line(row, 80)} for n, row in enumerate(rows)
    ]
    text = words(drawn(names), "said", align="right", limit=sizes.left - 22)
    yield text.encode(x=pixels(alt.X, "x"), y=pixels(alt.Y, "y"))


def _column_names(columns: Sequence[str], sizes: _Sizes) -> Iterator[alt.Chart]:
    """Wrapped where cells are wide, slanted where they are narrow; where they are too narrow, a remark."""
    import altair as alt  # noqa: PLC0415

    look: dict[str, Any] = {"baseline": "bottom", "align": "left", "lineBreak": "\n", "lineHeight": 16}
    texts = [_name(column, 80) for column in columns]
    if sizes.width >= WRAPPED:
        letters = int(sizes.width / 8)
        texts = ["\n".join(textwrap.wrap(text, letters, max_lines=3, placeholder="…")) or text for text in texts]
        look |= {"align": "center", "limit": sizes.width}
    elif sizes.width >= NAMED:
        look |= {"angle": 315, "limit": 116}
    else:
        texts, look["color"] = ["answers, in the order of the rows"], FAINT
    names = [
        {"x": sizes.left + (n + 0.5) * sizes.width, "y": -6 - 16 * text.count("\n"), "said": text}
        for n, text in enumerate(texts)
    ]
    yield words(drawn(names), "said", **look).encode(x=pixels(alt.X, "x"), y=pixels(alt.Y, "y"))
