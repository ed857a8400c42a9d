"""Whether real requests can be read, before anything is written: file or table, columns, requests that are no use.

In:   the file, read once, line by line; or the table, counted in the engine
Out:  findings, and the longest request that is asked about, which makes the longest prompts
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cortex_distill.config_rows import Source
from cortex_distill.errors import ConfigError
from cortex_distill.findings import Finding, first_line
from cortex_distill.replies import BLANK
from cortex_distill.run import Run
from cortex_distill.session import SqlError
from cortex_distill.sql import identifier
from tasks.source import rows_of


class Requests(NamedTuple):
    """What there is."""

    rows: int = 0
    empty: int = 0
    too_long: int = 0
    longest: str = ""
    found: tuple[Finding, ...] = ()

    @property
    def usable(self) -> int:
        """Requests that are asked about, at most."""
        return self.rows - self.empty - self.too_long


def check_source(run: Run, role: str) -> Requests:
    """Nothing for tickets that the teacher writes. Raises SqlError for a failure that may pass."""
    source = run.config.source
    if not isinstance(source, Source):
        return Requests()
    read = _file(run, source) if source.file else _table(run, source, role)
    at = "source.file" if source.file else "source.table"
    return read if read.found else read._replace(found=tuple(_doubts(at, source, read)))


def _file(run: Run, source: Source) -> Requests:
    rows = empty = too_long = 0
    longest = ""
    try:
        for _, request in rows_of(run, source):
            rows, empty = rows + 1, empty + (not request)
            if len(request) > source.max_characters:
                too_long += 1
            else:
                longest = max(longest, request, key=len)
    except ConfigError as error:  # says path and line
        return Requests(found=(Finding("source.file", str(error).replace("source.file: ", "", 1)),))
    return Requests(rows, empty, too_long, longest)


def _table(run: Run, source: Source, role: str) -> Requests:
    name, request, key = str(source.table), identifier(source.request), identifier(source.id)
    trimmed = f"TRIM(COALESCE({request}::STRING, ''), ?)"
    try:
        counted = run.sql(
            f"""SELECT COUNT(*), COUNT({trimmed} = '' OR NULL), COUNT(LENGTH({trimmed}) > ? OR NULL), COUNT({key})
            FROM {identifier(name)}""",
            *(BLANK, BLANK, source.max_characters),
        )[0]
        longest = run.sql(
            f"""SELECT {trimmed} AS text FROM {identifier(name)} WHERE LENGTH({trimmed}) <= ?
            ORDER BY LENGTH(text) DESC, text LIMIT 1""",
            *(BLANK, BLANK, source.max_characters),
        )
    except SqlError as error:
        if error.transient:
            raise
        what = f"{name} cannot be read: {first_line(str(error))}; it needs columns {source.request} and {source.id}"
        what += f" (source.request, source.id), and GRANT SELECT ON TABLE {name} TO ROLE {role}"
        return Requests(found=(Finding("source.table", what),))
    rows, empty, too_long = map(int, counted[:3])
    return Requests(rows, empty, too_long, longest[0][0] if longest else "")


def _doubts(at: str, source: Source, read: Requests) -> Iterator[Finding]:
    dropped = [f"{read.empty:,} are empty"] if read.empty else []
    most = f"{source.max_characters:,} characters (source.max_characters)"
    dropped += [f"{read.too_long:,} are longer than {most}"] if read.too_long else []
    if not read.usable:
        what = f"has no request that can be used: of {read.rows:,} rows {' and '.join(dropped)}; put requests in"
        yield Finding(at, what if read.rows else "has no row; put requests in")
    elif dropped:
        yield Finding(at, f"of {read.rows:,} requests {' and '.join(dropped)}: they are dropped", stops=False)
