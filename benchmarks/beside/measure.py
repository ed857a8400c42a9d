"""What a command costs with all that it starts, also what goes on after it: wall time, CPU, memory. Linux only.

This process becomes the parent of whatever a command leaves behind (PR_SET_CHILD_SUBREAPER, prctl(2)), so that the
kernel's own account of ended children (wait4) holds every second of CPU: none is lost between two looks.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_LOOK = 0.02  # seconds between two looks whether it has ended
_LOOK_AT_MEMORY = 0.25  # seconds; a look takes some milliseconds of CPU of this process
_MIB = 1024


class Spent(NamedTuple):
    """What one command took."""

    code: int
    """Its exit status; the negative number of a signal; of one that took too long TOO_LONG."""
    wall: float
    """Seconds from its start to its end, without what it left behind."""
    cpu: float
    """Seconds of CPU of itself and the children that it waited for."""
    cpu_behind: float
    """Seconds of CPU of what went on after it, such as a server that it had started."""
    peak: float
    """Most memory of all of them together: proportional set size in MiB."""
    processes: int
    """Most processes at a look."""
    said: str
    """The end of what it said."""
    started: float
    """On the clock of time.time()."""


TOO_LONG = -1000


def adopt() -> None:
    """Become the parent of what commands leave behind; once, before the first of them."""
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "this process cannot become a subreaper")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what runs is ended, too


def run(
    command: list[str],
    folder: Path,
    environment: Mapping[str, str],
    stop: Callable[[], bool] = lambda: False,
    patience: float = 600.0,
) -> Spent:
    """Run a command to its end, or kill it and all that it started (kill -9) as soon as `stop` says so."""
    others, log = set(_children()[os.getpid()]), folder / "said.txt"
    with log.open("wb") as said:
        started, clock = time.time(), time.monotonic()
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environment), stdout=said, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
    watch = _Watch(others)
    try:
        code, cpu = _followed(process.pid, watch, stop, clock + patience)
    except BaseException:
        watch.let_go(signal.SIGKILL)
        raise
    process.returncode = code  # subprocess need not wait for it again
    wall = time.monotonic() - clock
    behind = watch.let_go()
    text = log.read_text("utf-8", "replace")[-3000:]
    return Spent(code, wall, cpu, behind, watch.peak / _MIB, watch.processes, text, started)


def _followed(pid: int, watch: _Watch, stop: Callable[[], bool], give_up: float) -> tuple[int, float]:
    """Its exit status and seconds of CPU, once it has ended or been killed with all that it started."""
    while True:
        time.sleep(_LOOK)
        watch.look()
        code, cpu = _ended(pid)
        if code is not None:
            return code, cpu
        stopped = stop()
        if stopped or time.monotonic() > give_up:
            watch.kill(signal.SIGKILL)
            _, status, used = os.wait4(pid, 0)
            return os.waitstatus_to_exitcode(status) if stopped else TOO_LONG, _cpu(used)


class _Watch:
    """Looks at all processes below this one but those that were there before."""

    def __init__(self, others: set[int]) -> None:
        self._others, self._next = others, 0.0
        self.peak = self.processes = 0

    def look(self) -> None:
        if time.monotonic() < self._next:
            return
        found = list(self._below())
        self.peak = max(self.peak, sum(map(_pss, found)))
        self.processes = max(self.processes, len(found))
        self._next = time.monotonic() + _LOOK_AT_MEMORY

    def kill(self, number: int) -> None:
        for pid in self._below():
            _send(pid, number)

    def let_go(self, number: int = signal.SIGTERM) -> float:
        """End what is still there; its seconds of CPU."""
        cpu, give_up = 0.0, time.monotonic() + 10
        self.kill(number)
        while left := [pid for pid in _children()[os.getpid()] if pid not in self._others]:
            if time.monotonic() > give_up:
                self.kill(signal.SIGKILL)
            cpu += sum(_ended(pid)[1] for pid in left)
            time.sleep(_LOOK)
        return cpu

    def _below(self) -> Iterator[int]:
        children = _children()
        left = [pid for pid in children[os.getpid()] if pid not in self._others]
        while left:
            yield (pid := left.pop())
            left += children[pid]


def _children() -> dict[int, list[int]]:
    """Parent → children, of all processes of this machine."""
    found: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
            found[parent].append(int(entry.name))
    return found


def _pss(pid: int) -> int:
    """Proportional set size in KiB; 0 of a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _ended(pid: int) -> tuple[int | None, float]:
    """Exit status, None while it runs, and seconds of CPU."""
    found, status, used = os.wait4(pid, os.WNOHANG)
    return (os.waitstatus_to_exitcode(status), _cpu(used)) if found else (None, 0.0)


def _cpu(used: object) -> float:
    return float(used.ru_utime + used.ru_stime)


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it has ended by itself
