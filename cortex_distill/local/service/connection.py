"""A connection of ours to an engine behind a port, which can be opened again when that engine has died."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import stamina
from snowflake.connector.auth import AuthByDefault
from snowflake.connector.errors import DatabaseError

from cortex_distill.local.service import client
from cortex_distill.local.wire.messages import GONE
from cortex_distill.local.wire.transport import LocalClient


def _is_gone(error: Exception) -> bool:
    """Whether the engine ended between our finding it and the login."""
    return isinstance(error, DatabaseError) and error.errno == int(GONE["code"])


class ServiceConnection(LocalClient):
    """A genuine connection that knows how to find its engine, or to start another on the same files."""

    def __init__(self, home: Path, models: str, database: str, schema: str, declared: Mapping[str, str]) -> None:
        self._home, self._models, self._place = home, models, (database, schema)
        self._opening, self._opened = threading.Lock(), 1
        self._log_in(lambda found: super(ServiceConnection, self).__init__(None, declared, **found))

    @stamina.retry(on=_is_gone, attempts=5, timeout=None, wait_initial=0.1)
    def _log_in(self, connect: Callable[[dict[str, Any]], None]) -> None:
        connect(client.find_or_start(self._home, self._models).parameters(*self._place))

    @property
    def opened(self) -> int:
        """How often it was opened."""
        return self._opened

    def reopen(self, opened: int) -> None:
        """A new session on an engine that lives, unless a thread has done that since `opened` was read.

        What belonged to the old session is gone: an open transaction, temporary tables, variables.
        Raises SetupError or DatabaseError if no engine can be had.
        """
        with self._opening:
            if self._opened == opened:
                # the connector would log in with the first password again, which it has forgotten
                self._log_in(lambda found: self.connect(**found, auth_class=AuthByDefault(found["password"])))
                self._opened += 1
