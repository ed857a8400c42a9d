"""Tables without lines around them that fit the terminal: in a narrow one no cell is cut off in silence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rich import box
from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

GAP = re.compile(r" (?![^(]*\))")  # not the one in `accuracy (95 %)`
WIDEST = 10_000  # columns: more than any table wants


class PlainTable(Table):
    """Where the terminal is too narrow, heads take two lines, then columns move together, then those of `spare` go, in
    that order; what is still too wide is folded. Figures are never cut."""

    spare: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for narrower in (self._break_heads, self._move_together, *(self._without(name) for name in self.spare)):
            if self.__rich_measure__(console, options.update(max_width=WIDEST)).maximum <= options.max_width:
                break
            narrower()
        yield from super().__rich_console__(console, options)  # type: ignore[misc]

    def _break_heads(self) -> None:
        for column in self.columns:
            column.header = GAP.sub("\n", str(column.header)) if column.no_wrap else column.header

    def _move_together(self) -> None:
        self.collapse_padding = True

    def _without(self, name: str) -> Callable[[], None]:
        def leave_out() -> None:
            kept = [column for column in self.columns if str(column.header).replace("\n", " ") != name]
            self.columns = [replace(column, _index=place) for place, column in enumerate(kept)]

        return leave_out


def plain(title: str, columns: list[tuple[str, str]], spare: Sequence[str] = ()) -> PlainTable:
    """A table without lines around it; columns as (name, `right` or anything else), and those that a narrow terminal
    does without."""
    table = PlainTable(title=Text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for name, side in columns:
        right = side == "right"
        table.add_column(name, justify="right" if right else "left", no_wrap=right, overflow="fold")
    table.spare = spare
    return table
