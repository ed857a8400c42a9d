"""Two ways to run the flow so that it can be killed and started again: the same command, and a retry by a worker.

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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import httpx

ROOT = Path(__file__).parents[1]
SCRIPT = Path(__file__).with_name("chaos.py")
POOL = "chaos"


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


class Retry:
    """A worker's run: each attempt is the same flow run, retried."""

    def __init__(self, folder: Path, deployment: Any) -> None:
        self.folder, self.deployment = folder, deployment
        self.worker: subprocess.Popen[bytes] | None = None
        self._start_worker()

    def at(self, place: Place) -> Retry:
        """The same worker for a new run there."""
        self.place, self.run, self.notes = place, None, None
        place.home.mkdir(parents=True)
        return self

    def start(self) -> Notes:
        """The first attempt, or a retry as `prefect flow-run retry` makes it."""
        from prefect.client.orchestration import get_client
        from prefect.states import Crashed, Scheduled

        notes = self.place.home.with_name(f"{self.place.home.name}.notes")
        if notes.exists():
            notes.rename(notes.with_suffix(f".{time.monotonic_ns()}"))
        if self.worker is None:
            self._start_worker()
        with get_client(sync_client=True) as prefect:
            if self.run is None:
                self.run = prefect.create_flow_run_from_deployment(
                    self.deployment,
                    parameters={"config": str(self.place.config), "engine": "local", "overrides": None},
                    job_variables={"env": self.place.environment(notes)},
                ).id
            else:
                state = prefect.read_flow_run(self.run).state
                if state is not None and not state.is_final():  # as the automation for lost runs does
                    prefect.set_flow_run_state(self.run, Crashed(message="its host was lost"), force=True)
                prefect.set_flow_run_state(self.run, Scheduled(message="Retried via CLI"), force=True)
        self.notes, self.gone = Notes(notes), False
        return self.notes

    def state(self) -> str:
        """runs, ended (well) or died."""
        from prefect.client.orchestration import get_client

        if self.gone:
            return "died"
        time.sleep(0.05)
        pid = self.notes.pid()
        if pid is not None and _lives(pid):
            return "runs"
        with get_client(sync_client=True) as prefect:
            state = prefect.read_flow_run(self.run).state
        if state.is_completed():
            return "ended"
        return "died" if state.is_final() else "runs"  # a worker that lives says so itself

    def kill(self, victim: str) -> None:
        """The flow's process, the worker's, or both."""
        if "worker" in victim:
            kill(self.worker.pid)
            self.worker.wait()
            self.worker = None
        if "client" in victim:
            kill(self.notes.pid())
        self.gone = victim == "worker and client"  # nobody is left to say that it crashed
        if victim == "worker":
            self._start_worker()

    def said(self) -> str:
        """The end of the worker's log."""
        return (self.folder / "worker.log").read_text("utf-8", "replace")[-3000:]

    def _start_worker(self) -> None:
        with (self.folder / "worker.log").open("ab") as log:
            self.worker = subprocess.Popen(
                [str(Path(sys.executable).with_name("prefect")), "worker", "start", "--pool", POOL],
                cwd=ROOT, env=os.environ | {"PREFECT_WORKER_QUERY_SECONDS": "1"}, stdout=log, stderr=log,
            )  # fmt: skip


@contextmanager
def prefect(folder: Path, *, with_worker: bool) -> Iterator[Retry | None]:
    """Prefect's server, unless $PREFECT_API_URL names one, and on it a pool, a deployment and a worker, if wanted."""
    server = None if "PREFECT_API_URL" in os.environ else _start_server(folder)
    retry = Retry(folder, _deploy()) if with_worker else None
    try:
        yield retry
    finally:
        if retry is not None and retry.worker is not None:
            kill(retry.worker.pid)
        if server is not None:
            server.terminate()
            server.wait()


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _start_server(folder: Path) -> subprocess.Popen[bytes]:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "PREFECT_HOME": str(folder / "prefect")}
    os.environ |= quiet
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(
            [str(Path(sys.executable).with_name("prefect")), "server", "start", "--port", str(port), "--no-ui"],
            stdout=log, stderr=log,
        )  # fmt: skip
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
    for _ in range(600):
        with suppress(httpx.TransportError):
            if httpx.get(f"{os.environ['PREFECT_API_URL']}/health", timeout=2).status_code == httpx.codes.OK:
                return server
        time.sleep(0.2)
    raise SystemExit(f"Prefect's server does not come up; its log is {folder / 'server.log'}")


def _deploy() -> Any:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.workers.process import ProcessWorker

    command = f"{sys.executable} {SCRIPT} --role run"
    pull = {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}
    with get_client(sync_client=True) as prefect:
        template = ProcessWorker.get_default_base_job_template()
        pool = WorkPoolCreate(name=POOL, type="process", base_job_template=template)
        prefect.create_work_pool(pool, overwrite=True)
        flow = prefect.create_flow_from_name("distill")
        return prefect.create_deployment(
            flow,
            POOL,
            entrypoint="flows.distill.distill",
            work_pool_name=POOL,
            pull_steps=[pull],
            job_variables={"command": command, "working_dir": str(ROOT)},
        )
