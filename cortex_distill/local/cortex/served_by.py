"""`SNOWFLAKE.LOCAL.SERVED_BY('model')`: who would answer to that name, before anything is asked. Not in Snowflake."""

import duckdb

from cortex_distill.local.cortex.answering import FindTuned
from cortex_distill.local.faults import Refused
from cortex_distill.local.providers import CallError, Provider

_FUNCTION = "_CORTEX_SERVED_BY"
_CREATE = f"""
CREATE SCHEMA IF NOT EXISTS SNOWFLAKE.LOCAL;
CREATE OR REPLACE MACRO SNOWFLAKE.LOCAL.SERVED_BY(model) AS
    {_FUNCTION}(model, current_database() || '.' || current_schema());
"""


def register(duck: duckdb.DuckDBPyConnection, provider: Provider, tuned: FindTuned) -> None:
    """Make the function known to DuckDB. It raises Refused where nobody answers, and says what to write."""

    def served_by(model: str, home: str) -> str:
        if found := tuned(model, home):
            return f"{model} trained by {found.weights and found.weights.name}"
        try:
            return provider.served_by(model)
        except CallError as error:
            raise Refused(str(error)) from error

    duck.create_function(_FUNCTION, served_by, ["VARCHAR", "VARCHAR"], "VARCHAR", side_effects=True)
    duck.execute(_CREATE)
