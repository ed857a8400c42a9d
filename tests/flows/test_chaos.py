"""A few kills at random moments, as benchmarks/chaos.py makes a hundred of."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.settings import get_current_settings

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.slow
def test_a_run_that_is_killed_five_times_ends_as_if_nothing_had_happened(prefect_server):
    environment = os.environ | {"PREFECT_API_URL": get_current_settings().api.url}
    command = [sys.executable, "benchmarks/chaos.py", "--kills", "5", "--seed", "2", "--worker-runs", "0"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kill -9: 5 in" in done.stdout
    assert "tables: as in the undisturbed run, every time" in done.stdout
