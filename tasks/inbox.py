"""Messages, step 1: the tickets of an inbox, with the channel that each customer wants to be answered by.

Source: quickstart, "Automated Generation of Email Responses to support tickets using LLMs".
In:   a CSV file, read line by line and sent in pieces; or a table, copied in the engine
Out:  MESSAGE_INBOX (the rows of this run). Five columns are read and no others
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from cortex_distill.config_fields import TABLE
from cortex_distill.config_messages import Messages
from cortex_distill.csv_rows import header_of, place_of, read_columns
from cortex_distill.errors import ConfigError, SetupError, StepError
from cortex_distill.message_prompts import EMAIL, TEXT
from cortex_distill.replies import BLANK
from cortex_distill.run import Run
from cortex_distill.sql import Sql, identifier
from cortex_distill.tables import THERE, complete_sql
from cortex_distill.upload import upload
from tasks.step import ON_CORTEX, task

COLUMNS = ("ticket_id", "customer_name", "request", "contact_preference")
ADDRESS = ("customer_email", "email")  # either, or none
KEY = "the inbox"
MOST_CHARACTERS = 8000  # as `source.max_characters`: what is longer is no request, and would cost accordingly
EMPTY, TOO_LONG = "inbox: the request is empty", f"inbox: the request is longer than {MOST_CHARACTERS:,} characters"


class Place(NamedTuple):
    """Where an inbox is: one of file and table."""

    file: Path | None
    table: str | None

    def __str__(self) -> str:
        return str(self.file or self.table)


class Read(NamedTuple):
    """What was in the inbox."""

    place: str
    tickets: int  # within the limit
    left_out: int  # of those, without a request that can be answered
    texts: int  # of all, those whose customers want a text message
    same_id: int  # rows beyond the first with their ticket_id


def place_of_inbox(run: Run, given: str) -> Place:
    """What `--inbox` names, else `messages.inbox` of the file. Raises ConfigError where there is none."""
    if given:
        path = Path(given)
        if path.is_file():
            return Place(path, None)
        if re.fullmatch(TABLE, given) and not given.lower().endswith(".csv"):
            return Place(None, given)
        raise ConfigError(f"--inbox {given}: no such file, and no table; give a CSV file or DB.SCHEMA.TABLE")
    config = messages_of(run)
    if config.inbox is None:
        raise ConfigError(
            f"{run.experiment.path}: messages.inbox: is missing; write inbox: {{file: …}} or {{table: …}} there, or"
            " give --inbox FILE.csv or --inbox DB.SCHEMA.TABLE"
        )
    file = config.inbox.file
    return Place(run.experiment.path.parent / file if file else None, config.inbox.table)


def messages_of(run: Run) -> Messages:
    """How an inbox is answered. Raises ConfigError where the file does not say so."""
    if run.config.messages is None:
        example = "messages: {model: …, prompts: {plain: …}}"
        raise ConfigError(f"{run.experiment.path}: messages: is missing; write {example} (docs/messages.md)")
    return run.config.messages


@task(name="read the inbox", **ON_CORTEX)
def read_inbox(run: Run, given: str = "", limit: int = 0) -> Read:
    """The rows in the place of those that this run had; with a limit the first by ticket_id. Safe to repeat.

    Raises ConfigError for an unusable file, SetupError for an unusable table, StepError without a request.
    """
    place = place_of_inbox(run, given)
    for statement in complete_sql(run.sql(THERE)):
        run.sql(statement)
    return fill_inbox(run, place, limit)


def fill_inbox(run: Run, place: Place, limit: int = 0) -> Read:
    """The same, where the tables are there."""
    staged = f"STAGED_{run.id.replace('-', '')[:16]}"
    names = (*COLUMNS, "email")
    run.sql(f"CREATE OR REPLACE TEMPORARY TABLE {staged} ({', '.join(f'{name} STRING' for name in names)})")
    if place.table is not None:
        run.query(copy_sql(staged, place.table, _email_of_table(run, place.table)))
    elif place.file is not None:
        columns = [*COLUMNS, *_email_of_file(place.file)]
        rows = (row.cells for row in read_columns(place.file, columns, KEY))
        upload(run.session, staged, names[: len(columns)], rows)
    run.sql("DELETE FROM MESSAGE_INBOX WHERE run_id = ?", run.id)
    run.query(insert_sql(run.id, staged, limit))
    run.sql(f"DROP TABLE {staged}")
    return _counted(run, place)


def _counted(run: Run, place: Place) -> Read:
    tickets, left_out, texts, ids = map(
        int,
        run.sql(
            """SELECT COUNT(*), COUNT(left_out), COUNT(channel = ? OR NULL), COUNT(DISTINCT ticket_id)
            FROM MESSAGE_INBOX WHERE run_id = ?""",
            TEXT,
            run.id,
        )[0],
    )
    if tickets == left_out:
        what = f"of {tickets} tickets none has a request that can be answered" if tickets else "has no ticket"
        raise StepError(f"{place}: {what}; put tickets with columns {', '.join(COLUMNS)} into it")
    return Read(str(place), tickets, left_out, texts, tickets - ids)


def _email_of_file(path: Path) -> list[str]:
    header = header_of(path, KEY)
    return [name for name in ADDRESS if place_of(name, header) is not None][:1]


def _email_of_table(run: Run, table: str) -> str | None:
    """The column with addresses, None without one. Raises SetupError if the table lacks another, or cannot be seen."""
    database, schema, name = identifier(table).upper().split(".")
    found = {
        str(row[0]).lower()
        for row in run.sql(
            f"SELECT column_name FROM {database}.INFORMATION_SCHEMA.COLUMNS WHERE table_schema = ? AND table_name = ?",
            schema,
            name,
        )
    }
    if not found:
        raise SetupError(
            f"{table}: there is no such table, or the role may not read it; mend the name, or"
            f" GRANT SELECT ON TABLE {table} TO ROLE …"
        )
    if missing := [column for column in COLUMNS if column not in found]:
        has = ", ".join(sorted(found)[:20])
        raise SetupError(
            f"{table}: no column {', '.join(missing)}; it needs {', '.join(COLUMNS)}, and has {has}; make a view with"
            " such names"
        )
    return next((column for column in ADDRESS if column in found), None)


def copy_sql(staged: str, table: str, email: str | None) -> Sql:
    """The columns of a table, as text."""
    wanted = ", ".join(f"{identifier(column)}::STRING" for column in (*COLUMNS, *([email] if email else [])))
    names = ", ".join((*COLUMNS, *(["email"] if email else [])))
    return Sql(f"INSERT INTO {identifier(staged)} ({names}) SELECT {wanted} FROM {identifier(table)}")


def insert_sql(run_id: str, staged: str, limit: int) -> Sql:
    """A row's key comes from all of its cells, since ticket_id need not be unique; equal rows are counted up."""
    cells = ("ticket_id", "customer_name", "email", "request", "contact_preference")
    trimmed = ", ".join(f"TRIM(COALESCE({cell}, ''), ?) AS {cell}" for cell in cells)
    joined, equal = ", ?, ".join(cells), ", ".join(cells)
    most = f"LIMIT {limit:d}" if limit > 0 else ""
    return Sql(
        f"""INSERT INTO MESSAGE_INBOX (run_id, row_key, ticket_id, customer_name, email, request, contact_preference,
            channel, left_out)
        SELECT ?, row_key, ticket_id, customer_name, email, LEFT(request, ?), contact_preference,
            IFF(REGEXP_LIKE(contact_preference, ?, 'i'), ?, ?),
            CASE WHEN request = '' THEN ? WHEN LENGTH(request) > ? THEN ? END
        FROM (
            SELECT LEFT(SHA2(CONCAT({joined}), 256), 16) || '-' || ROW_NUMBER() OVER (
                PARTITION BY {equal} ORDER BY ticket_id) AS row_key, {equal}
            FROM (SELECT {trimmed} FROM {identifier(staged)})
        ) ORDER BY ticket_id, row_key {most}""",
        (
            *(run_id, MOST_CHARACTERS, r".*\b(text|sms)\b.*", TEXT, EMAIL, EMPTY, MOST_CHARACTERS, TOO_LONG),
            *["\n"] * (len(cells) - 1),
            *[BLANK] * len(cells),
        ),
    )
