"""`distill up` and `distill down`: Prefect's server, work pool, worker and deployments, and the local engine.

Everything lies in the engine's folder and in `prefect.toml`, which tells Prefect's commands in this folder where the
server is. Nothing outside is touched. Whoever has a server of their own needs none of this: docs/prefect.md.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import click
import httpx

from cortex_distill.errors import SetupError
from cortex_distill.local.service import client
from cortex_distill.programs import typed
from cortex_distill.session import local_folder, local_models

POOL = "local"
PORT = 4200  # Prefect's usual one; another if it is taken
SETTINGS = Path("prefect.toml")
OURS = "# Written by `distill up`, removed by `distill down`: where Prefect is, for commands in this folder.\n"
HEARTBEAT = 30  # seconds, what flows/lost.py counts with; its import would cost two
PATIENCE = 120.0  # seconds; the first start of a server makes its database


@click.command()
def up() -> None:
    """Start Prefect's server, a worker, the deployments and the local engine; what runs already stays."""
    url = _server()
    environment = {**_environment(), "PREFECT_API_URL": f"{url}/api"}
    _call(environment, "work-pool", "create", POOL, "--type", "process", "--overwrite", said="work pool")
    _call(environment, "--no-prompt", "deploy", "--all", said="deployments of prefect.yaml")
    _call(environment, said="watch for lost runs", program=[sys.executable, "-m", "flows.lost"])
    _worker(environment)
    client.find_or_start(local_folder(), local_models())
    click.echo(f"\nUI            {url}/v2/deployments")
    click.echo(f"leaderboard   {url}/v2/artifacts/key/leaderboard-local   (after the first run)")
    click.echo(f"all reports   {url}/v2/artifacts   (Prefect has no menu entry for them)")
    click.echo(f"start a run   {typed('prefect')} deployment run distill/support_tickets")
    click.echo(f"stop it all   {typed('distill')} down   (or make down)")
    elsewhere = os.environ.get("PREFECT_API_URL")
    if elsewhere and elsewhere != f"{url}/api":
        click.secho(f"PREFECT_API_URL is set to {elsewhere}: Prefect's commands go there; unset it first", fg="yellow")


@click.command()
def down() -> None:
    """Stop what `distill up` has started. Runs under way are stopped with the worker; a retry goes on with them."""
    for name in ("worker", "server"):
        pid = _running(name)
        if pid is not None:
            _stop(pid)
            click.echo(f"stopped the {name} (process {pid})")
        _pid_file(name).unlink(missing_ok=True)
    was = client.stop(local_folder(), 10)
    if was is not None:
        click.echo(f"stopped the local engine (process {was['pid']})")
    if SETTINGS.is_file() and SETTINGS.read_text(encoding="utf-8").startswith(OURS):
        SETTINGS.unlink()


def _server() -> str:
    """Its address; started if it does not run. Raises SetupError if it does not come up, or settings are not ours."""
    if SETTINGS.is_file() and not SETTINGS.read_text(encoding="utf-8").startswith(OURS):
        raise SetupError(f"{SETTINGS} is yours, not ours; with a server of your own, see docs/prefect.md instead")
    earlier = SETTINGS.read_text(encoding="utf-8").split('"')[1].removesuffix("/api") if SETTINGS.is_file() else ""
    if earlier and _running("server") is not None and _answers(earlier):
        click.echo(f"server        runs already, {earlier}")
        return earlier
    _stop(_running("server"))
    _stop(_running("worker"))  # it asks the server that is gone
    port = _free_port(earlier)
    url = f"http://127.0.0.1:{port}"
    shown = {"PREFECT_UI_API_URL": f"{url}/api"}  # else the pages look for port 4200
    _start("server", _environment() | shown, "server", "start", "--host", "127.0.0.1", "--port", str(port))
    alive = f"[flows]\nheartbeat_frequency = {HEARTBEAT}\n"  # else living runs are taken for lost
    SETTINGS.write_text(f'{OURS}[api]\nurl = "{url}/api"\n\n{alive}', encoding="utf-8")
    click.echo("server        starting, some 20 seconds ", nl=False)
    give_up = time.monotonic() + PATIENCE
    while not _answers(url):
        if time.monotonic() > give_up or _running("server") is None:
            raise SetupError(f"Prefect's server did not come up; what it said: {_log('server')}")
        click.echo(".", nl=False)
        time.sleep(1)
    click.echo(f" {url}")
    return url


def _worker(environment: dict[str, str]) -> None:
    if _running("worker") is not None:
        click.echo("worker        runs already")
        return
    quick = {"PREFECT_WORKER_QUERY_SECONDS": "1"}  # a run starts at once, not in ten seconds
    alive = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT)}
    _start("worker", environment | quick | alive, "worker", "start", "--pool", POOL)
    click.echo(f"worker        started, log in {_log('worker')}")


def _call(environment: dict[str, str], *arguments: str, said: str, program: list[str] | None = None) -> None:
    """A command of Prefect's, to its end. Raises SetupError with what it said if it fails."""
    click.echo(f"{said:<28}", nl=False)
    command = [*(program or [_prefect()]), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        click.echo()
        raise SetupError(f"{said}: failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    click.echo("ready")


def _start(name: str, environment: dict[str, str], *arguments: str) -> None:
    _log(name).parent.mkdir(parents=True, exist_ok=True)
    with _log(name).open("ab") as log:
        process = subprocess.Popen(
            [_prefect(), *arguments], env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
    _pid_file(name).write_text(str(process.pid), encoding="utf-8")


def _environment() -> dict[str, str]:
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    inherited = {key: value for key, value in os.environ.items() if key != "PREFECT_API_URL"}
    return {**inherited, **quiet, "PREFECT_HOME": str(_home())}


def _home() -> Path:
    return local_folder() / "prefect"


def _log(name: str) -> Path:
    return _home() / f"{name}.log"


def _pid_file(name: str) -> Path:
    return _home() / f"{name}.started"


def _prefect() -> str:
    return str(Path(sys.executable).parent / "prefect")


def _running(name: str) -> int | None:
    """The process that was started as this, if it still is what it was: after a reboot its number may be another's."""
    try:
        pid = int(_pid_file(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    shown = subprocess.run(["ps", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, command = shown.stdout.strip().partition(" ")
    return pid if f"prefect {name} start" in command and not state.startswith("Z") else None


def _stop(pid: int | None) -> None:
    if pid is None:
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        for _ in range(150):
            time.sleep(0.1)
            os.kill(pid, 0)
        os.kill(pid, signal.SIGKILL)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/health", timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _free_port(earlier: str = "") -> int:
    """The port of an earlier address if it is free, so that links stay true; else Prefect's usual one, else any."""
    for port in (urlsplit(earlier).port or PORT, PORT, 0):
        with socket.socket() as tried, suppress(OSError):
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do, or a stopped one blocks it
            tried.bind(("127.0.0.1", port))
            return int(tried.getsockname()[1])
    raise SetupError("no port is free on 127.0.0.1")
