"""A short example for a key of the experiment file: what a file in configs/ really says, cut where it is long."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = ("support_tickets.yaml", "inbox.yaml", "banking77.yaml", "quickstart_405b.yaml")
LONGEST_LINE, MOST_LINES = 100, 14
CUT = "…"


class Example(NamedTuple):
    """Text, and the file it stands in; None where it is an example of the model's own."""

    text: str
    file: str | None


def example_of(key: str, given: list[Any] | None = None) -> Example | None:
    """From the first of FILES that has the key, else from the examples of the field."""
    for name in FILES:
        text = (CONFIGS / name).read_text(encoding="utf-8")
        if found := lines_of(key, text):
            return Example(shortened(found), name)
    if given:
        return Example(yaml.safe_dump({key: given[0]}, sort_keys=False, allow_unicode=True, width=110), None)
    return None


def lines_of(key: str, text: str) -> list[str]:
    """The lines of a key of the first level, with what stands under it; [] where the file lacks it."""
    root = yaml.compose(text)
    assert isinstance(root, yaml.MappingNode)
    starts = [each.start_mark.line for each, _ in root.value]
    for (each, _), end in zip(root.value, [*starts[1:], None], strict=True):
        if each.value == key:
            return _without_tail(text.splitlines()[each.start_mark.line : end])
    return []


def _without_tail(lines: list[str]) -> list[str]:
    """Blank lines and comments at the end belong to the next key."""
    while lines and (not lines[-1].strip() or lines[-1].startswith("#")):
        lines = lines[:-1]
    return lines


def shortened(lines: list[str]) -> str:
    """Long lines and long texts are cut, and a sign says so."""
    cut = [line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 2].rstrip()} {CUT}" for line in lines]
    kept: list[str] = []
    block, shown = -1, 0  # indentation of the text that we are in, and its lines so far
    for line in cut:
        indent = len(line) - len(line.lstrip())
        if block >= 0 and (not line.strip() or indent > block):
            shown += 1
            if shown <= 2:
                kept.append(line)
            elif shown == 3:
                kept.append(f"{' ' * (block + 2)}{CUT}")
            continue
        block, shown = (indent if line.rstrip().endswith("|") else -1), 0
        kept.append(line)
    return "\n".join(kept[:MOST_LINES] + ([CUT] if len(kept) > MOST_LINES else [])) + "\n"
