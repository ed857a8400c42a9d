"""The training process: `python -m <the trainer's module> <folder of the job>/job.json`.

A process of its own, so that its memory is given back and it can be killed. It says JSON lines on its standard output:
{"advance": […]}, at last {"result": {…}} or {"error": "…"}, and {} every half second, in which it notices that
nobody listens any more and ends: it outlives a killed engine by that half second only.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from cortex_distill.local.providers import Advance, CallError
from cortex_distill.local.providers.training.files import LOCK

BEAT = 0.5  # seconds
PATIENCE = 30.0  # seconds for the process of a killed engine to be gone
NICENESS = 15

Say = Callable[[Advance], None]
Train = Callable[[dict[str, Any], Path, Say], dict[str, Any]]
"""From the job file's content and its folder to the result."""


class Pipe:
    """The way to the parent. Whatever else writes to standard output from now on lands in the error file."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def tell(self, **message: Any) -> None:
        """One line. Ends this process if nobody is there to read it."""
        try:
            with self._lock:
                self._out.write(json.dumps(message) + "\n")
                self._out.flush()
        except OSError:
            os._exit(1)

    def beat(self) -> None:
        """An empty line now and then, for ever."""
        tick = threading.Event()
        while not tick.wait(BEAT):
            self.tell()


def main(train: Train) -> None:
    """Run `train` on the job file that the command line names. It gives way to the calls answered meanwhile."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    pipe, path = Pipe(), Path(sys.argv[1])
    threading.Thread(target=pipe.beat, daemon=True).start()
    try:
        with FileLock(path.with_name(LOCK)).acquire(timeout=PATIENCE, poll_interval=0.1):
            spec = json.loads(path.read_text("utf-8"))
            pipe.tell(result=train(spec, path.parent, lambda now: pipe.tell(advance=now)))
    except Timeout:
        pipe.tell(error=f"another process trains in {path.parent}")
    except CallError as error:
        pipe.tell(error=str(error))
