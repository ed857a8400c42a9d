"""The terminal that every command prints to: as wide as it is, or 120 columns where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from cortex_distill.markup import visible


class Screen(Console):
    """A console on which text from tickets, models and files is seen, and cannot move the cursor or set a title."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for part in super().render(renderable, options):
            yield part if part.control else Segment(visible(part.text), part.style)


console = Screen(width=None if sys.stdout.isatty() else 120)
