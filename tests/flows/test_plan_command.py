"""`distill plan` at the prompt: what it prints, and that it loads nothing that takes a second."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cortex_distill import prices
from flows.__main__ import cli
from tests.inbox import MESSAGES, write_csv

ROOT = Path(__file__).parents[2]
LOADED = """
import sys
from flows.__main__ import cli
try:
    cli(["plan", sys.argv[1]], standalone_mode=False)
finally:
    slow = ("prefect", "snowflake.snowpark", "pandas", "boto3", "sklearn", "statsmodels")
    print([name for name in slow if name in sys.modules])
"""


@pytest.fixture
def distill(home, tmp_path, write, monkeypatch):
    """Runs a command beside an experiment file, on an engine of the test's own; what it prints, on one line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISTILL_HOME", str(home))
    monkeypatch.setenv("DISTILL_MODELS", "simulated")
    write()
    return lambda *words: CliRunner().invoke(cli, words, env={"COLUMNS": "200"})


def test_a_plan_says_first_what_it_costs(distill):
    shown = distill("plan", "shoes.yaml")
    assert shown.exit_code == 0, shown.output
    first = " ".join(shown.output.strip().splitlines()[:4])
    # 6 calls that write 24 tickets, 24 ratings, 6 tickets asked of 2 models with 2 prompts and of the tuned student
    assert "at most 60 calls" in first and "all of it on Cortex: " in first and "credits" in first


def test_what_has_no_price_is_called_so_and_is_never_zero(distill):
    lines = distill("plan", "shoes.yaml").output.splitlines()
    training = next(line for line in lines if line.strip().startswith("fine-tune "))
    assert training.rstrip().endswith("no price known")
    assert any("no price known of evaluate (tuned llama3.1-8b), training of llama3.1-8b" in line for line in lines)


def test_every_price_stands_with_its_date_and_source(distill):
    text = " ".join(distill("plan", "shoes.yaml").output.split())
    assert f"price of llama3.1-8b: {prices.prices_of('llama3.1-8b')}" in text


def test_an_override_changes_the_plan(distill):
    plan = json.loads(distill("plan", "shoes.yaml", "--set", "generate.per_category=80", "--json").output)
    assert plan["parts"][0]["calls"] == 60
    assert plan["training"]["rows"] == 3 * 60


def test_the_plan_as_data_holds_what_the_table_shows(distill):
    plan = json.loads(distill("plan", "shoes.yaml", "--json").output)
    assert plan["calls"] == sum(part["calls"] for part in plan["parts"]) == 60
    assert plan["differences"][0]["n"] == 6 and plan["training"]["credits"] is None
    assert plan["served_by"]["llama3.3-70b"].startswith("simulated:")


def test_the_statements_are_printed_with_their_binds(distill):
    text = distill("plan", "shoes.yaml", "--sql").output
    assert "CREATE TABLE IF NOT EXISTS COMPLETIONS" in text
    assert "AI_COMPLETE(model => 'llama3.3-70b', prompt => prompt, model_parameters =>" in text
    assert "MERGE INTO EXPERIMENTS" in text and "SNOWFLAKE.CORTEX.FINETUNE('CREATE'" in text
    assert '--   ?1: "[' in text


def test_a_file_that_is_wrong_is_refused_as_validate_refuses_it(distill):
    assert "generate.per_category" in str(distill("plan", "shoes.yaml", "--set", "generate.per_category=0").exception)


def test_a_plan_loads_nothing_that_takes_a_second(home, write):
    environment = os.environ | {"DISTILL_HOME": str(home), "DISTILL_MODELS": "simulated", "PYTHONPATH": str(ROOT)}
    environment.pop("DISTILL_IN_PROCESS")
    try:
        done = subprocess.run(
            [sys.executable, "-c", LOADED, str(write())], env=environment, capture_output=True, text=True, check=True
        )
    finally:
        stop = [sys.executable, "-m", "flows", "engine", "stop"]
        subprocess.run(stop, env=environment, cwd=ROOT, capture_output=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_answers_an_inbox_is_planned_as_a_run_of_its_own(distill, tmp_path, write):
    write_csv(tmp_path / "inbox.csv")
    write({"messages": MESSAGES | {"inbox": {"file": "inbox.csv"}}})
    text = distill("plan", "shoes.yaml").output
    assert "messages of shoes to inbox.csv on local: at most 18 calls" in " ".join(text.split())
    assert [line.split()[0] for line in text.splitlines() if line.lstrip().startswith(("messages  ", "shorten  "))] == [
        "messages",
        "shorten",
    ]
    plan = json.loads(distill("plan", "shoes.yaml", "--json").output)
    assert plan["calls"] == 60  # a run of the experiment does not answer the inbox
    assert plan["messages"]["calls"] == 18 and plan["messages"]["training"] is None


def test_an_inbox_that_cannot_be_read_is_said_and_the_rest_is_planned(distill, tmp_path, write):
    write({"messages": MESSAGES})
    shown = distill("plan", "shoes.yaml")
    assert shown.exit_code == 0
    assert "at most 60 calls" in " ".join(shown.output.split())
    assert "messages: no plan: shoes.yaml: messages.inbox: is missing" in shown.output
    assert "messages.inbox: is missing" in json.loads(distill("plan", "shoes.yaml", "--json").output)["messages"]
