"""One small experiment on the engine, twice: the second time no call is made.

The steps up to the base student; with DISTILL_TEST_FINETUNE=1 the whole command `distill run`, as users type it.
Both on an account alone: tests/flows has the like for the local engine.
"""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from uuid import uuid4

import pytest
import tomlkit
import yaml

from cortex_distill.accounts import connections_file
from cortex_distill.load import load_experiment
from cortex_distill.run import Run
from tasks.deduplicate import deduplicate_tickets
from tasks.evaluate import base_arms, evaluate_arm
from tasks.generate import generate_tickets
from tasks.judge import judge_tickets
from tasks.preflight import findings
from tasks.prepare import prepare_tables
from tasks.record import record_results
from tasks.split import split_tickets
from tests.account.conftest import MODEL, ON_ACCOUNT, WITH_TRAINING
from tests.conftest import SMALL

ROOT = Path(__file__).parents[2]
NAME = "distill_test"  # of the connection that a child process gets, in our schema
MAX_CREDITS = 0.05
CALLS, TOKENS = 60, 700  # no step asks for more, with max_tokens as below


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    """Two categories, three tickets each, all by the cheapest model, with a budget."""
    data = yaml.safe_load(SMALL) | {"models": dict.fromkeys(("teacher", "judge", "student"), MODEL)}
    del data["categories"]["Wrong size"]
    data["generate"] |= {"per_category": 4, "per_call": 4, "rounds": 1, "max_tokens": 600}
    data["judge"]["thresholds"] = {"realistic": 1, "valid": 1}
    data |= {"fine_tune": {"max_epochs": 1}, "budget": {"max_credits": MAX_CREDITS}}
    path = tmp_path_factory.mktemp("experiment") / "shoes.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return path


def steps(run):
    """The steps of flows/distill.py up to the base student; the scores."""
    prepare_tables.fn(run)
    generate_tickets.fn(run)
    deduplicate_tickets.fn(run)
    judge_tickets.fn(run)
    split_tickets.fn(run)
    return record_results.fn(run, [(arm, evaluate_arm.fn(run, arm)) for arm in base_arms(run)])


def calls(place):
    return place.one("SELECT COUNT(*) FROM COMPLETIONS")


@pytest.mark.assumption("preflight")
def test_the_check_before_a_run_finds_no_problem(place, experiment):
    run = Run(place.session, str(uuid4()), load_experiment(experiment), "account")
    assert [one.what for one in findings(run) if one.stops] == []


@ON_ACCOUNT
@pytest.mark.assumption("run-twice")
@pytest.mark.paid(calls=CALLS, tokens=TOKENS)
def test_a_second_run_of_the_steps_makes_no_call(place, experiment):
    loaded = load_experiment(experiment)
    first = steps(Run(place.session, str(uuid4()), loaded, "account"))
    after = calls(place)
    second = steps(Run(place.session, str(uuid4()), loaded, "account"))
    assert after == calls(place)
    assert [(one.role, one.variant, one.n, one.correct) for one in first] == [
        (one.role, one.variant, one.n, one.correct) for one in second
    ]


def distill(experiment, home, schema):
    """`distill run` in a process of its own, on our connection in our schema; what it prints.

    Its connection is in its environment alone: nothing of it is written anywhere.
    """
    name = os.environ["DISTILL_TEST_CONNECTION"]
    found = tomllib.loads(connections_file().read_text("utf-8"))[name]
    environment = os.environ | {
        "SNOWFLAKE_CONNECTIONS": tomlkit.dumps({NAME: found | {"schema": schema}}),
        "PREFECT_HOME": str(home),
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("PREFECT_API_URL", None)
    command = [sys.executable, "-m", "flows", "run", str(experiment), "--engine", NAME]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=3600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@ON_ACCOUNT
@pytest.mark.assumption("run-whole")
@pytest.mark.training
@pytest.mark.paid(calls=CALLS, tokens=TOKENS)
def test_the_whole_command_runs_and_a_second_time_makes_no_call(place, experiment, tmp_path):
    if not (WITH_TRAINING and os.environ.get("DISTILL_TEST_CONNECTION")):
        pytest.skip("FINETUNE is only tried with DISTILL_TEST_FINETUNE=1")
    distill(experiment, tmp_path / "prefect", place.schema)
    after = calls(place)
    again = distill(experiment, tmp_path / "prefect", place.schema)
    assert after == calls(place), again
    assert place.one("SELECT COUNT(DISTINCT run_id) FROM EXPERIMENTS WHERE role = 'tuned student'") == 2
