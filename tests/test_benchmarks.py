"""What the benchmarks rest on: all CPU of a command is counted, tables land on their page, the stub knows a repeat."""

import asyncio
import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from benchmarks.beside import bench
from benchmarks.beside.page import Result, publish
from benchmarks.beside.stub import Stub
from benchmarks.beside.systems import PROMPTFOO, STEPS
from benchmarks.beside.texts import sort, write

ROOT = Path(__file__).parents[1]
MEASURED = """
import os, sys
from pathlib import Path
from benchmarks.beside import measure
measure.adopt()  # in a process of its own: it would adopt other tests' engines
spent = measure.run([sys.executable, "-c", sys.argv[1]], Path(sys.argv[2]), os.environ)
print(spent.code, spent.cpu, spent.cpu_behind)
"""
BURN = "import time\nwhile time.process_time() < {}: pass\n"
LEAVES = f"""
import subprocess, sys, time
behind = subprocess.Popen([sys.executable, "-c", {BURN.format(0.6) + "print(flush=True); time.sleep(60)"!r}],
    start_new_session=True, stdout=subprocess.PIPE)
{BURN.format(0.3)}
behind.stdout.readline()
"""


class Request:
    """As much of a request as the stub reads."""

    path = "/v1/chat/completions"

    def __init__(self, prompt, seed=1):
        self.body = {"model": "stub", "seed": seed, "messages": [{"role": "user", "content": prompt}]}

    async def read(self):
        return json.dumps(self.body).encode()


def test_cpu_of_what_a_command_leaves_behind_is_counted(tmp_path):
    command = [sys.executable, "-c", MEASURED, LEAVES, str(tmp_path)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120).stdout
    code, own, behind = map(float, said.split())
    assert code == 0
    assert 0.3 <= own < behind
    assert behind >= 0.6


def test_the_stub_counts_a_repeat_by_messages_and_seed():
    async def asked():
        stub = Stub()
        for request in (Request(sort("a")), Request(sort("a")), Request(sort("a"), seed=2), Request(sort("b"))):
            await stub.handle(request)
        return stub.count.seen()

    seen = asyncio.run(asked())
    assert (seen["calls"], seen["repeats"], seen["peak"]) == (4, 1, 1)


def test_the_stub_writes_tickets_that_differ():
    async def asked():
        stub = Stub()
        return [json.loads((await stub.handle(Request(write(1), seed))).body) for seed in (1, 2)]

    texts = [json.loads(one["choices"][0]["message"]["content"])["request"] for one in asyncio.run(asked())]
    assert len(set(texts)) == 2


def test_a_table_takes_the_place_of_its_last_and_touches_no_other(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- w1 -->\nold\n<!-- /w1 -->\nb\n<!-- w3 -->\nkept\n<!-- /w3 -->\n")
    publish(Result("w1", "W1", ("system", "calls"), [["x | y", "3"]]), page, 0.5)
    text = page.read_text()
    assert "| x \\| y | 3 |" in text and "load before: 0.5" in text
    assert "old" not in text and text.endswith("<!-- /w1 -->\nb\n<!-- w3 -->\nkept\n<!-- /w3 -->\n")


def test_a_page_without_the_marks_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    with pytest.raises(click.ClickException, match="has no <!-- w1 -->"):
        publish(Result("w1", "W1", ("system",), []), page, 0.5)


def test_systems_that_are_not_here_get_a_line_and_the_others_theirs(monkeypatch):
    asked = []

    @contextmanager
    def nothing(*, with_prefect):
        asked.append(with_prefect)
        yield None

    monkeypatch.setattr(bench, "opened", nothing)
    monkeypatch.setattr(bench, "skipped", lambda system, workload: "not installed" * (workload == "w1"))
    systems = [(STEPS, "w3"), (PROMPTFOO, "w1")]
    lines, peers = bench.each_of(systems, [], 4, lambda there, system, workload: [[system.name, workload, "7", ""]])
    assert lines == [[STEPS.name, "w3", "7", ""], [PROMPTFOO.name, "–", "–", "skipped: not installed"]]
    assert (asked, peers) == ([False], [])
    assert bench.each_of(systems, ["PROMPT"], 4, lambda *_: [])[0] == lines[1:]
