"""Prefect's server for a command: the one that its settings name, else a temporary one.

The temporary one is started so that Ctrl-C in the terminal is not meant for it. Otherwise it ends first, and Prefect
asks it for more than a minute to note that the run was interrupted, and fails.
"""

from __future__ import annotations

import signal
import threading

from cortex_distill.errors import SetupError


def start_server() -> None:
    """Start it, unless settings name one that runs. It ends with this process.

    Raises SetupError if the one that settings name does not answer, RuntimeError if none can be started.
    """
    failures: list[BaseException] = []

    def start() -> None:
        import httpx  # noqa: PLC0415
        from prefect.client.orchestration import get_client  # noqa: PLC0415  seconds that a typo need not cost
        from prefect.settings import get_current_settings  # noqa: PLC0415

        url = get_current_settings().api.url
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a process inherits what its thread blocks
        try:
            with get_client(sync_client=True) as client:
                client.hello()
        except httpx.TransportError as error:
            failures.append(SetupError(_silent(url, error)) if url else error)
        except Exception as error:  # noqa: BLE001  raised again where somebody waits for it
            failures.append(error)

    starting = threading.Thread(target=start, name="prefect-server", daemon=True)
    starting.start()
    starting.join()
    if failures:
        raise failures[0]


def _silent(url: str, error: Exception) -> str:
    return (
        f"Prefect's server at {url} does not answer ({type(error).__name__}). `make up` starts it again; to run without"
        " it, remove prefect.toml or unset PREFECT_API_URL, whichever names it"
    )
