"""What is known of a model before anything is asked, as functions that Snowflake has not.

`SNOWFLAKE.LOCAL.SERVED_BY(name)` says who would answer to the name, `SNOWFLAKE.LOCAL.OBSTACLE(name, 'COMPLETE')` and
`…(name, 'FINETUNE')` why calls, or a training, would fail; '' if nothing is known against it.
"""

import duckdb

from cortex_distill.local.cortex.answering import FindTuned
from cortex_distill.local.faults import Refused
from cortex_distill.local.providers import CallError, Provider
from cortex_distill.local.providers.router import Router

_FUNCTION, _OBSTACLE = "_CORTEX_SERVED_BY", "_CORTEX_OBSTACLE"
_CREATE = f"""
CREATE SCHEMA IF NOT EXISTS SNOWFLAKE.LOCAL;
CREATE OR REPLACE MACRO SNOWFLAKE.LOCAL.SERVED_BY(model) AS
    {_FUNCTION}(model, current_database() || '.' || current_schema());
CREATE OR REPLACE MACRO SNOWFLAKE.LOCAL.OBSTACLE(model, purpose) AS {_OBSTACLE}(model, purpose);
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

    def obstacle(model: str, purpose: str) -> str:
        return provider.obstacle(model, tuning=purpose == "FINETUNE") if isinstance(provider, Router) else ""

    duck.create_function(_OBSTACLE, obstacle, ["VARCHAR", "VARCHAR"], "VARCHAR", side_effects=True)
    duck.create_function(_FUNCTION, served_by, ["VARCHAR", "VARCHAR"], "VARCHAR", side_effects=True)
    duck.execute(_CREATE)
