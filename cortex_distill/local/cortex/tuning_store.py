"""Fine-tuning jobs and their models in the engine's own database."""

import json
import threading
import time
from typing import Any

import duckdb

from cortex_distill.local.cortex.tuning_order import Order
from cortex_distill.local.names import Name
from cortex_distill.local.providers import Advance

Job = dict[str, Any]
_TABLE = "SNOWFLAKE.CORTEX.JOBS"
_UNFINISHED = "status IN ('PENDING', 'IN_PROGRESS')"
_CREATE = f"""
CREATE SCHEMA IF NOT EXISTS SNOWFLAKE.CORTEX;
CREATE TABLE IF NOT EXISTS {_TABLE} (
    id VARCHAR, status VARCHAR, progress DOUBLE, base_model VARCHAR, database VARCHAR, schema VARCHAR, name VARCHAR,
    training_data VARCHAR, validation_data VARCHAR, options VARCHAR, created_on BIGINT, finished_on BIGINT,
    trained_tokens BIGINT, training_loss DOUBLE, validation_loss DOUBLE, error VARCHAR);
ALTER TABLE {_TABLE} ADD COLUMN IF NOT EXISTS dropped BOOLEAN DEFAULT FALSE;
ALTER TABLE {_TABLE} ADD COLUMN IF NOT EXISTS home VARCHAR;
CREATE OR REPLACE VIEW SNOWFLAKE.CORTEX.MODELS AS
    SELECT name AS model, database, schema, make_timestamptz(created_on * 1000) AS created_on
    FROM {_TABLE} WHERE status = 'SUCCESS' AND NOT dropped;
UPDATE {_TABLE} SET status = 'ERROR', finished_on = epoch_ms(now()),
    error = 'an older local engine ended while this job was ' || lower(status) || '; start it again'
WHERE {_UNFINISHED} AND home IS NULL;
"""
_HOLDS_ITS_NAME = "status NOT IN ('ERROR', 'CANCELLED') AND NOT dropped"


class TuningStore:
    """The table of jobs. Thread-safe."""

    def __init__(self, duck: duckdb.DuckDBPyConnection) -> None:
        self._duck = duck
        self._writing = threading.Lock()
        duck.execute(_CREATE)

    def add(self, order: Order) -> None:
        """A new job, PENDING. A name that another model has or will have gets a suffix; how it looks is our own."""
        database, schema, name = order.model
        options = json.dumps({"max_epochs": order.max_epochs} if order.max_epochs else {})
        with self._writing:
            mine = self.select(f"database = ? AND schema = ? AND {_HOLDS_ITS_NAME}", [database, schema])
            taken = {job["name"] for job in mine}
            suffixed = (name if n == 1 else f"{name}_{n}" for n in range(1, len(taken) + 2))
            values = {"id": order.id, "status": "PENDING", "progress": 0.0, "base_model": order.base_model}
            values |= {"database": database, "schema": schema, "name": next(n for n in suffixed if n not in taken)}
            values |= {"training_data": order.train_query, "validation_data": order.validation_query}
            values |= {"options": options, "created_on": _now(), "home": order.home}
            marks = ", ".join("?" * len(values))
            self._execute(f"INSERT INTO {_TABLE} ({', '.join(values)}) VALUES ({marks})", list(values.values()))

    def update(self, job_id: str, **values: Any) -> bool:
        """Set columns of a job, unless it has ended; whether that was done."""
        columns = ", ".join(f"{name} = ?" for name in values)
        sql = f"UPDATE {_TABLE} SET {columns} WHERE id = ? AND {_UNFINISHED} RETURNING id"
        with self._writing:
            return bool(self._execute(sql, [*values.values(), job_id]))

    def end(self, job_id: str, status: str, **values: Any) -> bool:
        """The job is over, unless it was before; whether it is now."""
        return self.update(job_id, status=status, finished_on=_now(), **values)

    def advance(self, job_id: str, now: Advance) -> None:
        """How far it has come; a job that is taken up again does not fall back."""
        sql = f"""UPDATE {_TABLE} SET progress = greatest(progress, least(?, 1.0)),
            training_loss = coalesce(?, training_loss), validation_loss = coalesce(?, validation_loss),
            trained_tokens = greatest(trained_tokens, ?)
            WHERE id = ? AND {_UNFINISHED}"""
        with self._writing:
            self._execute(sql, [*now, job_id])

    def unfinished(self) -> list[Order]:
        """What waits or runs, oldest first."""
        return [_order(job) for job in self.select(f"{_UNFINISHED} ORDER BY created_on", [])]

    def lost(self) -> list[str]:
        """The jobs that have no model, and will have none."""
        return [job["id"] for job in self.select("status IN ('ERROR', 'CANCELLED') OR dropped", [])]

    def model(self, name: Name) -> Job | None:
        """The job that made the model of that name; None if there is no such model."""
        condition = "status = 'SUCCESS' AND NOT dropped AND [database, schema, name] = ?"
        found = self.select(condition, [list(name)])
        return found[0] if found else None

    def drop(self, name: Name) -> str | None:
        """Drop a model; the id of its job, or None if there is no such model."""
        job = self.model(name)
        if job is not None:
            with self._writing:
                self._execute(f"UPDATE {_TABLE} SET dropped = true WHERE id = ?", [job["id"]])
        return None if job is None else str(job["id"])

    def has_schema(self, name: Name) -> bool:
        """Whether the schema where a model is to go exists."""
        query = "SELECT 1 FROM duckdb_schemas() WHERE database_name = ? AND schema_name = ?"
        return bool(self._execute(query, [name.database, name.schema]))

    def select(self, condition: str, values: list[Any]) -> list[Job]:
        """The jobs that meet a condition."""
        return self._execute(f"SELECT * FROM {_TABLE} WHERE {condition}", values)

    def _execute(self, sql: str, values: list[Any]) -> list[Job]:
        cursor = self._duck.cursor()
        try:
            cursor.execute(sql, values)
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        finally:
            cursor.close()


def shown(job: Job) -> dict[str, Any]:
    """A line of SHOW."""
    return {key: job[key] for key in ("id", "status", "base_model", "created_on")}


def described(job: Job) -> dict[str, Any]:
    """What DESCRIBE tells; end, model, tokens and losses of a success only. Source: docs: …/finetune-describe.

    `so_far` is ours: what is known of a job in progress, under a name that clients of Snowflake do not look for.
    """
    losses = {key: job[key] for key in ("training_loss", "validation_loss")}
    told = {**shown(job), "progress": job["progress"], "training_data": job["training_data"]}
    told |= {"validation_data": job["validation_data"], "options": json.loads(job["options"])}
    if job["status"] == "IN_PROGRESS":
        told["so_far"] = {**losses, "trained_tokens": job["trained_tokens"]}
    if job["status"] == "SUCCESS":
        told |= {"finished_on": job["finished_on"], "trained_tokens": job["trained_tokens"]}
        told["model"] = str(Name(job["database"], job["schema"], job["name"]))
        told["training_result"] = losses
    if job["status"] == "ERROR":
        told["error"] = {"message": job["error"]}
    return told


def _order(job: Job) -> Order:
    """The order that made a job."""
    model = Name(job["database"], job["schema"], job["name"])
    queries, epochs = (job["training_data"], job["validation_data"]), json.loads(job["options"]).get("max_epochs")
    return Order(job["id"], job["base_model"], model, *queries, epochs, job["home"])


def _now() -> int:
    return int(time.time() * 1000)
