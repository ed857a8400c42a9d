"""Find the engine of a folder, or start it; connect to it, ask how it is, stop it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cortex_distill.errors import SetupError
from cortex_distill.local.service import door
from cortex_distill.local.service.door import Door
from cortex_distill.programs import typed

if TYPE_CHECKING:
    from cortex_distill.local.service.connection import ServiceConnection

IDLE = 900.0  # seconds without a client until an engine ends; $DISTILL_ENGINE_IDLE
_PATIENCE = 60.0  # seconds until a client gives up finding or starting an engine
_ROOT = Path(__file__).parents[3]
_started: list[subprocess.Popen[str]] = []  # they outlive us; a forgotten Popen would warn


def connect(
    home: Path, models: str, database: str, schema: str, declared: Mapping[str, str] | None = None
) -> "ServiceConnection":
    """A connection to the folder's engine. See `cortex_distill.local.connect`."""
    from cortex_distill.local.service.connection import ServiceConnection  # noqa: PLC0415  loads the connector

    os.environ["NO_PROXY"] = os.environ["no_proxy"] = _no_proxy()
    return ServiceConnection(home.resolve(), models, database, schema, declared or {})


def _no_proxy() -> str:
    """The hosts that are reached without a proxy, and this machine among them."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return known if door.HOST in known or known == "*" else f"{known},{door.HOST}".strip(",")


def find_or_start(home: Path, models: str) -> Door:
    """The door of the folder's engine, which answers. Whoever comes at the same time gets the same engine.

    Raises SetupError if it cannot start, or if it serves others with different models.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / door.LOG).open("ab").close()
    except OSError as error:
        raise SetupError(
            f"the local engine cannot write into its folder {home}: {error.strerror}\n"
            "Give your user the right, or set DISTILL_HOME to a folder of yours."
        ) from error
    give_up = time.monotonic() + _PATIENCE
    while time.monotonic() < give_up:
        found = door.read(home)
        status = ask(found, "claim") if found else None
        if found and status and _suits(home, found, status, models):
            return found
        if status is None and _start(home, models) == "taken":
            time.sleep(0.2)  # another process is starting it, or it is about to end
    raise SetupError(f"the local engine in {home} neither starts nor answers; its log is {home / door.LOG}")


def ask(found: Door, command: str, **query: float) -> dict[str, Any] | None:
    """What an engine answers to `status`, `claim` or `stop`; None if nobody answers behind that door."""
    connection = HTTPConnection(door.HOST, found.port, timeout=10)
    path = f"/distill/{command}?" + "&".join(f"{key}={value}" for key, value in query.items())
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {found.token}"})
        reply = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
    data: dict[str, Any] | None = reply.get("data") if isinstance(reply, dict) else None
    return data


def stop(home: Path, patience: float) -> dict[str, Any] | None:
    """Stop the folder's engine and wait for its end; what it was, or None if none was running.

    `patience`: seconds for the statements under way; what still runs then is cancelled.
    """
    found = door.read(home)
    status = ask(found, "stop", patience=patience) if found else None
    if status is not None:
        with door.lock_of(home).acquire(timeout=patience + 30):
            return status
    return None


def _suits(home: Path, found: Door, status: dict[str, Any], models: str) -> bool:
    """Whether it has the models; one that has others and no client but us is stopped."""
    if status["models"] == models:
        return True
    if status["connections"] or status["statements"] or status["jobs"]:
        raise SetupError(
            f"the local engine in {home} (process {status['pid']}) serves other clients with models "
            f"'{status['models']}', and models '{models}' were asked for.\n"
            f"Wait for them to end, stop it with `{typed('distill')} engine stop`,"
            " or set DISTILL_HOME to another folder."
        )
    ask(found, "stop", patience=0)
    return False


def _start(home: Path, models: str) -> str:
    """Start an engine that outlives this process: `ready` or `taken`. Raises SetupError if it cannot."""
    idle = os.environ.get("DISTILL_ENGINE_IDLE") or str(IDLE)
    paths = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    with (home / door.LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cortex_distill.local.service", str(home), models, idle],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,  # Ctrl-C in the client's terminal is not meant for it
            text=True,
        )
    _started.append(process)
    assert process.stdout is not None
    with process.stdout:
        said = process.stdout.readline().strip()
    if said in ("ready", "taken"):
        return said
    reason = said.removeprefix("error ") or f"its process ended with status {process.wait()}; see {home / door.LOG}"
    raise SetupError(reason)
