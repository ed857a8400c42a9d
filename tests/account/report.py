"""A pytest plugin: what each assumption came to, told at the end and written to a file that people can send.

No account, user or connection is named in the file; what came is cut to a line, and may name a role or a database.
"""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.account.assumptions import ASSUMPTIONS
from tests.account.conftest import MODEL, REACHED, TAG, WITH_TRAINING
from tests.account.cost import CONFORMANCE, LONGEST, bills, lines, total

FILE = Path("build") / "snowflake-report.md"
CAP = "DISTILL_TEST_MAX_CREDITS"
LONGEST_LINE = 300
HOLDS, DIFFERS, UNCHECKED = "holds", "differs", "not checked"
CONFORMING = "test_a_statement_answers_as_documented"


class Result(NamedTuple):
    """What one test came to."""

    state: str
    said: str = ""


class Report:
    """Hears every test of the session."""

    def __init__(self, facts):
        self.facts, self.found, self.cases = facts, {}, {}

    def pytest_collection_finish(self, session):
        """Say the cost; end where it is more than $DISTILL_TEST_MAX_CREDITS (default 1) allows."""
        paid = [
            (MODEL, mark.kwargs["calls"], mark.kwargs["tokens"])
            for item in session.items
            if (mark := item.get_closest_marker("paid")) and (WITH_TRAINING or not item.get_closest_marker("training"))
        ]
        if any(CONFORMING in item.name for item in session.items):
            paid += [(model, calls, LONGEST) for model, calls in CONFORMANCE.items()]
        found, most = bills(paid), float(os.environ.get(CAP) or 1)
        print("\n" + "\n".join(lines(found, WITH_TRAINING)), flush=True)  # noqa: T201
        if total(found) > most:
            pytest.exit(f"that is more than {most:g} credits; {CAP}=… allows more", 2)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        """Note what the test came to, under the ids of its mark."""
        made = yield
        result = _result(made, reached=item.config.stash.get(REACHED, CONFORMING in item.name))
        if result is None:
            return made
        for mark in item.iter_markers("assumption"):
            self.found.setdefault(mark.args[0], []).append(result)
        if CONFORMING in item.name:
            self.cases[item.callspec.params["case"]["id"]] = result
        return made

    def pytest_sessionfinish(self):
        """Write the file, unless nothing was asked."""
        if not (self.found or self.cases):
            return
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text("\n".join(self.text()) + "\n", encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter):
        """Show it."""
        terminalreporter.section("what is assumed about Snowflake")
        for line in self.text():
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"\nwritten to {FILE}, which names no account and no user")

    def text(self):
        """The report, as Markdown."""
        rows = [(one.id, one.assumed, *self._of(one)) for one in ASSUMPTIONS]
        counts = {state: sum(row[2] == state for row in rows) for state in (HOLDS, DIFFERS, UNCHECKED)}
        differing = [(name, one.said) for name, one in self.cases.items() if one.state == DIFFERS]
        holding = sum(one.state == HOLDS for one in self.cases.values())
        return [
            "# What is assumed about Snowflake, checked",
            "",
            *(f"- {name}: {value}" for name, value in self.facts.items()),
            f"- assumptions: {', '.join(f'{count} {state}' for state, count in counts.items())}",
            f"- conformance cases: {holding} hold, {len(differing)} differ, of {len(self.cases)}",
            "",
            "| assumption | it is assumed | found | what came |",
            "|---|---|---|---|",
            *(f"| {name} | {_cell(assumed)} | {state} | {_cell(said)} |" for name, assumed, state, said in rows),
            *([] if not differing else ["", "| conformance case | what came |", "|---|---|"]),
            *(f"| {name} | {_cell(said)} |" for name, said in differing),
        ]

    def _of(self, one):
        results = self.found.get(one.id, [])
        for state in (DIFFERS, UNCHECKED):
            said = [result.said for result in results if result.state == state]
            if said:
                return Result(state, said[0])
        return Result(HOLDS) if results else Result(UNCHECKED, one.unchecked or "not run")


def facts(session):
    """What of the engine matters to whoever reads the report."""
    region, version, role = session.sql("SELECT CURRENT_REGION(), CURRENT_VERSION(), CURRENT_ROLE()").collect()[0]
    return {
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "region": "LOCAL, so the local engine answers, and this says nothing of Snowflake"
        if region == "LOCAL"
        else region,
        "version": version,
        "role": "ACCOUNTADMIN, which sees more than others do" if role == "ACCOUNTADMIN" else "not ACCOUNTADMIN",
        "model": MODEL,
        "query tag": TAG,
    }


def _result(made, *, reached):
    """Of a phase of a test; None where it says nothing yet. Without a session and a schema nothing was checked."""
    if made.skipped:
        return Result(UNCHECKED, made.longrepr[2].removeprefix("Skipped: "))
    if made.failed:
        crash = getattr(made.longrepr, "reprcrash", None)
        said = crash.message if crash else str(made.longrepr)
        lost = re.search(r"250\d{3}|OperationalError|SetupError: engine", said)
        return Result(UNCHECKED if lost or not reached else DIFFERS, said)
    return Result(HOLDS) if made.when == "call" else None


def _cell(said):
    """A text in one cell of a table; hexadecimal names of ours are shortened."""
    text = re.sub(r"DISTILL_TEST_[0-9A-F]{32}", "DISTILL_TEST_…", " ".join(said.split()))
    return text[:LONGEST_LINE].replace("|", "\\|")
