"""What statements took from models, and the views that tell: one row per statement, function and model.

Sources: docs: sql-reference/account-usage/cortex_ai_functions_usage_history and …/cortex_fine_tuning_usage_history.
Credits are NULL throughout: nothing was billed, and a local figure must not look like money.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import duckdb

from cortex_distill.local.providers import Answer, CallError

CREATE = """
CREATE SCHEMA IF NOT EXISTS SNOWFLAKE.CORTEX;
CREATE SCHEMA IF NOT EXISTS SNOWFLAKE.ACCOUNT_USAGE;
CREATE TABLE IF NOT EXISTS SNOWFLAKE.CORTEX.USAGE (
    ended TIMESTAMPTZ, function_name VARCHAR, model_name VARCHAR, query_id VARCHAR, role_name VARCHAR,
    query_tag VARCHAR, metrics JSON);
CREATE OR REPLACE VIEW SNOWFLAKE.ACCOUNT_USAGE.CORTEX_AI_FUNCTIONS_USAGE_HISTORY AS
    SELECT date_trunc('hour', ended) AS START_TIME, date_trunc('hour', ended) + INTERVAL 1 HOUR AS END_TIME,
        function_name AS FUNCTION_NAME, model_name AS MODEL_NAME, query_id AS QUERY_ID,
        NULL::BIGINT AS WAREHOUSE_ID, json_array(role_name) AS ROLE_NAMES, query_tag AS QUERY_TAG,
        NULL::VARCHAR AS USER_ID, metrics AS METRICS, NULL::DOUBLE AS CREDITS, TRUE AS IS_COMPLETED
    FROM SNOWFLAKE.CORTEX.USAGE;
CREATE OR REPLACE VIEW SNOWFLAKE.ACCOUNT_USAGE.CORTEX_FINE_TUNING_USAGE_HISTORY AS
    SELECT date_trunc('hour', make_timestamptz(finished_on * 1000)) AS START_TIME,
        date_trunc('hour', make_timestamptz(finished_on * 1000)) + INTERVAL 1 HOUR AS END_TIME,
        base_model AS MODEL_NAME, NULL::DOUBLE AS TOKEN_CREDITS, SUM(trained_tokens)::BIGINT AS TOKENS
    FROM SNOWFLAKE.CORTEX.JOBS WHERE status = 'SUCCESS' GROUP BY ALL;
"""


class Counted(Answer):
    """An answer whose tokens stand with an earlier statement, which made it and failed."""


class Usage:
    """The tokens of one statement's answered calls. Thread-safe: DuckDB asks for batches side by side."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._tokens: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])

    def count(self, function: str, model: str, answer: Answer | CallError) -> None:
        """An answer adds its tokens; a call that failed adds nothing, nor does an answer that was counted before."""
        if isinstance(answer, Answer) and not isinstance(answer, Counted):
            with self._guard:
                tokens = self._tokens[function, model]
                tokens[0] += answer.prompt_tokens
                tokens[1] += answer.completion_tokens

    def write(self, duck: duckdb.DuckDBPyConnection, head: Sequence[str], ended: datetime) -> None:
        """Add the rows of a statement that has ended; `head`: its id, role and tag."""
        with self._guard:
            counted = list(self._tokens.items())
        if not counted:
            return
        query, role, tag = head
        rows = [[ended, function, model, query, role, tag, _metrics(*tokens)] for (function, model), tokens in counted]
        cursor = duck.cursor()
        try:
            cursor.executemany("INSERT INTO SNOWFLAKE.CORTEX.USAGE VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        finally:
            cursor.close()


def _metrics(asked: int, answered: int) -> str:
    parts = (("input", asked), ("output", answered))
    return json.dumps([{"key": {"metric": name, "unit": "tokens"}, "value": value} for name, value in parts])
