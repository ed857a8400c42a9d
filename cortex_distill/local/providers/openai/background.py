"""An event loop on a thread of its own, for callers who are threads."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import wait
from typing import Any, TypeVar

T = TypeVar("T")

_NOTICE = 0.05  # seconds until a stop is noticed


class Background:
    """Runs coroutines for other threads until it is closed."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(
        self,
        work: Coroutine[Any, Any, T],
        stopped: Callable[[], bool] = lambda: False,
        give_up: Callable[[], object] = lambda: None,
    ) -> T:
        """What the coroutine returns. As long as it runs and `stopped`, `give_up` is called on the loop."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        while not wait([future], _NOTICE).done:
            if stopped():
                self._loop.call_soon_threadsafe(give_up)
        return future.result()

    def close(self) -> None:
        """End the thread; nothing may run any more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
