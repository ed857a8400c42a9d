"""The rows of a fine-tuning query: run by a hidden session of its own, as the job is detached from its creator's."""

import uuid
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from snowflake.connector.errors import ProgrammingError

from cortex_distill.local.cortex.tuning_order import error
from cortex_distill.local.faults import Refused, as_refused
from cortex_distill.local.session.journal import CURRENT, Statement
from cortex_distill.local.sql.execute import execute

if TYPE_CHECKING:
    from cortex_distill.local.engine import Engine
    from cortex_distill.local.wire.results import Result

_COLUMNS = ("PROMPT", "COMPLETION")
Pairs = list[tuple[str, str]]


class TuningData:
    """Reads the two queries of a job. Its statements are in the history, as Snowflake's are."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def rows(self, query: str, home: str, most: int) -> Pairs:
        """The (prompt, completion) pairs; a row without one of them is left out. Raises Refused beyond `most` rows."""
        table = self._run(query, home)
        if table.num_rows > most:
            raise error(f"{table.num_rows} rows are more than the {most} that this base model takes at these epochs")
        names = {column.upper(): place for place, column in enumerate(table.column_names)}
        prompts, completions = (table.column(names[column]).to_pylist() for column in _COLUMNS)
        return [(str(one), str(other)) for one, other in zip(prompts, completions, strict=True) if one and other]

    def check(self, query: str, home: str) -> None:
        """Raises Refused unless the query runs and has both columns; it returns no row and asks no model."""
        names = {
            name.upper()
            for name in self._run(f"SELECT * FROM ({query.strip().rstrip(';')}) LIMIT 0", home).column_names
        }
        missing = [column for column in _COLUMNS if column not in names]
        if missing:
            lacks = ", ".join(missing).lower()
            raise error(f"the query must return columns prompt and completion; missing: {lacks}: {query}")

    def _run(self, query: str, home: str) -> pa.Table:
        database, schema = home.split(".", 1)
        session = self._engine.session(database or None, schema or None)
        statement = Statement(str(uuid.uuid4()), query, session.asked(), internal=True)
        self._engine.journal.begin(statement)
        token = CURRENT.set(statement)
        result: Result | None = None
        refused: Refused | None = None
        try:
            result = execute(session, query, [], self._engine.locks, statement.begins)
            return result.table
        except (duckdb.Error, ProgrammingError, Refused) as fault:
            refused = as_refused(fault)
            raise refused or fault from fault  # only Refused gets through DuckDB with its number
        finally:
            CURRENT.reset(token)
            self._engine.end(statement, result, refused)
            session.close()
