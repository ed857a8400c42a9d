"""Which models are loaded: the base model and the last few tuned ones, never more than three."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cortex_distill.local.providers import CallError
from cortex_distill.local.providers.gguf.base_model import base_gguf, check_base
from cortex_distill.local.providers.gguf.engine import Engine

MAX_LOADED = 3
MODEL_FILE = "model.gguf"


class EnginePool:
    """Loads on demand and frees the least recently used model that nobody is using."""

    def __init__(self, memory: int | None = None) -> None:
        self._engines: OrderedDict[Path | None, Engine] = OrderedDict()
        self._users: dict[Path | None, int] = {}
        self._lock = threading.Lock()
        self.closed = False

    @contextmanager
    def lease(self, weights: Path | None) -> Iterator[Engine]:
        """The engine for a tuned model's folder, or for the base model; it stays loaded inside the block."""
        with self._lock:
            if self.closed:
                raise CallError("500 the model provider has been closed")
            if weights not in self._engines:
                self._make_room()
                self._engines[weights] = _open(weights)
            self._engines.move_to_end(weights)
            self._users[weights] = self._users.get(weights, 0) + 1
            engine = self._engines[weights]
        try:
            yield engine
        finally:
            with self._lock:
                self._users[weights] -= 1
                if self.closed:
                    self._free_idle(0)

    def close(self) -> None:
        """Free what is idle now; what is in use goes when its call ends."""
        with self._lock:
            self.closed = True
            self._free_idle(0)

    def _make_room(self) -> None:
        self._free_idle(MAX_LOADED - 1)

    def _free_idle(self, keep: int) -> None:
        idle = [key for key in self._engines if not self._users.get(key)]
        for key in idle[: max(0, len(self._engines) - keep)]:
            self._engines.pop(key).close()


def _open(weights: Path | None) -> Engine:
    if weights is None:
        engine = Engine(base_gguf())
        check_base(engine.sha256)
        return engine
    path = weights / MODEL_FILE
    if not path.is_file():
        raise CallError(f"500 the fine-tuned model's file {path} is missing; fine-tune it again")
    return Engine(path)
