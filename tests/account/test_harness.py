"""The harness itself: every assumption has a test or a reason, the page shows them, and what is false is told."""

import re
from pathlib import Path

import pytest

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
    assert "-m tests.account" in Path(ROOT / "Makefile").read_text("utf-8")
