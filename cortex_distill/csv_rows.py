"""Rows of a CSV file with a header, one at a time, by the names of the columns that are wanted and no others."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cortex_distill.errors import ConfigError

LONGEST_CELL = 16_000_000  # characters; a Snowflake text holds 16 MB, and csv's own limit is an eighth of a megabyte
REMEDIES = {
    "holdout.file": "; name its own by holdout.columns",
    "source.file": "; name its own by source.request and source.id",
}


class Row(NamedTuple):
    """The cells that were asked for, in that order, without blanks around them."""

    line: int  # the last one that it takes up, from 1
    cells: list[str]


def place_of(column: str, header: Sequence[str]) -> int | None:
    """Which column of the header is meant: the name as written, else but for case and blanks; None if there is none."""
    folded = [name.strip().casefold() for name in header]
    if column in header:
        return list(header).index(column)
    wanted = column.strip().casefold()
    return folded.index(wanted) if wanted in folded else None


def header_of(path: Path, key: str) -> list[str]:
    """The names in the first line. Raises as read_columns."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, key, error) from error


def read_columns(path: Path, columns: Sequence[str], key: str) -> Iterator[Row]:
    """The rows of a file, blank lines left out. Raises ConfigError with path and `key`, where the file is named."""
    csv.field_size_limit(LONGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            places = _places(path, next(reader, []), columns, key)
            for cells in reader:
                if cells:
                    yield Row(reader.line_num, [cells[n].strip() if n < len(cells) else "" for n in places])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, key, error) from error


def _places(path: Path, header: Sequence[str], columns: Sequence[str], key: str) -> list[int]:
    found = {column: place_of(column, header) for column in columns}
    if missing := sorted(column for column, place in found.items() if place is None):
        has = f", and has {', '.join(header[:20])}" if header else ""
        what = f"no column {', '.join(missing)}; it needs {', '.join(columns)}{has}"
        raise ConfigError(f"{path}:1: {key}: {what}{REMEDIES.get(key, '')}")
    return [place for column in columns if (place := found[column]) is not None]


def _unreadable(path: Path, key: str, error: Exception) -> ConfigError:
    return ConfigError(f"{path}: {key}: cannot be read ({error}); give a CSV file in UTF-8")
