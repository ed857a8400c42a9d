"""A comparison of runs in a terminal: cautions, figures, what differs, tests."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from rich.text import Text

from cortex_distill.comparison import REST, Change, Comparison, Side
from cortex_distill.differences import ABSENT
from flows.terminal import address_of, console, plain

if TYPE_CHECKING:
    from rich.table import Table

LONGEST_CELL = 60
AROUND = 6  # words of context beside a difference


def show_comparison(found: Comparison) -> None:
    """Cautions first, then the verdict, figures, what differs between the configs, and every test."""
    for caution in found.cautions:
        console.print(Text(f"! {caution}", style="yellow"))
    console.print()
    console.print(_figures(found))
    for line in _settings(found):
        console.print(line)
    console.print("\n[bold]Which differences are shown[/bold] (Holm over all pairs)", highlight=False)
    for one in found.sentences:
        console.print(Text(f"  {one.text}", style="bold" if one.verdict.is_shown else ""))
    if rows := found.rows:
        console.print()
        console.print(_rest(rows, found.about_rows))
    console.print(Text(f"\n{found.headline}", style="bold"))
    if address := address_of(found.artifact):
        console.print(f"with a picture: {address}", highlight=False, soft_wrap=True)


def _figures(found: Comparison) -> Table:
    columns = [("", ""), ("run", ""), ("what is special", ""), ("n", "right"), ("tuned student", "right")]
    columns += [("F1", "right"), ("best base", "right"), ("best teacher", "right"), ("trained on", "right")]
    spare = ["F1", "trained on", "what is special", "best base", "best teacher"]  # the lines below say what is special
    table = plain(f"{found.title} ({found.evaluation_set}, accuracy with 95 % interval)", columns, spare)
    for run in found.runs:
        table.add_row(*(Text(cell) for cell in _cells(run)))
    return table


def _cells(run: Side) -> Iterator[str]:
    tuned, base, teacher = (run.best(role) for role in ("tuned student", "base student", "teacher"))
    yield from (run.letter, run.run_id[:8], run.special)
    yield from (f"{tuned.n:,}", tuned.figure, f"{tuned.macro_f1:.2f}") if tuned else ("–", "–", "–")
    yield from (f"{arm.value:.2f} {arm.variant}" if arm else "–" for arm in (base, teacher))
    yield f"{run.trained_rows:,} rows"


def _rest(rows: list[tuple[str, ...]], about: str) -> Table:
    """Pairs without a shown difference, when they are many."""
    columns = [(name, "" if name == "pair" else "right") for name in REST]
    table = plain(f"No difference shown between these {len(rows)}", columns, spare=["F1", "could find"])
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    table.caption, table.caption_justify = about, "left"
    return table


def _settings(found: Comparison) -> Iterator[Text]:
    """A line per setting; of long texts, the words that differ from the first run's."""
    yield Text("What differs between the configs" if found.changes else "The configs are the same", style="bold")
    for change in found.changes:
        if any(len(value) > LONGEST_CELL or "\n" in value for value in change.values):
            yield from _texts(found, change)
        else:
            values = (
                f"{run.letter} {'–' if value == ABSENT else value}"
                for run, value in zip(found.runs, change.values, strict=True)
            )
            yield Text(f"  {change.key}: {', '.join(values)}")


def _texts(found: Comparison, change: Change) -> Iterator[Text]:
    first = change.values[0]
    for run, value in list(zip(found.runs, change.values, strict=True))[1:]:
        if value == first:
            continue
        line = Text(f"  {change.key}, {run.letter} beside {found.runs[0].letter}: ")
        line.append_text(word_diff("" if first == ABSENT else first, "" if value == ABSENT else value))
        yield line


def word_diff(old: str, new: str) -> Text:
    """New words green, dropped ones red and struck through; of a long stretch that both have only its ends."""
    before, after, said = old.split(), new.split(), Text()
    for what, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            words = after[c:d]
            short = words if len(words) <= 2 * AROUND else [*words[:AROUND], "…", *words[-AROUND:]]
            said.append(" ".join(short) + " ")
        if a < b and what != "equal":
            said.append(" ".join(before[a:b]), style="red strike").append(" ")
        if c < d and what != "equal":
            said.append(" ".join(after[c:d]), style="bold green").append(" ")
    return said
