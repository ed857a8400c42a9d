"""Which failures are tried again."""

import pytest

from cortex_distill.session import SqlError
from cortex_distill.transient import is_transient_text


@pytest.mark.parametrize(
    "message",
    [
        "Request failed for external function COMPLETE$V1 with remote service error: 429 'Too Many Requests'",
        "The read operation timed out",
        "remote service error: 503 'Service Unavailable'",
        "('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))",
        "Request was throttled, please retry",
    ],
)
def test_throttling_timeouts_and_lost_connections_are_transient(message):
    assert is_transient_text(message)
    assert SqlError(message).transient


@pytest.mark.parametrize(
    "message",
    [
        "SQL compilation error: invalid identifier 'CATGORY'",
        'remote service error: 400 \'"unknown model \\"x\\""\'',
        "Object 'TICKETS' does not exist or not authorized.",
        "input schema validation error: minLength is not supported",
        "Division by zero",
    ],
)
def test_what_will_fail_again_is_not(message):
    assert not is_transient_text(message)
