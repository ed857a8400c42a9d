"""Four runs that start at the same moment finish, what each of them recorded and showed is right, and what they ask
alike is paid once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings

from cortex_distill.local.service import client

ROOT = Path(__file__).parents[2]
EPOCHS = (1, 2, 3, 4)
READ = """
import json
from cortex_distill.session import open_session
session = open_session("local")
rows = session.sql('''SELECT run_id, config:fine_tune:max_epochs::NUMBER, COUNT(*), SUM(n) FROM EXPERIMENTS
    GROUP BY 1, 2 ORDER BY 2''').collect()
paid = session.sql('SELECT COUNT(*), COUNT(DISTINCT key), COUNT(DISTINCT run_id) FROM COMPLETIONS').collect()[0]
print(json.dumps([[[str(cell) for cell in row] for row in rows], list(paid)]))
"""


@pytest.mark.long
@pytest.mark.slow
def test_four_runs_at_the_same_moment_are_all_recorded_ranked_and_pay_each_call_once(prefect_server, tmp_path):
    environment = os.environ | {
        "PREFECT_API_URL": get_current_settings().api.url,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "DISTILL_HOME": str(tmp_path / "engine"),
        "DISTILL_MODELS": "simulated",
        "DISTILL_IN_PROCESS": "0",
    }
    program = str(Path(sys.executable).parent / "distill")
    settings = ["--set", "generate.per_category=6"]
    runs = [
        subprocess.Popen(
            [program, "run", "configs/support_tickets.yaml", *settings, "--set", f"fine_tune.max_epochs={epochs}"],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for epochs in EPOCHS
    ]  # fmt: skip
    try:
        said = [run.communicate(timeout=300)[0] for run in runs]
        assert [run.returncode for run in runs] == [0] * len(EPOCHS), said
        shown = subprocess.run(
            [sys.executable, "-c", READ], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
    finally:
        client.stop(tmp_path / "engine", 0)
    rows, (calls, different, payers) = json.loads(shown.stdout)
    assert calls == different  # nobody paid for what another had asked or was asking
    assert payers > 1
    assert [row[1] for row in rows] == [str(epochs) for epochs in EPOCHS]
    assert len({(row[2], row[3]) for row in rows}) == 1  # as many arms, asked as many rows
    with get_client(sync_client=True) as prefect:
        found = prefect.read_artifacts()
    ids = [row[0] for row in rows]
    reports = [one for one in found if one.key == "report-support-tickets"]
    boards = sorted((one for one in found if one.key == "leaderboard-local"), key=lambda one: one.created)
    assert {str(one.flow_run_id) for one in reports} >= set(ids)
    assert all(run_id in boards[-1].data for run_id in ids)
