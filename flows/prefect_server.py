"""Prefect's temporary server, started so that Ctrl-C in the terminal is not meant for it.

Otherwise it ends first, and Prefect asks it for more than a minute to note that the run was interrupted, and fails.
"""

from __future__ import annotations

import signal
import threading


def start_server() -> None:
    """Start it, unless $PREFECT_API_URL names one that runs. It ends with this process. Raises RuntimeError."""
    failures: list[BaseException] = []

    def start() -> None:
        from prefect.client.orchestration import get_client  # noqa: PLC0415  seconds that a typo need not cost

        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a process inherits what its thread blocks
        try:
            get_client(sync_client=True)
        except Exception as error:  # noqa: BLE001  raised again where somebody waits for it
            failures.append(error)

    starting = threading.Thread(target=start, name="prefect-server", daemon=True)
    starting.start()
    starting.join()
    if failures:
        raise failures[0]
