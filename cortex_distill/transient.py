"""Which failures may go away by themselves: one list, for statements (Python) and for rows (SQL)."""

from cortex_distill.sql import Sql

# Texts of throttling, time-outs and lost connections as Cortex, the connector and HTTP servers word them
# (429, 502, 503, 504; the REST client of snowflake-ml-python retries 429, 503 and 504). All lower case, letters,
# digits and blanks only: they are parts of a regular expression, too.
TEXTS = (
    "throttl",
    "too many requests",
    "rate limit",
    "timed out",
    "timeout",
    "temporarily unavailable",
    "service unavailable",
    "overloaded",
    "bad gateway",
    "connection reset",
    "connection aborted",
    "connection refused",
    "remote end closed",
    " 429 ",
    " 502 ",
    " 503 ",
    " 504 ",
)


def is_transient_text(message: str) -> bool:
    """Whether an error text is one that a later try may not meet again."""
    text = f" {message.lower()} "
    return any(part in text for part in TEXTS)


def is_transient_sql(column: str) -> Sql:
    """The same question as a SQL condition on a text column; false where the column is NULL."""
    return Sql(f"COALESCE(REGEXP_INSTR(LOWER(' ' || {column} || ' '), ?) > 0, FALSE)", ("|".join(TEXTS),))
