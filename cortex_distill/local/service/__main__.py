"""The engine's process: `python -m cortex_distill.local.service <home> <models> <idle seconds>`.

It says one line on its standard output, for the process that started it: `ready`, `taken` (another engine has the
folder) or `error …`.
"""

import logging
import os
import signal
import sys
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType

from filelock import Timeout

from cortex_distill.errors import SetupError
from cortex_distill.local.service import door

_PATIENCE = 10.0  # seconds for statements under way at SIGTERM
_LOG = logging.getLogger("cortex_distill.local.service")


def main(home: Path, models: str, idle: float) -> None:
    """Serve until stopped. The lock comes first: a second engine must find out before it loads anything."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = door.lock_of(home)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _say("taken")
        return
    _log_to(home / door.LOG)
    try:
        _serve(home, models, idle)
    except SetupError as error:
        _LOG.error("%s", error)
        _say(f"error {error}")
    finally:
        lock.release()


def _serve(home: Path, models: str, idle: float) -> None:
    from cortex_distill.local.engines import new_engine  # noqa: PLC0415  after the lock
    from cortex_distill.local.service.server import Service  # noqa: PLC0415

    engine = new_engine(home, models)
    service = Service(engine, models, idle)

    def stop(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=service.stop, args=(_PATIENCE,), daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    door.write(home, door.Door(service.port, engine.account, service.token))
    _LOG.info("process %d serves %s with models %s on port %d", os.getpid(), home, models, service.port)
    _say("ready")
    try:
        service.serve()
    finally:
        (home / door.DOOR).unlink(missing_ok=True)
        engine.close()
        _LOG.info("process %d stopped", os.getpid())


def _say(line: str) -> None:
    """Tell the starter, once; afterwards nobody reads."""
    print(line.replace("\n", " "), flush=True)  # noqa: T201
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _log_to(file: Path) -> None:
    handler = RotatingFileHandler(file, maxBytes=1_000_000, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for chatty in ("snowflake", "sqlglot"):
        logging.getLogger(chatty).setLevel(logging.ERROR)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
