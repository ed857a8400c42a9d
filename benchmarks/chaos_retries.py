"""A run of a Prefect worker that can be killed, worker and all, and retried: the same flow run every time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from benchmarks.chaos_runs import ROOT, SCRIPT, Notes, Place, kill, lives

POOL = "chaos"


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
        self.notes, self.gone, self.orphan = Notes(notes), False, False
        return self.notes

    def state(self) -> str:
        """runs, ended (well) or died."""
        from prefect.client.orchestration import get_client

        if self.gone:
            return "died"
        time.sleep(0.05)
        pid = self.notes.pid()
        if pid is not None and lives(pid):
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
            self.gone = self.orphan or victim == "worker and client"  # nobody is left to say that it crashed
        if victim == "worker":
            self.orphan = True
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


def _start_server(folder: Path) -> subprocess.Popen[bytes]:
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
