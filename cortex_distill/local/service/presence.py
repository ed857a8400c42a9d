"""Who is there: open connections, and the sessions that came through them."""

import threading
import time
from collections.abc import Callable


class Presence:
    """Tells sessions whose client is gone from sessions that are quiet. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._guard = clock, threading.Lock()
        self._tokens_of: dict[int, set[str]] = {}
        self._left: dict[str, float] = {}
        self._quiet_since = clock()

    def wanted(self) -> None:
        """Somebody is about to connect."""
        self._quiet_since = self._clock()

    def seen(self, connection: int, token: str) -> None:
        """A request came through a connection, of the session of that token, if any yet."""
        with self._guard:
            self._tokens_of.setdefault(connection, set()).add(token)
            self._left.pop(token, None)

    def left(self, connection: int) -> None:
        """A connection was closed."""
        with self._guard:
            if connection in self._tokens_of:
                gone = self._tokens_of.pop(connection)
                still = set().union(*self._tokens_of.values())
                self._left |= dict.fromkeys(gone - still, self._clock())
                self._quiet_since = self._clock()

    def connections(self) -> int:
        """How many are open."""
        return len(self._tokens_of)

    def quiet(self) -> float:
        """Seconds without any open connection; 0 while there is one."""
        return 0.0 if self._tokens_of else self._clock() - self._quiet_since

    def abandoned(self, grace: float) -> list[str]:
        """Tokens of sessions that nobody has been connected with for `grace` seconds."""
        with self._guard:
            return [token for token, since in self._left.items() if self._clock() - since >= grace]

    def forget(self, token: str) -> None:
        """The session has ended."""
        with self._guard:
            self._left.pop(token, None)
