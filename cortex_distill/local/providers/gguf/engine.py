"""A loaded GGUF model: one or several servers of the same file, and calls shared out among them.

Each call has a server for itself, which computes with one call at a time; so no reply depends on what else is asked.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from cortex_distill.local.providers import NEVER
from cortex_distill.local.providers.gguf.base_model import file_hash
from cortex_distill.local.providers.gguf.footprint import Footprint
from cortex_distill.local.providers.gguf.server import Server

Work = Callable[[Server, int], None]
"""Answer the call at one place of a batch."""

LOOK = 0.05
"""Seconds between two looks at a stop signal while all servers are busy."""


class Engine:
    """Loads its first server at once, others when a batch has work for them."""

    def __init__(self, path: Path, footprint: Footprint, identity: str) -> None:
        """`identity`: another text for every other file. Raises CallError if llama.cpp cannot load the file."""
        self._path, self._footprint, self.identity = path, footprint, identity
        self.reader = self._load()
        """For what has to do with texts alone, from any thread; calls go through `share`."""
        self._idle: list[Server | None] = [None] * (footprint.servers - 1) + [self.reader]
        self._freed = threading.Condition()

    @cached_property
    def digest(self) -> str:
        """The file's SHA-256 in hexadecimal."""
        return file_hash(self._path)

    def share(self, places: Sequence[int], work: Work, stop: threading.Event = NEVER) -> None:
        """Do the work of every place with a server each; runs of neighbours stay on one server, which keeps what their
        prompts share. Waits until a server is free; does nothing if `stop` is set before that. Raises what `work`
        raises, and CallError if another server cannot be loaded, when the others are done."""
        taken = self._take(len(places), stop)
        if not taken:
            return
        runs = _Runs(places, len(taken))
        with ThreadPoolExecutor(len(taken)) as pool:
            done = [pool.submit(self._serve, server, runs, number, work) for number, server in enumerate(taken)]
        for each in done:
            each.result()

    def close(self) -> None:
        """Free the memory; nothing may be under way."""
        for server in self._idle:
            if server:
                server.close()

    def _load(self) -> Server:
        return Server(self._path, self._footprint.threads, self._footprint.context)

    def _take(self, wanted: int, stop: threading.Event) -> list[Server | None]:
        """As many as are idle now, loaded ones first; at least one, unless `stop` is set."""
        with self._freed:
            while not self._idle:
                self._freed.wait(LOOK)
                if stop.is_set():
                    return []
            return [self._idle.pop() for _ in range(min(wanted, len(self._idle)))]

    def _serve(self, server: Server | None, runs: "_Runs", number: int, work: Work) -> None:
        try:
            server = server or self._load()
            while (place := runs.next(number)) is not None:
                work(server, place)
        finally:
            with self._freed:
                self._idle.append(server)
                self._freed.notify()


class _Runs:
    """Places in order, cut into a run for each server; who has done its own takes half of the longest that is left."""

    def __init__(self, places: Sequence[int], servers: int) -> None:
        self._places = places
        ends = [len(places) * number // servers for number in range(servers + 1)]
        self._left = [range(low, high) for low, high in pairwise(ends)]
        self._lock = threading.Lock()

    def next(self, number: int) -> int | None:
        with self._lock:
            if not self._left[number]:
                longest = max(range(len(self._left)), key=lambda at: len(self._left[at]))
                run = self._left[longest]
                self._left[longest], self._left[number] = run[: len(run) // 2], run[len(run) // 2 :]
            run = self._left[number]
            self._left[number] = run[1:]
            return self._places[run[0]] if run else None
