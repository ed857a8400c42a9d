"""Rows as files: JSON lines, CSV, Parquet, a Hugging Face folder, chats for fine-tuning. The same rows, the same bytes.

Every writer takes pages of rows and holds one of them. JSON lines: a character that some readers take for a line end
inside a text is escaped. CSV: see `csv_cell`. Parquet and CSV hold attributes and rating as JSON texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

Row = dict[str, Any]
Pages = Iterable[list[Row]]

COLUMNS = (
    "ticket_id", "category", "request", "scenario", "split", "attributes", "rating", "round", "vote", "duplicate_of",
    "similarity", "together", "source_key",
)  # fmt: skip
DROPPED = ("kept", "dropped_because")  # beside them where dropped tickets are exported, too
OBJECTS = frozenset({"attributes", "rating"})
NUMBERS: dict[str, type[int] | type[float] | type[bool]] = {"round": int, "similarity": float, "kept": bool}
SPLITS = ("train", "validation", "test")

# A spreadsheet takes a cell that begins so for a formula, or skips the character and looks at the next one:
# https://owasp.org/www-community/attacks/CSV_Injection ; the wide ones are read as the narrow ones in some languages.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
GUARD = "'"
_LINE_ENDS = {"\u0085": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}  # for readers, such as str.splitlines


def json_line(value: object) -> str:
    """A value as JSON on one line."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    for character, escape in _LINE_ENDS.items():
        text = text.replace(character, escape)
    return text


def csv_cell(value: object) -> str:
    """One cell. NULL is empty, a text always stands in quotes, also an empty one.

    A text that begins like a formula gets one `'` in front, and so does one that begins with `'`. So a reader undoes it
    by taking one `'` away from every text that begins with it.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    guarded = GUARD + text if text.startswith((*FORMULA, GUARD)) else text
    return '"' + guarded.replace('"', '""') + '"'


def write_jsonl(path: Path, pages: Pages) -> int:
    """One JSON object per line; how many."""
    return _write_lines(path, (json_line(_ordered(row)) for page in pages for row in page))


def write_csv(path: Path, columns: Sequence[str], pages: Pages) -> int:
    """RFC 4180: CRLF after each row, line ends inside a text as they are; how many rows below the header."""
    flat = (_flat(row) for page in pages for row in page)
    lines = (",".join(csv_cell(row[name]) for name in columns) for row in flat)
    return _write_lines(path, lines, head=[",".join(columns)], end="\r\n")


def write_parquet(path: Path, columns: Sequence[str], pages: Pages) -> int:
    """One file with a row group per page; how many rows."""
    rows = 0
    with _parquet(path, columns) as write:
        for page in pages:
            write(page)
            rows += len(page)
    return rows


def write_splits(folder: Path, columns: Sequence[str], pages: Pages) -> dict[str, int]:
    """`data/<split>.parquet` for each split that has rows; how many. Others are left out, and counted as ''."""
    counts: dict[str, int] = {}
    (folder / "data").mkdir(exist_ok=True)
    with ExitStack() as files:
        writers: dict[str, Callable[[list[Row]], None]] = {}
        for page in pages:
            counts[""] = counts.get("", 0) + sum(row["split"] not in SPLITS for row in page)
            for split in SPLITS:
                if not (mine := [row for row in page if row["split"] == split]):
                    continue
                if split not in writers:
                    writers[split] = files.enter_context(_parquet(folder / "data" / f"{split}.parquet", columns))
                writers[split](mine)
                counts[split] = counts.get(split, 0) + len(mine)
    return counts


def write_chats(path: Path, pages: Pages) -> int:
    """One chat per line, as OpenAI's fine-tuning takes them: the prompt of the user, the category of the assistant."""
    chats = (
        {"messages": [{"role": "user", "content": r["prompt"]}, {"role": "assistant", "content": r["completion"]}]}
        for page in pages
        for r in page
    )
    return _write_lines(path, map(json_line, chats))


def _write_lines(path: Path, lines: Iterable[str], head: Sequence[str] = (), end: str = "\n") -> int:
    count = 0
    with _whole(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        _put(file, head, end)
        for line in lines:
            file.write(line + end)
            count += 1
    return count


def _put(file: IO[str], lines: Sequence[str], end: str) -> None:
    for line in lines:
        file.write(line + end)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Written beside it first: a file that is there is whole, also after a crash."""
    part = path.with_name(path.name + ".part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _parquet(path: Path, columns: Sequence[str]) -> Iterator[Callable[[list[Row]], None]]:
    import pyarrow as pa  # noqa: PLC0415  other formats do without
    import pyarrow.parquet as pq  # noqa: PLC0415

    kinds: dict[object, Any] = {int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, kinds.get(NUMBERS.get(name), pa.string())) for name in columns])
    with _whole(path) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
        yield lambda page: writer.write_table(pa.Table.from_pylist([_flat(row) for row in page], schema))


def _ordered(row: Row) -> Row:
    return {name: _sorted(value) if name in OBJECTS else value for name, value in row.items()}


def _flat(row: Row) -> Row:
    return {
        name: json_line(_sorted(value)) if name in OBJECTS and value is not None else value
        for name, value in row.items()
    }


def _sorted(value: Any) -> Any:
    """Engines give the keys of an object in orders of their own."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value
