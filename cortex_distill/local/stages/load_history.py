"""Which files were loaded into a table: COPY loads a file once."""

import hashlib
from pathlib import Path

import duckdb

from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.stages.fitting import Target
from cortex_distill.local.stages.loading import Loaded


class LoadHistory:
    """What was loaded into the table, by name and content. fakesnow forgets it when the table is created anew."""

    def __init__(self, session: LocalConnection, duck: duckdb.DuckDBPyConnection, target: Target) -> None:
        self._stages, self._duck, self._target = session.stages, duck, target
        self._rows = f'"{target.database}"._fs_information_schema._fs_load_history'

    def has(self, file: Path) -> bool:
        """Whether this very file was loaded before."""
        query = f"SELECT 1 FROM {self._rows} WHERE SCHEMA_NAME = ? AND TABLE_NAME = ? AND FILE_NAME = ? LIMIT 1"
        return bool(self._duck.execute(query, [self._target.schema, self._target.name, self._key(file)]).fetchall())

    def note(self, file: Path, loaded: Loaded) -> None:
        """Remember it."""
        row = [
            self._target.schema, self._key(file), self._target.name, loaded.status, loaded.rows_loaded,
            loaded.rows_parsed, loaded.first_error, loaded.first_error_line, loaded.first_error_character,
            loaded.first_error_column_name, loaded.errors_seen, loaded.error_limit,
        ]  # fmt: skip
        self._duck.execute(f"INSERT INTO {self._rows} VALUES (?, ?, ?, now(), ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def _key(self, file: Path) -> str:
        return f"{self._stages.key(file)}#{hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()}"
