"""A stub, perhaps a Prefect server, and systems that run against them one after the other."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.beside import measure
from benchmarks.beside.systems import FLOW, HERE, Place, System, needs_server, skipped

Lines = list[list[str]]
_SERVER_STARTS = 180.0  # seconds


class Measured(NamedTuple):
    """One run of a system: what it cost, and what the stub saw of it."""

    system: System
    spent: measure.Spent
    seen: dict[str, Any]

    @property
    def cpu(self) -> float:
        """Seconds of CPU of all its processes."""
        return self.spent.cpu + self.spent.cpu_behind

    @property
    def failure(self) -> str:
        """Why it is of no use; '' if it ended well."""
        if self.spent.code == 0:
            return ""
        lines = [line for line in self.spent.said.splitlines() if line.strip()] or ["it said nothing"]
        why = "it took too long" if self.spent.code == measure.TOO_LONG else f"status {self.spent.code}"
        return f"{why}: {lines[-1].strip()[:160]}"


class Bench:
    """Runs systems. `folder` is empty and goes with the bench."""

    def __init__(self, folder: Path, stub: str, prefect: str) -> None:
        self._folder, self.stub, self._prefect, self._runs = folder, stub, prefect, 0

    def new_folder(self) -> Path:
        """An empty folder for a system to run in."""
        self._runs += 1
        folder = self._folder / f"run{self._runs}"
        folder.mkdir()
        return folder

    def place(
        self, system: System, workload: str, rows: int, *, folder: Path | None = None, stricter: bool = False
    ) -> Place:
        """Where a system runs: in a new folder, or again in one where it has run."""
        prefect = self._prefect if needs_server(system) else ""
        return Place(folder or self.new_folder(), workload, rows, self.stub, prefect, stricter)

    def run(self, system: System, place: Place, stop: Callable[[], bool] = lambda: False) -> Measured:
        """Run it once; the stub counts anew."""
        self.forget()
        command = system.command(place)
        spent = measure.run(command, place.folder, system.environment(place), stop)
        return Measured(system, spent, self.seen())

    def seen(self) -> dict[str, Any]:
        """What the stub has seen since `forget`."""
        with urllib.request.urlopen(f"{self.stub}/seen", timeout=30) as reply:
            seen: dict[str, Any] = json.load(reply)
        return seen

    def forget(self) -> None:
        """Let the stub count anew."""
        urllib.request.urlopen(urllib.request.Request(f"{self.stub}/forget", method="POST"), timeout=30).close()


@contextmanager
def opened(*, with_prefect: bool) -> Iterator[Bench]:
    """A bench with its servers; all of it goes at the end."""
    measure.adopt()
    with tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        stub = subprocess.Popen([sys.executable, str(HERE / "stub.py")], stdout=subprocess.PIPE, text=True)
        try:
            assert stub.stdout is not None
            address = f"http://127.0.0.1:{int(stub.stdout.readline())}"
            if with_prefect:
                with _prefect(folder) as url:
                    yield Bench(folder, address, url)
            else:
                yield Bench(folder, address, "")
        finally:
            stub.kill()
            stub.wait()


def each_of(
    systems: Sequence[tuple[System, str]],
    only: Sequence[str],
    columns: int,
    lines: Callable[[Bench, System, str], Lines],
) -> tuple[Lines, list[str]]:
    """Lines of every system and workload, one after the other, and the versions of the peers among them.

    `only`: words, one of which must be in a system's name; none: all. A system that is not here gets a line of so many
    columns that says why.
    """
    picked = [pair for pair in systems if not only or any(word.lower() in pair[0].name.lower() for word in only)]
    found, versions = [], []
    with opened(with_prefect=any(system is FLOW for system, _ in picked)) as bench:
        for system, workload in picked:
            if why := skipped(system, workload):
                found.append([system.name, *["–"] * (columns - 2), f"skipped: {why}"])
                continue
            versions.append(f"{system.name.partition(',')[0]} {system.version()}")
            found += lines(bench, system, workload)
    return found, [one for one in dict.fromkeys(versions) if "distill" not in one]


@contextmanager
def _prefect(folder: Path) -> Iterator[str]:
    """A Prefect server, as `prefect server start` starts one."""
    home, port = folder / "server", _free_port()
    environment = os.environ | {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_LOGGING_SERVER_LEVEL": "ERROR",
    }
    environment.pop("PREFECT_API_URL", None)
    command = [
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--no-ui",
    ]
    log = (folder / "server.txt").open("wb")
    server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _wait_for(f"http://127.0.0.1:{port}/api/health", server, folder / "server.txt")
        yield f"http://127.0.0.1:{port}/api"
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + _SERVER_STARTS
    while time.monotonic() < give_up and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
        else:
            return
    raise SystemExit(f"the Prefect server does not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port
