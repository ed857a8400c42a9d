"""The harness itself: every assumption has a test or a reason, the page shows them, and what is false is told."""

import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from cortex_distill.local.service import client  # noqa: TID251  an engine behind a port stands in for an account
from tests.account.assumptions import ASSUMPTIONS
from tests.account.cost import bills, lines, total
from tests.account.page import PAGE, ROOT, checked_in, written
from tests.account.report import DIFFERS, HOLDS, UNCHECKED, Report, Result


def test_every_assumption_has_a_test_or_a_reason_and_no_test_stands_for_none():
    names = [one.id for one in ASSUMPTIONS]
    assert len(set(names)) == len(names)
    tested = checked_in()
    assert tested.keys() == {one.id for one in ASSUMPTIONS if not one.unchecked}


def test_the_files_that_rely_on_an_assumption_are_there():
    assert [file for one in ASSUMPTIONS for file in one.relies if not (ROOT / file).is_file()] == []


def test_the_page_shows_the_assumptions():
    page = PAGE.read_text("utf-8")
    assert written(page) == page, "write it anew: python -m tests.account.page"


def test_functions_that_are_sent_are_named_in_an_assumption():
    """The Cortex functions and SYSTEM$ functions: nothing is sent that nobody thought about."""
    sources = [*ROOT.glob("cortex_distill/*.py"), *ROOT.glob("tasks/*.py"), *ROOT.glob("app/*.py")]
    sent = {name for file in sources for name in re.findall(r"\b(AI_[A-Z_]+|FINETUNE|SYSTEM\$\w+)\(", file.read_text())}
    said = " ".join(one.assumed for one in ASSUMPTIONS)
    assert {name for name in sent if name not in said} == set()


def test_costs_are_added_up_by_model_and_what_has_no_price_is_said():
    found = bills([("llama3.1-8b", 10, 1000), ("llama3.1-8b", 1, 90_000), ("AI_FILTER", 2, 50)])
    assert total(found) == pytest.approx(100_000 * 0.19 / 1_000_000)
    text = "\n".join(lines(found, training=False))
    assert "llama3.1-8b: 11 calls, 0.019 credits at most" in text
    assert "AI_FILTER: 2 calls, no price known" in text


def test_a_report_tells_what_holds_what_differs_and_what_was_not_checked():
    report = Report({"region": "X"})
    report.found = {"clock": [Result(HOLDS), Result(DIFFERS, "assert 1 == 2\n | x")], "order": [Result(HOLDS)],
                    "nul": [Result(UNCHECKED, "no rights")]}  # fmt: skip
    text = "\n".join(report.text())
    assert re.search(r"\| clock \| .* \| differs \| assert 1 == 2 \\\| x \|", text)
    assert re.search(r"\| order \| .* \| holds \|  \|", text)
    assert re.search(r"\| nul \| .* \| not checked \| no rights \|", text)
    assert re.search(r"\| throttling \| .* \| not checked \| it cannot be provoked", text)
    assert f"1 holds, 1 differs, {len(ASSUMPTIONS) - 2} not checked" in text


def test_the_makefile_names_the_command():
    assert "-m tests.account" in (ROOT / "Makefile").read_text("utf-8")


PLANTED = """
import pytest
from tests.account.conftest import no_more_than_declared, place

@pytest.mark.assumption("clock")
def test_that_is_false(place):
    assert place.one("SELECT 1") == 2
"""


@pytest.fixture
def account(tmp_path):
    """The environment of `make test-snowflake` with a connection to a local engine, over the wire."""
    folder = tmp_path / "engine"
    client.find_or_start(folder, "simulated")
    yield os.environ | {"SNOWFLAKE_HOME": str(folder), "DISTILL_TEST_CONNECTION": "local", "PYTHONPATH": str(ROOT)}
    client.stop(folder, 0)


@pytest.mark.slow
def test_over_the_wire_a_false_assumption_is_told_and_nothing_is_left_behind(account, tmp_path):
    planted = tmp_path / "test_planted.py"
    planted.write_text(PLANTED)
    true = "tests/account/test_statements.py::test_a_column_that_is_there_may_be_added_again"
    done = subprocess.run(
        [sys.executable, "-m", "tests.account", true, str(planted), f"--rootdir={ROOT}"],
        cwd=ROOT, env=account, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    said = done.stdout
    assert done.returncode == 1, said + done.stderr
    assert said.index("Model calls cost at most 0.000 credits") < said.index("what is assumed about Snowflake")
    assert re.search(r"\| clock \| .* \| differs \| .*assert 1 == 2", said)
    assert re.search(r"\| add-column \| .* \| holds \|", said)
    assert "the local engine answers, and this says nothing of Snowflake" in said
    look = "from cortex_distill.accounts import account_session as a; s = a('local');"
    look += "print([r[1] for r in s.sql('SHOW SCHEMAS').collect() if 'DISTILL_TEST' in r[1]])"
    left = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, env=account, capture_output=True, text=True, check=True
    )
    assert left.stdout.strip() == "[]"


def test_nothing_starts_that_may_cost_more_than_is_allowed(monkeypatch):
    marks = {"paid": SimpleNamespace(kwargs={"calls": 1000, "tokens": 10_000})}
    item = SimpleNamespace(name="test_x", get_closest_marker=marks.get)
    Report({}).pytest_collection_finish(SimpleNamespace(items=[]))
    monkeypatch.setenv("DISTILL_TEST_MAX_CREDITS", "1.5")
    with pytest.raises(pytest.exit.Exception, match=r"more than 1\.5 credits"):
        Report({}).pytest_collection_finish(SimpleNamespace(items=[item]))
