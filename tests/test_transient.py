"""Which failures are tried again: by number, by HTTP status, by words; and Python and SQL never disagree."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cortex_distill.session import SESSION_GONE, SqlError, execute
from cortex_distill.sql import Sql
from cortex_distill.transient import (
    CODES,
    FINAL_CODES,
    FINAL_TEXTS,
    STATUSES,
    TEXTS,
    is_transient,
    is_transient_sql,
    is_transient_text,
)

PASSING = [
    "Request failed for external function COMPLETE$V1 with remote service error: 429 'Too Many Requests'",
    "The read operation timed out",
    "remote service error: 503 'Service Unavailable'",
    "('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))",
    "Request was throttled, please retry",
    "429 too many requests: the model 'x' of http://127.0.0.1/v1: slow down",
    "500 temporarily unavailable: the model 'x' of http://127.0.0.1/v1: out of order",
    "408",
]
FINAL = [
    "SQL compilation error: invalid identifier 'CATGORY'",
    'remote service error: 400 \'"unknown model \\"x\\""\'',
    "Object 'TICKETS' does not exist or not authorized.",
    "input schema validation error: minLength is not supported",
    "Division by zero",
    "400 the prompt has 503 tokens too many",
    "remote service error: 400 'my request timed out is no category'",
    "422 json mode output validation error: Connection reset by peer",
    "429 too many requests: the model 'x' of http://h/v1: You exceeded your current quota; its quota is used up",
    "503000 rows were read",
    "",
]


@pytest.mark.parametrize("message", PASSING)
def test_throttling_timeouts_and_lost_connections_are_transient(message):
    assert is_transient_text(message)
    assert SqlError(message).transient


@pytest.mark.parametrize("message", FINAL)
def test_what_will_fail_again_is_not(message):
    assert not is_transient_text(message)
    assert not SqlError(message).transient


@pytest.mark.parametrize("code", CODES)
def test_a_number_that_stands_for_a_passing_failure_needs_no_words(code):
    assert SqlError("whatever it says", code).transient


@pytest.mark.parametrize("code", FINAL_CODES)
def test_a_number_that_stands_for_a_final_failure_outweighs_its_words(code):
    assert not SqlError("timeout: throttled", code).transient


def test_a_number_that_nobody_knows_leaves_it_to_the_words():
    assert is_transient("remote service error: 429 'slow down'", 100351)
    assert not is_transient("remote service error: 400 'no'", 100351)
    assert SESSION_GONE in CODES


PIECES = st.sampled_from([
    *TEXTS, *FINAL_TEXTS, *map(str, STATUSES), "400", "422", "remote service error: ", " ", "\n", "x", "ß", "429x", "'",
])  # fmt: skip


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(PIECES, max_size=6).map("".join), min_size=40, max_size=40))
def test_python_and_sql_say_the_same_of_any_text(session, messages):
    condition = is_transient_sql("column1")
    values = ", ".join(["(?, ?)"] * len(messages))
    rows = Sql(
        f"SELECT column2, {condition.text} FROM VALUES {values} ORDER BY column2",
        (*condition.binds, *(value for place, text in enumerate(messages) for value in (text, place))),
    )
    said = [bool(row[1]) for row in execute(session, rows)]
    assert said == [is_transient_text(text) for text in messages]


def test_a_row_without_an_error_is_not_transient_in_sql(session):
    condition = is_transient_sql("column1")
    rows = execute(session, Sql(f"SELECT {condition.text} FROM VALUES (NULL::STRING)", condition.binds))
    assert rows[0][0] is False
