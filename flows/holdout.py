"""`distill holdout`: makes the holdout of an experiment from a copy of public rows that somebody downloaded."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import click

from cortex_distill.config_rows import Columns, Holdout
from cortex_distill.csv_rows import Row, header_of, place_of, read_columns
from cortex_distill.errors import ConfigError
from cortex_distill.load import load_experiment

REQUEST = ("request", "text", "utterance", "question", "query", "message", "sentence")  # usual names, in this order
CATEGORY = ("category", "label", "intent", "class")
KEY = "the downloaded file"
SHOWN = 10  # labels that a message lists


class Picked(NamedTuple):
    """What was taken from the downloaded rows."""

    rows: list[Row]  # request, label; in the order of the file
    labels: Counter[str]  # all of the file
    empty: int


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("downloaded", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--per-category", type=click.IntRange(min=1), help="take so many rows of each category, chosen by SHA2")
@click.option("--request", help="column with the text; found by its usual names")
@click.option("--category", help="column with the label; found by its usual names")
@click.option("--force", is_flag=True, help="write over a holdout that is there")
def holdout(
    config: Path, downloaded: Path, per_category: int | None, request: str | None, category: str | None, force: bool
) -> None:
    """Write the holdout file that CONFIG names, from DOWNLOADED, a CSV file in UTF-8.

    Rows stay whose label is a category, or is mapped to one by holdout.labels; their labels are not changed.
    """
    experiment = load_experiment(config, without_fetched=True)
    wanted = experiment.config.holdout
    if wanted is None or wanted.file is None:
        raise ConfigError(f"{config}: holdout.file: is not given, so there is nothing to write; name a file there")
    target = experiment.path.parent / wanted.file
    if target.exists() and not force:
        raise ConfigError(f"{target} is there; move it away, or write over it with --force")
    names = wanted.columns or Columns()
    columns = _columns(downloaded, (request, names.request, *REQUEST), (category, names.category, *CATEGORY))
    picked = pick(downloaded, columns, wanted, list(experiment.config.categories), per_category)
    write(target, names, picked.rows)
    for line in _said(picked, wanted, list(experiment.config.categories)):
        click.echo(line)
    click.echo(f"wrote {len(picked.rows):,} rows to {target}")


def _columns(path: Path, *choices: Sequence[str | None]) -> list[str]:
    """Of each choice the first name that the file has. Raises ConfigError with the names that it has."""
    header, found = header_of(path, KEY), list[str]()
    for option, choice in zip(("--request", "--category"), choices, strict=True):
        usual = choice[:1] if choice[0] is not None else choice[1:]
        place = next((p for name in usual if name is not None and (p := place_of(name, header)) is not None), None)
        if place is None:
            tried = ", ".join(dict.fromkeys(filter(None, usual)))
            raise ConfigError(f"{path}:1: no column {tried}, but {', '.join(header[:20]) or 'none'}; name it: {option}")
        found.append(header[place])
    return found


def pick(
    path: Path, columns: Sequence[str], wanted: Holdout, categories: Sequence[str], per_category: int | None
) -> Picked:
    """The rows of our categories; of each at most `per_category`, those with the lowest SHA2 of request and label.

    Raises ConfigError if the file is unusable, or has no such row.
    """
    kept: dict[str, list[tuple[str, Row]]] = {}
    labels, empty = Counter[str](), 0
    for row in read_columns(path, columns, KEY):
        request, theirs = row.cells
        labels[theirs] += 1
        ours = (wanted.labels or {}).get(theirs, theirs)
        if ours not in categories:
            continue
        if not request:
            empty += 1
            continue
        ranked = kept.setdefault(str(ours), [])
        ranked.append((sha256(f"{request}\n{theirs}".encode()).hexdigest(), row))
        if per_category is not None and len(ranked) >= 2 * per_category:  # memory grows with what is wanted alone
            ranked[:] = sorted(ranked)[:per_category]
    rows = [row for ranked in kept.values() for _, row in sorted(ranked)[:per_category]]
    if not rows:
        listed = ", ".join(f"'{label}' ({count:,})" for label, count in labels.most_common(SHOWN))
        what = f"no label of column {columns[1]} is a category or mapped to one; it has {listed or 'no row'}"
        raise ConfigError(f"{path}: {what}; map them by holdout.labels, or name another column by --category")
    return Picked(sorted(rows), labels, empty)


def write(target: Path, names: Columns, rows: Sequence[Row]) -> None:
    """The file, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{target.name}.part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([[names.request, names.category], *(row.cells for row in rows)])
    unfinished.replace(target)


def _said(picked: Picked, wanted: Holdout, categories: Sequence[str]) -> list[str]:
    """What became of the labels, and what is missing."""
    labels = wanted.labels or {}
    each = Counter(str(labels.get(row.cells[1], row.cells[1])) for row in picked.rows)
    other = {theirs: n for theirs, n in picked.labels.items() if labels.get(theirs, theirs) not in categories}
    said = [f"  {category}: {each[category]:,} rows" for category in categories]
    said += [f"left out: {sum(other.values()):,} rows of {len(other):,} other labels"] if other else []
    said += [f"left out: {picked.empty:,} without a text"] if picked.empty else []
    return said
