"""What the trials came to, as a page in Markdown without any address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from requirements.upgrades.pins import Pin
from requirements.upgrades.verdict import Verdict

ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s`'\"<>|)]+")
COLUMNS = ("package", "pinned", "tried", "installs?", "passed", "failed", "first failing test, or what else was wrong")


class Step(NamedTuple):
    """One pin, the version past it, and how that went; no version where nothing newer is out."""

    pin: Pin
    tried: str | None
    verdict: Verdict | None


def page(moved: list[tuple[str, str, str]], allowed: Verdict | None, steps: list[Step], made: str) -> str:
    """The whole page; `allowed` is None if only steps past pins were wanted."""
    words = "was not tested" if allowed is None else "is green" if allowed.green else "is RED"
    newer = table(("package", "in the lock", "newest allowed"), moved) if moved else "Nothing.\n"
    rows = [("all that may move", "the lock", "newest allowed", *_verdict(allowed))] if allowed else []
    rows += map(_step, steps)
    return without_addresses(
        f"# Upgrades\n\n{made}\n\nThe allowed upgrade {words}.\n\n## What would change in the lock\n\n{newer}\n"
        f"## Tried\n\n{table(COLUMNS, rows)}"
    )


def _step(step: Step) -> tuple[str, ...]:
    name = f"{step.pin.name} (asked for by {step.pin.by})" if step.pin.by else step.pin.name
    pinned = step.pin.text.partition(";")[0].strip()
    if step.verdict is None:
        return (name, pinned, step.tried or "nothing newer", "", "", "", "not tried" if step.tried else "")
    return (name, pinned, step.tried or "", *_verdict(step.verdict))


def _verdict(verdict: Verdict) -> tuple[str, ...]:
    if not verdict.installs:
        return ("no", "", "", _short(verdict.said))
    return ("yes", str(verdict.passed), str(verdict.failed), _short(verdict.said))


def _short(text: str) -> str:
    """The last telling words of what a program said, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 400 else f"… {line[-400:]}"


def table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table in Markdown; a bar in a cell stays in the cell."""
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def without_addresses(text: str) -> str:
    """Where packages come from is nobody's business but this machine's."""
    return ADDRESS.sub("(address)", text)
