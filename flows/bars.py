"""What a run looks like in a terminal while it works: bars, or a line now and then where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from flows.terminal import console
from tasks import preflight, step

if TYPE_CHECKING:
    from cortex_distill import ledger

SECONDS_BETWEEN_LINES = 15.0


@contextmanager
def progress_bars() -> Iterator[None]:
    """One bar for each batch of model calls. Without a terminal, a line now and then."""
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description:<38}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[failed]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        listener = _bar_listener(bars) if console.is_terminal else _line_listener()
        step.listeners.append(listener)
        preflight.listeners.append(_warn)
        try:
            yield
        finally:
            step.listeners.remove(listener)
            preflight.listeners.remove(_warn)


def _warn(warning: str) -> None:
    console.print(Text(f"! {warning}", style="yellow"))


def _bar_listener(bars: Progress) -> Any:
    ids: dict[str, Any] = {}

    def listen(title: str, now: ledger.Progress) -> None:
        if title not in ids:
            ids[title] = bars.add_task(title, total=now.calls, failed="")
        failed = f"[red]{now.failed} failed" if now.failed else ""
        bars.update(ids[title], completed=now.done, total=now.calls, failed=failed)

    return listen


def _line_listener() -> Any:
    last = time.monotonic()

    def listen(title: str, now: ledger.Progress) -> None:
        nonlocal last
        ended = now.done >= now.calls
        if ended or (now.done and time.monotonic() - last > SECONDS_BETWEEN_LINES):
            last = time.monotonic()
            failed = f", {now.failed} failed" if now.failed else ""
            console.print(f"{title}: {now.done} of {now.calls} in {now.seconds:.0f} s{failed}", highlight=False)

    return listen
