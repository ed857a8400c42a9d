"""What a stranger has started does not stay behind, also when the tests are killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from cortex_distill.local.service import client, door

ROOT = Path(__file__).parents[2]
STARTS = """
import os, sys, time
from pathlib import Path
from cortex_distill.local.service import client
from tests.documents.afterwards import clean_up
folder = Path(sys.argv[1])
watch = clean_up(folder, dict(os.environ))
client.find_or_start(folder / "engine", "simulated")
print("up", flush=True)
time.sleep(600)
"""


def test_servers_are_stopped_when_the_tests_are_killed(tmp_path):
    (tmp_path / "Makefile").write_text("down:\n\ttouch was-down\n", encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DISTILL_IN_PROCESS": "0"}
    tests = subprocess.Popen(
        [sys.executable, "-c", STARTS, str(tmp_path)], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert tests.stdout and tests.stdout.readline() == "up\n"
        found = door.read(tmp_path / "engine")
        assert found and client.ask(found, "status")
        tests.send_signal(signal.SIGKILL)
        give_up = time.monotonic() + 60
        while door.read(tmp_path / "engine") and time.monotonic() < give_up:
            time.sleep(0.1)
        assert (tmp_path / "was-down").exists() and client.ask(found, "status") is None
    finally:
        tests.kill()
        tests.communicate()
        client.stop(tmp_path / "engine", 0)
