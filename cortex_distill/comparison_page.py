"""A comparison as Markdown that renders in both Prefect UIs. Foreign text is escaped."""

from __future__ import annotations

from collections.abc import Iterator

from cortex_distill import leaderboard
from cortex_distill.charts import Mark, dot_plot
from cortex_distill.comparison import REST, Change, Comparison, Side
from cortex_distill.differences import ABSENT
from cortex_distill.markup import breakable, escaped, fenced, run_link, table
from cortex_distill.prompt_diff import differences

LONGEST_CELL = 60
NOT_SET = "–"


def markdown(found: Comparison) -> str:
    """The whole page: cautions, the verdict in words, a picture, figures, tests, and what differs between the runs."""
    parts = [
        "\n\n".join(f"⚠️ **{escaped(said[:1].upper() + said[1:])}.**" for said in found.cautions),
        f"# {breakable(escaped(found.title))}\n\n**{escaped(found.headline)}**",
        f"[Leaderboard](../key/{leaderboard.key(found.engine)})",
        picture(found),
        figures(found),
        tests(found),
        *settings(found),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def picture(found: Comparison) -> str:
    """Base → tuned student with the teacher's mark, a line per run; of base student and teacher the best variant."""
    marks = [mark for run in found.runs for mark in _marks(run)]
    sizes = sorted({arm.n for run in found.runs for arm in run.arms if arm.role == found.role})
    n = f"n = {'–'.join(f'{size:,}' for size in sizes)}"
    return dot_plot(marks, f"{found.title} on {_where(found)}, {n}") if marks else ""


def _marks(run: Side) -> Iterator[Mark]:
    row = f"{run.letter}  {run.special}\n{run.run_id[:8]}, {run.ended_at:%d %b %H:%M}"
    for role in ("base student", "tuned student", "teacher"):
        if arm := run.best(role):
            yield Mark(row, role, arm.value, *arm.interval)


def _where(found: Comparison) -> str:
    return "the holdout" if found.evaluation_set == "holdout" else f"{found.evaluation_set} tickets"


def figures(found: Comparison) -> str:
    """A line per run, narrow: the newer UI lets a wide table run into what stands beside it."""
    header = ["", "run", "tuned student", "F1", "base", "teacher", "rows"]
    rows = [
        [
            f"**{run.letter}**",
            f"{breakable(escaped(run.special))} {run_link(run.run_id[:8], run.run_id)}",
            *_of(run, "tuned student", f1=True),
            *_of(run, "base student"),
            *_of(run, "teacher"),
            f"{run.trained_rows:,}",
        ]
        for run in found.runs
    ]
    about = f"F1: macro; rows: what the student was trained on. {_best_prompts(found)}"
    return f"## Accuracy on {_where(found)}, with 95 % intervals\n\n{table(header, rows, left=2)}\n\n{about}"


def _best_prompts(found: Comparison) -> str:
    """Which variants stand behind the figures of base student and teacher."""
    letters: dict[tuple[str, ...], list[str]] = {}
    for run in found.runs:
        best = (run.best("base student"), run.best("teacher"))
        letters.setdefault(tuple(arm.variant if arm else NOT_SET for arm in best), []).append(run.letter)
    said = [f"{', '.join(runs)}: {' and '.join(map(escaped, pair))}" for pair, runs in letters.items()]
    return f"Base and teacher with the best prompt of each ({'; '.join(said)})."


def _of(run: Side, role: str, *, f1: bool = False) -> list[str]:
    arm = run.best(role)
    if arm is None:
        return [NOT_SET, NOT_SET] if f1 else [NOT_SET]
    if f1:
        return [f"**{arm.figure}**", f"{arm.macro_f1:.2f}"]
    return [f"{arm.value:.2f}"]


def tests(found: Comparison) -> str:
    """Every pair; differences that are shown first and in bold, and many that are not in a table."""
    said = found.sentences
    lines = [f"- {'**' * one.verdict.is_shown}{escaped(one.text, 600)}{'**' * one.verdict.is_shown}" for one in said]
    about = (
        "Differences with 95 % intervals. Exact tests, p corrected after Holm over all pairs below; macro F1 with a"
        " paired bootstrap."
    )
    parts = [f"## Which differences are shown ({found.role})", about, "\n".join(lines)] if found.tested else []
    if rows := [[breakable(escaped(pair)), *map(escaped, cells)] for pair, *cells in found.rows]:
        parts += [f"No difference shown between these ({found.about_rows}):", table(list(REST), rows)]
    return "\n\n".join(part for part in parts if part)


def settings(found: Comparison) -> Iterator[str]:
    """What differs between the configs: short values in a table, prompts and other texts word by word."""
    if not found.changes:
        yield "## Settings\n\nThe configs are the same."
        return
    short = [change for change in found.changes if not _is_long(change)]
    yield "## What differs between the configs"
    if short:
        header = ["setting", *(run.letter for run in found.runs)]
        rows = [[breakable(escaped(change.key)), *map(_cell, change.values)] for change in short]
        yield table(header, rows, left=len(header))
    for change in found.changes:
        if _is_long(change):
            yield from _texts(found, change)


def _is_long(change: Change) -> bool:
    return any(len(value) > LONGEST_CELL or "\n" in value for value in change.values)


def _cell(value: str) -> str:
    return NOT_SET if value == ABSENT else breakable(escaped(value, LONGEST_CELL))


def _texts(found: Comparison, change: Change) -> Iterator[str]:
    """The first run's text in full, then each other one once, with its differences from the first."""
    letters: dict[str, list[str]] = {}
    for run, value in zip(found.runs, change.values, strict=True):
        letters.setdefault(value, []).append(run.letter)
    first, *others = letters
    yield f"### {breakable(escaped(change.key))}"
    yield f"{', '.join(letters[first])}:\n\n{'not set' if first == ABSENT else fenced(first)}"
    for text in others:
        names = ", ".join(letters[text])
        if ABSENT in (first, text):
            yield f"{names}:\n\n{'not set' if text == ABSENT else fenced(text)}"
        else:
            beside = f"{names}, beside {letters[first][0]}, with **new** and ~~dropped~~ words:"
            yield f"{beside}\n\n{differences(first, text)}"
