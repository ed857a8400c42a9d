"""A connection of ours to an engine behind a port, which can be opened again when that engine has died."""

import threading
from pathlib import Path
from typing import Any

from snowflake.connector.auth import AuthByDefault

from cortex_distill.local.service import client
from cortex_distill.local.transport import LocalClient


class ServiceConnection(LocalClient):
    """A genuine connection that knows how to find its engine, or to start another on the same files."""

    def __init__(self, home: Path, models: str, database: str, schema: str, as_of: str | None) -> None:
        self._home, self._models, self._place = home, models, (database, schema)
        self._opening, self._opened = threading.Lock(), 1
        super().__init__(None, as_of=as_of, **self._parameters())

    def _parameters(self) -> dict[str, Any]:
        return client.find_or_start(self._home, self._models).parameters(*self._place)

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
                parameters = self._parameters()
                # the connector would log in with the first password again, which it has forgotten
                self.connect(**parameters, auth_class=AuthByDefault(parameters["password"]))
                self._opened += 1
