"""One Prefect server for all tests of whole flows; it takes ten to twenty seconds to start."""

import pytest
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings
from prefect.testing.utilities import prefect_test_harness


@pytest.fixture(scope="session")
def prefect_server():
    """A server with a database of its own. Without heartbeats a flow ends a second sooner."""
    with prefect_test_harness(server_startup_timeout=180):
        quiet = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None, PREFECT_LOGGING_TO_API_ENABLED: False}
        with temporary_settings(quiet):
            yield


@pytest.fixture
def distill(prefect_server, home, monkeypatch):
    """The flow on an engine of the test's own, with simulated models."""
    monkeypatch.setenv("DISTILL_MODELS", "simulated")
    monkeypatch.setenv("DISTILL_HOME", str(home))
    from flows.distill import distill as flow  # noqa: PLC0415  Prefect reads its settings when a flow is made

    return flow
