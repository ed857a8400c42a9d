"""Which failures may go away by themselves: one list, for statements (Python) and for rows (SQL).

A failure is judged by its number; then by the words that say it is final; then by the HTTP status at its beginning
or after `remote service error:`; and only without one of these by the words of throttling, time-outs and lost
connections. A status counts before words because messages quote what was asked: "400 … request timed out" is final.
"""

import re

from cortex_distill.sql import Sql

SESSION_GONE = 390111  # "Session no longer exists"; source: snowflake-connector-python 4.8.1, network.py
TOO_LONG = 630  # "Statement reached its statement or warehouse timeout"; source: github.com/estuary/flow issue 238
CODES = {
    SESSION_GONE: "the session is gone; a new one is opened",
    TOO_LONG: "the statement took too long; a smaller one may not",
    625: "more than 20 statements wait for a table; source: github.com/brooklyn-data/dbt_artifacts issue 431",
    250003: "no answer to a request; source: snowflake-connector-python 4.8.1, errorcode.py, ER_FAILED_TO_REQUEST",
    251011: "connection timed out; source: the same, ER_CONNECTION_TIMEOUT",
    251012: "the server asks to try again; source: the same, ER_RETRYABLE_CODE",
}
FINAL_CODES = {
    604: "canceled by somebody",
    1003: "a syntax error",
    2003: "an object that does not exist, or no rights on it",
    3001: "no rights",
}

# All lower case, and nothing in them that means something in a regular expression: they are parts of one, too.
# Quotas: OpenAI's `insufficient_quota` comes with status 429, and no later try succeeds before somebody pays.
FINAL_TEXTS = ("quota is used up", "insufficient_quota", "exceeded your current quota")

# 429, 503, 504: what the REST client of snowflake-ml-python 2.6 retries (cortex/_complete.py); 408, 500, 502: what the
# connector retries as well (snowflake-connector-python 4.8.1, is_retryable_http_code).
STATUSES = (408, 429, 500, 502, 503, 504)

# As Cortex, the connector and HTTP servers word it where they name no status.
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
)

# Snowflake's expressions have no (?:…) and no lookaround.
_STATUS = "(^|remote service error: )({})([^0-9]|$)"
_ANY_STATUS = _STATUS.format("[1-5][0-9][0-9]")
_PASSING_STATUS = _STATUS.format("|".join(map(str, STATUSES)))
_FINAL, _PASSING = "|".join(FINAL_TEXTS), "|".join(TEXTS)


def is_transient(message: str, code: int = 0) -> bool:
    """Whether a later try may not meet this failure again, by its number and its text."""
    if code in CODES or code in FINAL_CODES:
        return code in CODES
    return is_transient_text(message)


def is_transient_text(message: str) -> bool:
    """Whether an error text is one that a later try may not meet again."""
    text = message.lower()
    if re.search(_FINAL, text):
        return False
    if re.search(_ANY_STATUS, text):
        return re.search(_PASSING_STATUS, text) is not None
    return re.search(_PASSING, text) is not None


def is_transient_sql(column: str) -> Sql:
    """The same question as a SQL condition on a text column; false where the column is NULL."""
    found = f"REGEXP_COUNT(LOWER({column}), ?) > 0"
    return Sql(
        f"COALESCE(NOT {found} AND IFF({found}, {found}, {found}), FALSE)",
        (_FINAL, _ANY_STATUS, _PASSING_STATUS, _PASSING),
    )
