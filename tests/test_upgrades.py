"""`make upgrades`, without a registry: which pins there are, what comes after them, what the page says."""

import os
import time
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from requirements.upgrades import trial
from requirements.upgrades.__main__ import SHORT, main
from requirements.upgrades.page import Step, page
from requirements.upgrades.pins import all_pins, at, inner_pins, locked, moved, own_pins, pin
from requirements.upgrades.steps import next_step
from requirements.upgrades.verdict import Verdict, counted

ROOT = Path(__file__).parents[1]
PROJECT = {
    "project": {"dependencies": ["free>=1", "Exact_One[extra]==1.5.2", "held>=0.139,<0.151"]},
    "dependency-groups": {"dev": ["tool>=9", "fixed==2"], "app": [], "other": ["unseen==1"]},
}


def registry(*versions):
    """Answers like uv for a package that has these versions."""

    def newest(requirement, resolution):
        specifier = Requirement(requirement).specifier
        fitting = sorted(filter(specifier.contains, map(Version, versions)))
        return str(fitting[0 if resolution == "lowest" else -1]) if fitting else None

    return newest


def test_what_may_move_freely_is_no_pin():
    assert [(one.name, str(one.limit), one.exact) for one in own_pins(PROJECT)] == [
        ("exact-one", "1.5.2", True),
        ("held", "0.151", False),
        ("fixed", "2", True),
    ]


@pytest.mark.parametrize(
    ("text", "released", "tried"),
    [
        ("p==1.5.2", ["1.5.2", "1.5.3", "1.6.0"], "1.5.3"),
        ("p>=0.139,<0.151", ["0.150.0", "0.151.0", "0.151.4", "0.160.0"], "0.151.4"),
        ("p<2.1", ["2.0.9", "2.2.0", "2.2.1", "3.0"], "2.2.1"),
        ("p>=3,<4", ["3.9", "4.0.0", "4.7.1", "5.0"], "4.7.1"),
        ("p~=2.0.1", ["2.0.7", "2.1.0", "2.1.1", "2.2.0"], "2.1.1"),
        ("p<=3.1.2", ["3.1.2", "3.1.3", "3.2.0"], "3.1.3"),
        ("p==1.5.2", ["1.5.1", "1.5.2"], None),
        ("p<2", ["1.0", "1.9"], None),
    ],
)
def test_one_step_past_a_pin(text, released, tried):
    assert next_step(pin(text), registry(*released)) == tried


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("snowflake-snowpark-python[pandas]==1.56.0", "snowflake-snowpark-python[pandas]==2.0"),
        ("prefect>=3.8.8,<4", "prefect==2.0"),
    ],
)
def test_a_pin_is_written_anew_with_its_extras(text, written):
    assert at(text, "2.0") == written


def test_what_runs_too_long_is_ended_with_all_that_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "MINUTES", 1 / 120)
    log = tmp_path / "log"
    with log.open("w") as file:
        code = trial._within(["bash", "-c", "sleep 60 & echo $!; wait"], tmp_path, dict(os.environ), file.fileno())
    child, _, said = log.read_text().partition("\n")
    assert code == 124
    assert said.startswith("ended after")
    until = time.monotonic() + 10
    while alive(int(child)) and time.monotonic() < until:
        time.sleep(0.01)
    assert not alive(int(child))


def alive(pid):
    """Whether it still runs; one that waits for its parent's look does not."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_the_limits_inside_pinned_packages_are_found_where_the_project_imports_them():
    pins = {one.name: one for one in all_pins(ROOT)}
    assert pins["fakesnow"].exact
    assert pins["sqlglot"].by == "fakesnow"
    assert pins["snowflake-connector-python"].by == "snowflake-snowpark-python"
    assert "protobuf" not in pins  # snowpark limits it; nothing here imports it
    assert inner_pins([pin("fakesnow==0.12.1")], {"pyarrow"}) == []


def test_two_locks_are_compared_by_version_and_not_as_text():
    old = "a-b==1.9.0 \\\n    --hash=sha256:x\ngone==1\nsame==2 ; python_version < '3.12'\nsame==10\n"
    new = "a-b==1.10.0\nfresh==3\nsame==10\n"
    assert locked(old)["same"] == "10"
    assert moved(old, new) == [("a-b", "1.9.0", "1.10.0"), ("fresh", "–", "3"), ("gone", "1", "–")]


JUNIT = """<testsuites><testsuite>
<testcase classname="tests.test_a" name="test_one"/>
<testcase classname="tests.test_a" name="test_two"><failure message="no">x</failure></testcase>
<testcase classname="" name="tests.test_b"><error message="no">x</error></testcase>
<testcase classname="tests.test_a" name="test_left"><skipped/></testcase>
</testsuite></testsuites>"""


def test_the_first_failing_test_is_named(tmp_path):
    (tmp_path / "junit.xml").write_text(JUNIT)
    assert counted(tmp_path / "junit.xml") == Verdict(True, 1, 2, "tests/test_a::test_two")
    (tmp_path / "junit.xml").write_text(JUNIT.replace("<failure", "<skipped").replace("</failure", "</skipped"))
    assert counted(tmp_path / "junit.xml") == Verdict(True, 1, 1, "tests.test_b")


@pytest.mark.parametrize("written", [None, "<testsuites><testsuite/></testsuites>"])
def test_a_run_without_tests_is_not_green(tmp_path, written):
    if written:
        (tmp_path / "junit.xml").write_text(written)
    verdict = counted(tmp_path / "junit.xml")
    assert not verdict.green
    assert verdict.said


def test_the_page_says_what_was_tried_and_has_no_address():
    steps = [
        Step(pin("fine==1"), "1.1", Verdict(True, 10, 0)),
        Step(pin("bad<2"), "2.0", Verdict(False, said="no wheel at https://user:pw@packages.example/simple | sorry")),
        Step(pin("last==3"), None, None),
        Step(pin("inner~=1.0", "outer"), "2.0", Verdict(True, 9, 1, "tests/test_a::test_two")),
    ]
    text = page([("a", "1", "2")], Verdict(True, 3, 0, "`mypy` fails"), steps, "Made today.")
    assert "The allowed upgrade is RED." in text
    assert "| fine | fine==1 | 1.1 | yes | 10 | 0 |  |" in text
    assert "| bad | bad<2 | 2.0 | no |  |  | no wheel at (address) \\| sorry |" in text
    assert "| last | last==3 | nothing newer |  |  |  |  |" in text
    assert "| inner (asked for by outer) | inner~=1.0 | 2.0 | yes | 9 | 1 | tests/test_a::test_two |" in text
    assert "://" not in text


def test_a_page_of_steps_alone_claims_nothing_about_the_upgrade():
    text = page([], None, [Step(pin("fine==1"), "1.1", Verdict(True, 10, 0))], "Made today.")
    assert "The allowed upgrade was not tested." in text
    assert "all that may move" not in text


def test_the_tests_of_a_step_exist():
    assert [name for name in SHORT if not (ROOT / name).is_file()] == []


def test_the_workflow_of_the_guide_runs_a_target_that_is_there_and_keeps_its_folder():
    guide = (ROOT / "docs/upgrades.md").read_text(encoding="utf-8")
    workflow = yaml.safe_load(guide.split("```yaml\n")[1].split("```")[0])
    steps = workflow["jobs"]["upgrades"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert commands == ["make upgrades"]
    assert "\nupgrades: install" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert steps[-1]["with"]["path"].rstrip("/") == str(main.params[-1].default)
