"""The rows of `source:` in the engine: key and request of each; no other column of the file or table is read.

In:   a CSV file, read line by line and sent in pieces; or a table, copied in the engine
Out:  TICKETS (the rows of this run), without a category; empty and over-long requests are dropped, with the reason
"""

from __future__ import annotations

from collections.abc import Iterator

from cortex_distill.config_rows import Source
from cortex_distill.csv_rows import read_columns
from cortex_distill.errors import StepError
from cortex_distill.replies import BLANK
from cortex_distill.run import Run
from cortex_distill.sql import Sql, identifier
from cortex_distill.upload import upload

EMPTY = "label: the request is empty"
COLUMNS = ("source_key", "request")
TOO_LONG = "label: the request is longer than"


def source_of(run: Run) -> Source:
    """Where the requests are. Raises StepError where the teacher writes them."""
    source = run.config.source
    if not isinstance(source, Source):
        raise StepError("label: source is synthetic; name a file or table of real requests there")
    return source


def write_requests(run: Run) -> None:
    """The requests of the source as tickets of this run, in the place of those that it had. Safe to repeat.

    Raises ConfigError if a file is unusable, SqlError if a table is.
    """
    source, staged = source_of(run), f"REQUESTS_{run.id.replace('-', '')[:16]}"
    run.query(staged_sql(staged))
    if source.table is not None:
        run.query(copy_sql(staged, source))
    else:
        upload(run.session, staged, COLUMNS, rows_of(run, source))
    run.sql("DELETE FROM TICKETS WHERE run_id = ?", run.id)
    run.query(insert_sql(run.id, staged, source))


def staged_sql(staged: str) -> Sql:
    """The table that the requests come to first."""
    return Sql(f"CREATE OR REPLACE TEMPORARY TABLE {staged} (source_key STRING, request STRING)")


def rows_of(run: Run, source: Source) -> Iterator[tuple[str, str]]:
    """(key, request) of a file; of an over-long request just more than is allowed. Raises ConfigError."""
    path = run.experiment.path.parent / str(source.file)
    for _, (key, request) in read_columns(path, [source.id, source.request], "source.file"):
        yield key, request[: source.max_characters + 1]


def copy_sql(staged: str, source: Source) -> Sql:
    """The two columns of a table."""
    return Sql(
        f"""INSERT INTO {identifier(staged)} (source_key, request)
        SELECT {identifier(source.id)}::STRING, {identifier(source.request)}::STRING
        FROM {identifier(str(source.table))}"""
    )


def insert_sql(run_id: str, staged: str, source: Source) -> Sql:
    """A ticket for each row. Its id comes from key and request alone, so it is the same in every run and on every
    engine; rows that are equal in both are counted up."""
    text = "TRIM(COALESCE(request, ''), ?)"
    most = source.max_characters
    return Sql(
        f"""INSERT INTO TICKETS (run_id, ticket_id, request, source_key, round, kept, dropped_because)
        SELECT ?, LEFT(SHA2(CONCAT(COALESCE(source_key, ''), ?, request), 256), 16) || '-' || ROW_NUMBER() OVER (
                PARTITION BY COALESCE(source_key, ''), request ORDER BY source_key),
            LEFT(request, ?), source_key, 1, IFF(reason IS NULL, NULL, FALSE), reason
        FROM (
            SELECT NULLIF(TRIM(source_key, ?), '') AS source_key, {text} AS request,
                CASE WHEN {text} = '' THEN ? WHEN LENGTH({text}) > ? THEN ? END AS reason
            FROM {identifier(staged)}
        )""",
        (run_id, "\n", most, BLANK, BLANK, BLANK, EMPTY, BLANK, most, f"{TOO_LONG} {most:,} characters"),
    )
