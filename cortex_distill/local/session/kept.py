"""Things kept for a while: the newest ones, as many as fit into a number of bytes."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """By key. The newest is kept whatever its size."""

    def __init__(self, most: int) -> None:
        self._most, self._total = most, 0
        self._guard = threading.Lock()
        self._things: OrderedDict[str, tuple[T, int]] = OrderedDict()

    def keep(self, key: str, thing: T, size: int) -> None:
        """Keep it, of `size` bytes, and let the oldest go."""
        with self._guard:
            self._total += size - self._things.pop(key, (thing, 0))[1]
            self._things[key] = (thing, size)
            while self._total > self._most and len(self._things) > 1:
                self._total -= self._things.popitem(last=False)[1][1]

    def get(self, key: str) -> T | None:
        """The thing, if it is still there."""
        found = self._things.get(key)
        return found[0] if found else None
