"""The flow in a process that can be killed, and the same command again.

Each process of a run writes down its number, its run and the stages that it has ended, one a line.
"""

from __future__ import annotations

import json
import logging
import os
import runpy
import signal
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SCRIPT = Path(__file__).with_name("chaos.py")


class Place(NamedTuple):
    """Where a run happens."""

    home: Path
    config: Path
    models: str

    def environment(self, notes: Path) -> dict[str, str]:
        """Of its processes."""
        return {"DISTILL_HOME": str(self.home), "DISTILL_MODELS": self.models, "CHAOS_NOTES": str(notes)}


class Notes(NamedTuple):
    """What one attempt has written."""

    file: Path

    def _lines(self) -> list[list[str]]:
        text = self.file.read_text("utf-8") if self.file.exists() else ""
        return [line.split("\t") for line in text.splitlines(keepends=False) if line.count("\t") == 2]

    def pid(self) -> int | None:
        """Its process, once it runs."""
        return next((int(line[2]) for line in self._lines() if line[1] == "pid"), None)

    def stages(self) -> list[str]:
        """The names of the stages that have ended."""
        return [line[2] for line in self._lines() if line[1] == "stage"]

    def run_id(self) -> str:
        """Of the flow run."""
        return next(line[2] for line in self._lines() if line[1] == "run")

    def durations(self) -> list[float]:
        """Seconds of each stage, the first with all that comes before it."""
        return [float(after[0]) - float(before[0]) for before, after in pairwise(self._stamps())]

    def _stamps(self) -> list[list[str]]:
        return [line for line in self._lines() if line[1] in ("pid", "stage")]


class _Noting(logging.Filter):
    """Notes each task that ends well. A filter, since Prefect sets up its loggers' handlers again later."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file, self.known = file, False

    def filter(self, record: logging.LogRecord) -> bool:
        run = getattr(record, "flow_run_id", None)
        if run and not self.known:
            self.known = True
            self.note("run", run)
        if record.name == "prefect.task_runs" and record.getMessage().startswith("Finished in state Completed"):
            self.note("stage", record.task_run_name.rsplit("-", 1)[0])
        return True

    def note(self, kind: str, text: object) -> None:
        with self.file.open("a", encoding="utf-8") as notes:
            notes.write(f"{time.monotonic()}\t{kind}\t{text}\n")


def note_stages(given: tuple[str, ...]) -> None:
    """In a run's own process: the flow on that config, or whatever flow run Prefect's worker wants run."""
    noting = _Noting(Path(os.environ["CHAOS_NOTES"]))
    noting.note("pid", os.getpid())
    if given:
        from flows.distill import distill

        _listen(noting)
        distill(given[0])
    else:
        import prefect  # noqa: F401  it sets up the loggers

        _listen(noting)
        sys.argv = sys.argv[:1]  # Prefect would take the rest for a flow
        runpy.run_module("prefect.engine", run_name="__main__")


def _listen(noting: _Noting) -> None:
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(noting)


def kill(pid: int | None) -> None:
    """kill -9; nothing if it is gone."""
    with suppress(ProcessLookupError):
        if pid is not None:
            os.kill(pid, signal.SIGKILL)


class Nursery:
    """A process that has imported what a client needs, and forks one for each attempt: that saves its start."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT), "--role", "nursery"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def fork(self, config: Path, log: Path, environment: dict[str, str]) -> int:
        """A new client; its process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(config), str(log), environment]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def status(self, pid: int) -> int | None:
        """How that client has ended; None while it lives."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(pid) + "\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline().strip()
        return None if said == "lives" else int(said)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def nursery() -> None:
    """Read orders from stdin: a client to fork, or a number to tell the status of."""
    import altair  # noqa: F401  what a run loads on its way
    import snowflake.snowpark  # noqa: F401
    import statsmodels.stats.proportion  # noqa: F401

    import flows.distill  # noqa: F401

    for line in sys.stdin:
        order = json.loads(line)
        if isinstance(order, int):
            pid, status = os.waitpid(order, os.WNOHANG)
            said = "lives" if not pid else str(os.waitstatus_to_exitcode(status))
        else:
            pid = os.fork()
            if not pid:
                _client(*order)
            said = str(pid)
        sys.stdout.write(said + "\n")
        sys.stdout.flush()


def _client(config: str, log: str, environment: dict[str, str]) -> None:
    os.environ |= environment
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(file, 1)
    os.dup2(file, 2)
    status = 1
    try:
        note_stages((config,))
        status = 0
    except BaseException:  # noqa: BLE001  the last that this process says
        traceback.print_exc()
    finally:
        os._exit(status)


class Command:
    """`distill run` in a process of its own: each attempt is a new run."""

    def __init__(self, place: Place, nursery: Nursery) -> None:
        self.place, self.nursery, self.attempts = place, nursery, 0
        self.pid, self.status = 0, None
        place.home.mkdir(parents=True)

    def start(self) -> Notes:
        """The same command again."""
        self.attempts += 1
        notes = self.place.home.with_name(f"{self.place.home.name}.{self.attempts}.notes")
        self.pid, self.status = self.nursery.fork(self.place.config, self._log, self.place.environment(notes)), None
        return Notes(notes)

    @property
    def _log(self) -> Path:
        return self.place.home.with_name(f"{self.place.home.name}.log")

    def state(self) -> str:
        """runs, ended (well) or died."""
        if self.status is None:
            self.status = self.nursery.status(self.pid)
        return "runs" if self.status is None else "died" if self.status else "ended"

    def kill(self, victim: str) -> None:
        """Its client; it has no worker."""
        kill(self.pid)
        while self.state() == "runs":
            time.sleep(0.01)

    def said(self) -> str:
        """The end of its log."""
        return self._log.read_text("utf-8", "replace")[-3000:]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
