"""Command line, deployment and direct call are three ways to one result."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.settings import get_current_settings

ROOT = Path(__file__).parents[2]
CONFIG = "configs/support_tickets.yaml"
READ = """
import json
from cortex_distill.session import open_session
session = open_session("local")
rows = session.sql('''SELECT run_id, role, variant, evaluation_set, model, served_by, n, correct, config_hash
    FROM EXPERIMENTS ORDER BY created_at, role, variant, evaluation_set''').collect()
print(json.dumps([list(row) for row in rows]))
"""


@pytest.fixture
def run(prefect_server, tmp_path):
    """Runs a command as a user would, on an engine and a Prefect server of the test's own."""
    environment = os.environ | {
        "PREFECT_API_URL": get_current_settings().api.url,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "DISTILL_HOME": str(tmp_path / "engine"),
        "DISTILL_MODELS": "simulated",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }

    def run_one(*command):
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run_one


@pytest.mark.slow
def test_console_script_deployment_and_direct_call_give_the_same_rows(run):
    printed = run("distill", "run", CONFIG)
    assert "simulated models answered" in next(line for line in printed.splitlines() if line.startswith("!"))
    run("prefect", "work-pool", "create", "local", "--type", "process", "--overwrite")
    run("prefect", "--no-prompt", "deploy", "--all")
    run("prefect", "deployment", "run", "distill/support_tickets")
    scheduled = json.loads(run("prefect", "flow-run", "ls", "--state", "SCHEDULED", "-o", "json"))
    run("prefect", "flow-run", "execute", scheduled[0]["id"])
    run(sys.executable, "-c", f"from flows.distill import distill; distill('{CONFIG}')")

    by_run = {}
    for run_id, *row in json.loads(run(sys.executable, "-c", READ)):
        by_run.setdefault(run_id, []).append(row)
    assert len(by_run) == 3
    first, *others = by_run.values()
    assert len(first) == 10
    assert all(rows == first for rows in others)
