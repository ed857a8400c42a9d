"""Which models are loaded: as many as fit into a part of the memory, the least recently used ones going first."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cortex_distill.local.providers import NEVER, CallError
from cortex_distill.local.providers.gguf.engine import Engine
from cortex_distill.local.providers.gguf.footprint import Footprint, footprint, half_of_memory

LOOK = 0.05
"""Seconds between two looks at a stop signal while a model is being loaded or there is no room for it."""


class Stopped(Exception):
    """The statement was canceled while its model was not there yet."""


class Key(NamedTuple):
    """A file as it is now: one that is replaced is another model."""

    file: Path
    bytes: int
    changed: int


class _Loaded:
    """A model that is loaded, or under way (`engine` is None)."""

    def __init__(self, footprint: Footprint) -> None:
        self.footprint, self.users = footprint, 1
        self.engine: Engine | None = None


class EnginePool:
    """Thread-safe. Nobody waits for the loading of a model that he does not want."""

    def __init__(self, memory: int | None = None) -> None:
        """`memory`: bytes for all loaded models; None for half of what the machine has."""
        self._memory = half_of_memory() if memory is None else memory
        self._models: OrderedDict[Key, _Loaded] = OrderedDict()
        self._changed = threading.Condition()
        self.closed = False

    @contextmanager
    def lease(self, file: Path, stop: threading.Event = NEVER) -> Iterator[Engine]:
        """The engine for a GGUF file; it stays loaded inside the block. Lease one at a time: two could wait for ever.

        Raises CallError if it is not there or cannot be loaded, Stopped if `stop` is set first.
        """
        try:
            state = file.stat()
        except OSError as error:
            raise CallError(f"500 {file} cannot be read ({error.strerror})") from error
        key = Key(file, state.st_size, state.st_mtime_ns)
        model = self._enter(key, stop)
        try:
            yield self._loaded(key, model)
        finally:
            self._leave(model)

    def close(self) -> None:
        """Free what is idle now; what is in use goes when its call ends."""
        with self._changed:
            self.closed = True
            freed = self._take_idle(0)
        _close(freed)

    def _enter(self, key: Key, stop: threading.Event) -> _Loaded:
        """Count in as a user of the model: loaded, or to be loaded by whoever called this."""
        with self._changed:
            if model := self._known(key):
                return model
        wanted = footprint(key.file, self._memory)
        while not stop.is_set():
            freed: list[Engine] = []
            with self._changed:
                model = self._known(key)
                if not model and key not in self._models:
                    freed = self._take_idle(self._memory - wanted.bytes)
                    model = self._begin(key, wanted)
                if not model:
                    self._changed.wait(LOOK)
            _close(freed)
            if model:
                return model
        raise Stopped

    def _known(self, key: Key) -> _Loaded | None:
        """The model if it is loaded, with one more user."""
        if self.closed:
            raise CallError("500 the model provider has been closed")
        model = self._models.get(key)
        if model and model.engine:
            model.users += 1
            self._models.move_to_end(key)
            return model
        return None

    def _begin(self, key: Key, wanted: Footprint) -> _Loaded | None:
        """Take the model's place, if those in use leave room for it."""
        if self._bytes() + wanted.bytes > self._memory:
            return None
        self._models[key] = _Loaded(wanted)
        return self._models[key]

    def _loaded(self, key: Key, model: _Loaded) -> Engine:
        if model.engine:
            return model.engine
        try:
            engine = Engine(key.file, model.footprint, str(key))
        except BaseException:
            with self._changed:
                del self._models[key]
                self._changed.notify_all()
            raise
        with self._changed:
            model.engine = engine
            self._changed.notify_all()
        return engine

    def _leave(self, model: _Loaded) -> None:
        with self._changed:
            model.users -= 1
            freed = self._take_idle(0) if self.closed else []
            self._changed.notify_all()
        _close(freed)

    def _take_idle(self, keep: int) -> list[Engine]:
        """Out with idle models, the least recently used first, until those that stay take `keep` bytes at most."""
        freed = []
        for key, model in list(self._models.items()):
            if self._bytes() <= keep:
                break
            if not model.users and model.engine:
                freed.append(self._models.pop(key).engine)
        return [engine for engine in freed if engine]

    def _bytes(self) -> int:
        return sum(model.footprint.bytes for model in self._models.values())


def _close(engines: list[Engine]) -> None:
    for engine in engines:
        engine.close()
