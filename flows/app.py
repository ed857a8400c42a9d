"""Starts the Streamlit page of app/ on the first free port from 8501: `make app`, or `python -m flows.app`.

Streamlit becomes this process. It sends no statistics and asks for no address (app/.streamlit/config.toml).
"""

from __future__ import annotations

import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

from cortex_distill.errors import SetupError
from flows.console import console

FIRST, PORTS = 8501, 50
MAIN = Path(__file__).parents[1] / "app" / "streamlit_app.py"


def free_port(first: int = FIRST) -> int:
    """The first of PORTS ports from `first` that nobody listens on. Raises OSError if there is none."""
    for port in range(first, first + PORTS):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no port from {first} to {first + PORTS - 1} is free on 127.0.0.1; stop a program that uses one")


def command(port: int) -> list[str]:
    """What starts the page on that port of this machine alone."""
    place = ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
    return [sys.executable, "-m", "streamlit", "run", str(MAIN), *place]


def main() -> None:
    """Say where to look, and become Streamlit. Raises SetupError where it or the page is missing."""
    if find_spec("streamlit") is None or not MAIN.is_file():
        raise SetupError(f"the page needs Streamlit and {MAIN}: start it in a checkout, after `make install`")
    port = free_port()
    console.print(f"http://127.0.0.1:{port}  (engine: {os.environ.get('DISTILL_ENGINE') or 'local'}; Ctrl+C stops it)")
    started = command(port)
    os.execv(started[0], started)


if __name__ == "__main__":
    main()
