"""Stops what a stranger has started, as soon as whoever started this is gone, however that went.

It waits until its input ends: at the end of a test, and when pytest is interrupted or killed. In a session of its own,
so that Ctrl-C in a terminal does not reach it.
"""

import os
import subprocess
import sys
from pathlib import Path

from cortex_distill.local.service import client, door


def clean_up(folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A process that waits for us to end."""
    command = [sys.executable, "-m", "tests.documents.afterwards", str(folder)]
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        command, cwd=root, env=environment | {"PYTHONPATH": str(root)}, stdin=subprocess.PIPE, start_new_session=True
    )


def main(folder: Path) -> None:
    """Wait, then stop Prefect and every engine of the folder."""
    sys.stdin.read()
    subprocess.run(["make", "down"], cwd=folder, env=os.environ, capture_output=True, check=False)
    for lock in folder.rglob("engine.lock"):
        if door.read(lock.parent):
            client.stop(lock.parent, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
