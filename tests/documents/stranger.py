"""A stranger with a fresh copy of the project, who types what the documents say: on the local engine, with stand-ins.

`my_connection` is a connection, through Snowflake's own connector, to a second local engine.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path
from typing import NamedTuple

import tomlkit
import yaml

from cortex_distill.local.service import client
from tests.documents.afterwards import clean_up
from tests.documents.fresh_copy import copy, downloaded, environment, shorten
from tests.documents.reading import ROOT, Block, Command, blocks

SERVED = re.compile(r"http://127\.0\.0\.1:\d+|Worker '.*' started")  # what a program that does not end says once up
RUN_ID = re.compile(r"^run ([0-9a-f-]{36})$", re.MULTILINE)
FLOW_RUN_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PLAIN = re.compile(r"\.venv/bin/distill(?: [\w./=,-]+)+")  # nothing that a shell would have to read
TABLE = "CREATE TABLE SUPPORT.PUBLIC.TICKETS AS SELECT $1 AS ticket_id, $2 AS customer_name, $3 AS request,"
TABLE += " 'Email' AS contact_preference FROM VALUES ('1', 'Ann Lee', 'I lost my phone'), ('2', 'Bo Ek', 'Add a line')"


class Done(NamedTuple):
    """A command that has ended."""

    code: int
    output: str


class Stranger:
    """The folder, the environment, and what is known from earlier commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs: dict[str, str] = {}  # experiment → the id of its newest run
        self.flow_run = ""  # the newest one of a deployment
        self.block = ""  # the newest block of Prefect's
        self.pasted: set[tuple[str, int]] = set()
        self.warm: subprocess.Popen[str] | None = None
        copy(folder)
        shorten(folder)
        self.environment = environment(folder)
        self._afterwards = clean_up(folder, self.environment)
        self._account()
        downloaded(folder)

    def _account(self) -> None:
        parameters = client.find_or_start(self.folder / "account", "simulated").parameters()
        there = self.folder / "snowflake"
        there.mkdir(mode=0o700)
        (there / "connections.toml").write_text(tomlkit.dumps({"my_connection": parameters}))
        (there / "connections.toml").chmod(0o600)

    def inbox(self) -> None:
        """A table of messages on the local engine, as the page about them has it."""
        with client.connect(self.folder / ".cortex", "simulated", "DISTILL", "PUBLIC") as connection:
            for statement in ("CREATE DATABASE SUPPORT", TABLE):
                connection.cursor().execute(statement)

    def type(self, command: Command, text: str = "", seconds: float = 600, **changes: str) -> Done:
        """Run a command as it stands on its page, with names of runs filled in."""
        text = self.filled(text or command.text)
        done = self._warmly(text, changes) if PLAIN.fullmatch(text) else self._in_a_shell(text, seconds, changes)
        if not changes:  # else it was typed to another engine
            self._learn(text, done.output)
        return done

    def _in_a_shell(self, text: str, seconds: float, changes: dict[str, str]) -> Done:
        done = subprocess.run(
            ["bash", "-c", text], cwd=self.folder, env=self.environment | changes, timeout=seconds, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, input="https://hooks.example.com/T0\n", check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout)

    def _warmly(self, text: str, changes: dict[str, str]) -> Done:
        """By a fork of a process that has everything imported (warm.py); it finds Prefect as it was at its start."""
        if self.warm is None:
            self.warm = subprocess.Popen(
                [sys.executable, ROOT / "tests" / "documents" / "warm.py"], cwd=self.folder, text=True,
                env=self.environment | {"OPENBLAS_NUM_THREADS": "1"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
            assert self.warm.stdout and self.warm.stdout.readline() == "ready\n"
        log = self.folder / "warm.log"
        asked = {"arguments": text.split()[1:], "environment": changes, "output": str(log)}
        assert self.warm.stdin and self.warm.stdout
        self.warm.stdin.write(f"{json.dumps(asked)}\n")
        self.warm.stdin.flush()
        return Done(int(self.warm.stdout.readline()), log.read_text(encoding="utf-8"))

    def filled(self, text: str) -> str:
        """RUN and ID replaced by those of real runs."""
        known = {"RUN": self.runs.get("support_tickets", "")[:8], "ID": self.flow_run}
        return re.sub(r"\b(RUN|ID)\b", lambda found: known[found[1]] or found[1], text)

    def _learn(self, text: str, output: str) -> None:
        file = re.search(r"distill run configs/(\w+)\.yaml", text)
        if (found := RUN_ID.search(output)) and (file or "make demo" in text) and "my_connection" not in text:
            self.runs[file[1] if file else "support_tickets"] = found[1]
        if "deployment run" in text and (ids := FLOW_RUN_ID.findall(output)):
            self.flow_run = ids[0]
        if "SlackWebhook" in text and (ids := FLOW_RUN_ID.findall(output)):
            self.block = ids[-1]

    def wait_until_ended(self) -> None:
        """Until the newest run of a deployment has ended: only then can it be retried."""
        server = tomllib.loads((self.folder / "prefect.toml").read_text())["api"]["url"]
        give_up = time.monotonic() + 120
        while time.monotonic() < give_up:
            with urllib.request.urlopen(f"{server}/flow_runs/{self.flow_run}", timeout=60) as reply:
                if json.load(reply)["state_type"] in {"CANCELLED", "COMPLETED", "FAILED", "CRASHED"}:
                    return
            time.sleep(0.5)
        raise AssertionError(f"run {self.flow_run} did not end")

    def serve(self, command: Command) -> str:
        """Start what does not end, wait until it is up, stop it; what it said."""
        log = self.folder / "served.log"
        with log.open("w") as said:
            process = subprocess.Popen(
                ["bash", "-c", command.text], cwd=self.folder, env=self.environment, stdout=said, stderr=said,
                start_new_session=True,
            )  # fmt: skip
        give_up = time.monotonic() + 180
        try:
            while not SERVED.search(log.read_text()) and process.poll() is None and time.monotonic() < give_up:
                time.sleep(0.1)
            return log.read_text()
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)

    def paste(self, page: Path, before: int, replace: dict[str, str]) -> None:
        """Save what the page says to save above that line: whole files, and keys into files that are there."""
        for block in blocks(page):
            if block.line < before and block.file and (block.page, block.line) not in self.pasted:
                self.pasted.add((block.page, block.line))
                self._save(block, replace)

    def _save(self, block: Block, replace: dict[str, str]) -> None:
        into = block.file.removeprefix("into ")
        path = self.folder / into
        path.parent.mkdir(parents=True, exist_ok=True)
        text = block.text
        for old, new in {**replace, "00000000-0000-0000-0000-000000000000": self.block or "-"}.items():
            text = text.replace(old, new)
        if into != block.file:
            text = yaml.safe_dump(merged(yaml.safe_load(path.read_text()), yaml.safe_load(text)), sort_keys=False)
        path.write_text(text, encoding="utf-8")

    def leave(self) -> None:
        """Stop whatever was started; without this it is stopped when this process ends."""
        if self.warm:
            self.warm.kill()
            self.warm.communicate()
        self._afterwards.communicate()


def merged(old: dict, new: dict) -> dict:
    """The new keys beside and in place of the old ones, mappings inside likewise."""
    both = {**old, **new}
    inner = {key: merged(old[key], new[key]) for key in new if isinstance(old.get(key), dict) and new[key]}
    return both | {key: value for key, value in inner.items() if isinstance(new[key], dict)}
