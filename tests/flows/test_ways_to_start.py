"""Command line, deployment and direct call are three ways to one result; and a run outlives its engine.

Here the local engine is what users have: a process of its own.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from prefect.settings import get_current_settings

from cortex_distill.local import connect
from cortex_distill.local.service import client, door
from flows.prefect_server import start_server
from flows.starting import STOPPED

ROOT = Path(__file__).parents[2]
CONFIG = "configs/support_tickets.yaml"
FLOW_RUN_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
READ = """
import json
from cortex_distill.session import open_session
session = open_session("local")
rows = session.sql('''SELECT run_id, role, variant, evaluation_set, model, served_by, n, correct, config_hash
    FROM EXPERIMENTS ORDER BY created_at, role, variant, evaluation_set''').collect()
print(json.dumps([list(row) for row in rows]))
"""


@pytest.fixture
def environment(prefect_server, tmp_path):
    """Of a user with an engine and a Prefect server of the test's own."""
    yield os.environ | {
        "PREFECT_API_URL": get_current_settings().api.url,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "DISTILL_HOME": str(tmp_path / "engine"),
        "DISTILL_MODELS": "simulated",
        "DISTILL_IN_PROCESS": "0",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    client.stop(tmp_path / "engine", 0)


@pytest.fixture
def run(environment):
    """Runs a command as a user would; what it prints."""

    def run_one(*command, **variables):
        done = subprocess.run(
            command, cwd=ROOT, env=environment | variables, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run_one


def kill_engine_at_work(home):
    """Kill -9 the engine of the folder while a statement runs on it."""
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        found = door.read(home)
        status = client.ask(found, "status") if found else None
        if status and status["statements"]:
            os.kill(status["pid"], signal.SIGKILL)
            return
        time.sleep(0.05)
    raise AssertionError("no statement was seen at work")


@pytest.mark.slow
def test_a_run_goes_on_when_its_engine_is_killed(run, tmp_path):
    with ThreadPoolExecutor() as pool:
        killing = pool.submit(kill_engine_at_work, tmp_path / "engine")
        printed = run(
            *("distill", "run", CONFIG, "--set", "generate.per_category=6", "--set", "generate.rounds=1"),
            DISTILL_MODELS="simulated:latency_ms=8",
        )
        killing.result()
    assert "Tickets: 30 asked for → 30 written" in printed
    assert (tmp_path / "engine" / door.LOG).read_text().count(" serves ") == 2


def kept(home):
    """How many answers the ledger has; 0 while nothing is there yet."""
    if door.read(home) is None:
        return 0
    with connect(home, "simulated:latency_ms=100", database="DISTILL", schema="PUBLIC") as connection:
        shown = connection.cursor().execute("SHOW TABLES LIKE 'COMPLETIONS'").fetchall()
    return shown[0][7] if shown else 0


def ended(process):
    """What it said on standard error. One that goes on for two minutes is aborted, so that every thread says where."""
    try:
        return process.communicate(timeout=120)[1]
    except subprocess.TimeoutExpired:
        alive = process.poll() is None
        os.killpg(process.pid, signal.SIGABRT)
        said = process.communicate(timeout=30)[1]
        raise AssertionError(f"{'it goes on' if alive else 'it left processes behind'}:\n{said}") from None


@pytest.mark.slow
def test_ctrl_c_ends_in_one_line_and_keeps_what_was_answered(environment, tmp_path):
    command = ["distill", "run", CONFIG, "--set", "generate.per_category=6", "--set", "generate.rounds=1"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment | {"DISTILL_MODELS": "simulated:latency_ms=100", "PYTHONFAULTHANDLER": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # `&` leaves it ignored
    )
    give_up = time.monotonic() + 120
    while not kept(tmp_path / "engine") and process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    said = ended(process)
    assert (said, process.returncode) == (f"{STOPPED}\n", 130)
    assert kept(tmp_path / "engine")


@pytest.mark.slow
def test_ctrl_c_leaves_a_command_in_the_background_alone(environment):
    """One that a script starts with `&`, or that nohup starts, ignores Ctrl-C, during a statement as well."""
    with subprocess.Popen(
        ["distill", "plan", CONFIG],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    ) as process:
        while process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.02)
        said = process.stdout.read()
    assert process.returncode == 0, said


def test_ctrl_c_is_not_meant_for_prefects_server(monkeypatch, capfd):
    """A process is started in its place, and tells what it blocks."""
    code = "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []))"

    def start(sync_client):
        subprocess.run([sys.executable, "-c", code], check=True)
        return MagicMock()

    monkeypatch.setattr("prefect.client.orchestration.get_client", start)
    start_server()
    assert "SIGINT" in capfd.readouterr().out
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.long
@pytest.mark.slow
def test_console_script_deployment_and_direct_call_give_the_same_rows(run):
    small = {"generate.per_category": 6, "generate.rounds": 1}
    printed = run("distill", "run", CONFIG, *(part for key in small for part in ("--set", f"{key}={small[key]}")))
    assert any(line.startswith("! simulated models answered") for line in printed.splitlines())
    run("prefect", "work-pool", "create", "local", "--type", "process", "--overwrite")
    run("prefect", "--no-prompt", "deploy", "--all")
    started = run("prefect", "deployment", "run", "distill/support_tickets", "-p", f"overrides={json.dumps(small)}")
    (scheduled,) = set(FLOW_RUN_ID.findall(started))  # the server has runs of other tests, too, and some are scheduled
    run("prefect", "flow-run", "execute", scheduled)
    run(sys.executable, "-c", f"from flows.distill import distill; distill('{CONFIG}', overrides={small})")

    by_run = {}
    for run_id, *row in json.loads(run(sys.executable, "-c", READ)):
        by_run.setdefault(run_id, []).append(row)
    assert len(by_run) == 3, f"{scheduled} should be among {[*by_run]}"
    first, *others = by_run.values()
    assert len(first) == 18
    assert all(rows == first for rows in others)
