"""`distill engine start | status | stop`, as a user types them."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def engine(tmp_path):
    """Runs `distill engine …` for a folder of the test's own; what it prints."""
    environment = os.environ | {"DISTILL_HOME": str(tmp_path / "engine"), "DISTILL_MODELS": "simulated"}

    def run(command):
        done = subprocess.run(
            [sys.executable, "-m", "flows", "engine", command],
            env=environment,
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    yield run
    run("stop")


def test_the_engine_is_started_once_shown_and_stopped(engine, tmp_path):
    assert "no local engine runs" in engine("status")
    started = engine("start")
    process = started.split()[1].rstrip(",")
    assert f'SNOWFLAKE_HOME={tmp_path / "engine"}, connection name "local"' in started
    assert f"process     {process}, running" in engine("start")
    assert "models      simulated" in engine("status")
    assert f"stopped process {process}" in engine("stop")
    assert "no local engine runs" in engine("status")
    assert "no local engine runs" in engine("stop")
