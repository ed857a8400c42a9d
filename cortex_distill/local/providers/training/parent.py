"""The parent's side of a training: write the job, start the process, pass its progress on, stop it when asked.

In:   a spec that JSON can hold; the process finds it in `job.json`, with `fingerprint` added
Out:  what the process leaves in the folder, and the losses of the epoch that was taken
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cortex_distill
from cortex_distill.local.providers import Advance, CallError, Trained, Training
from cortex_distill.local.providers.training.files import ERRORS, JOB, RESULT, clear, replacing

ATTEMPTS = 2
"""How often a process is started that dies without a word; the second one goes on from the last whole epoch."""


class Ended(NamedTuple):
    """How a process ended: with a result, with an error that it told, or with neither."""

    result: dict[str, Any] | None
    error: str | None
    last_line: str


class Processes:
    """Runs trainings, each in its own process, and can end them all."""

    def __init__(self, module: str, environment: Mapping[str, str] | None = None) -> None:
        """`module` calls `process.main`; `environment` is for variables that are not set already."""
        self._module, self._environment = module, dict(environment or {})
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def run(self, job: Training, spec: Mapping[str, Any]) -> Trained:
        """Train to the end, from where an earlier attempt at the same spec in the same folder was cut off.

        Raises CallError if it fails. What `job.progress` raises ends the process and passes; the files stay.
        """
        text = json.dumps(spec, sort_keys=True)
        fingerprint = hashlib.sha256(text.encode()).hexdigest()
        result = _finished(job.folder, fingerprint)
        if result is None:
            with replacing(job.folder / JOB) as file:
                file.write(json.dumps({**spec, "fingerprint": fingerprint}).encode())
            result = self._run(job)
        clear(job.folder)
        return Trained(result["training_loss"], result["validation_loss"], result["trained_tokens"])

    def close(self) -> None:
        """Kill what runs; its `run` raises CallError."""
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()

    def _run(self, job: Training) -> dict[str, Any]:
        for _ in range(ATTEMPTS):
            ended = self._attempt(job)
            if ended.result is not None:
                return ended.result
            if ended.error is not None:
                raise CallError(f"fine-tuning failed: {ended.error}")
        raise CallError(f"fine-tuning failed: its process died {ATTEMPTS} times, {ended.last_line}")

    def _attempt(self, job: Training) -> Ended:
        with (job.folder / ERRORS).open("w+", encoding="utf-8", errors="replace") as errors:
            process = self._start(job.folder, errors)
            said: dict[str, Any] = {}
            try:
                said = _listen(process, job)
            finally:
                if "result" not in said and "error" not in said:
                    process.kill()
                status = process.wait()
                if process.stdout:
                    process.stdout.close()
                with self._lock:
                    self._running.discard(process)
            errors.seek(0)
            last = (errors.read().strip().splitlines() or ["it was killed"])[-1]
        return Ended(said.get("result"), said.get("error"), f"at last with exit status {status}: {last}")

    def _start(self, folder: Path, errors: Any) -> "subprocess.Popen[str]":
        root = str(Path(cortex_distill.__file__).parents[1])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        with self._lock:
            if self._closed:
                raise CallError("fine-tuning failed: the model provider has been closed")
            process = subprocess.Popen(
                [sys.executable, "-m", self._module, str(folder.resolve() / JOB)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                env={**self._environment, **os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
            self._running.add(process)
        return process


def _listen(process: "subprocess.Popen[str]", job: Training) -> dict[str, Any]:
    """Pass the progress on until the process falls silent; what it said. A beat repeats the last progress."""
    said: dict[str, Any] = {}
    now = Advance(0.0)
    for line in process.stdout or ():
        if line.endswith("\n"):  # else it died in the middle of a word
            said |= json.loads(line)
        now = Advance(*said.pop("advance", now))
        job.progress(now)
    return said


def _finished(folder: Path, fingerprint: str) -> dict[str, Any] | None:
    """The result of a training that was done when its parent ended before it could be told."""
    try:
        result: dict[str, Any] = json.loads((folder / RESULT).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return result if result.get("fingerprint") == fingerprint else None
