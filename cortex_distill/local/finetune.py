"""FINETUNE: jobs in the engine's own database, trained one at a time in the background."""

import json
import queue
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from duckdb.func import SPECIAL

from cortex_distill.local import calls
from cortex_distill.local.catalogue import TUNABLE, base_name
from cortex_distill.local.cortex import Model
from cortex_distill.local.faults import Refused, as_refused
from cortex_distill.local.providers import CallError, Cancelled, Provider, Trained, Training
from cortex_distill.local.replies import remote_error

_TABLE = "SNOWFLAKE.CORTEX.JOBS"
_CREATE = f"""
CREATE SCHEMA IF NOT EXISTS SNOWFLAKE.CORTEX;
CREATE TABLE IF NOT EXISTS {_TABLE} (
    id VARCHAR, status VARCHAR, progress DOUBLE, base_model VARCHAR, database VARCHAR, schema VARCHAR, name VARCHAR,
    training_data VARCHAR, validation_data VARCHAR, options VARCHAR, created_on BIGINT, finished_on BIGINT,
    trained_tokens BIGINT, training_loss DOUBLE, validation_loss DOUBLE, error VARCHAR);
CREATE OR REPLACE VIEW SNOWFLAKE.CORTEX.MODELS AS
    SELECT name AS model, database, schema, epoch_ms(created_on) AS created_on FROM {_TABLE} WHERE status = 'SUCCESS';
UPDATE {_TABLE} SET status = 'ERROR', finished_on = epoch_ms(now()),
    error = 'the local engine ended while this job was ' || lower(status) || '; start it again'
WHERE status IN ('PENDING', 'IN_PROGRESS');
"""
_ENDED = ("SUCCESS", "ERROR", "CANCELLED")
_WITHOUT_VALIDATION = 10  # every tenth row validates if the statement names no validation rows


class Order(NamedTuple):
    """What CREATE was asked for."""

    id: str
    base_model: str
    train_query: str
    validation_query: str
    max_epochs: int | None
    schema: str


Query = Callable[[str, str], list[tuple[str, str]]]
"""(statement, DB.SCHEMA) → (prompt, completion) pairs. Raises Refused if a column is missing."""


class Jobs:
    """All fine-tuning jobs of one engine. `rows` runs a query, `check` only looks at its columns."""

    def __init__(
        self, duck: duckdb.DuckDBPyConnection, provider: Provider, folder: Path, rows: Query, check: Query
    ) -> None:
        self._duck, self._provider, self._folder = duck, provider, folder
        self._rows, self._check = rows, check
        self._writing = threading.Lock()
        self._stopped: set[str] = set()
        self._closing = threading.Event()
        self._queue: queue.Queue[Order | None] = queue.Queue()
        self._worker: threading.Thread | None = None
        duck.execute(_CREATE)

    def register(self, duck: duckdb.DuckDBPyConnection) -> None:
        """Make FINETUNE known to DuckDB."""
        takes: list[Any] = ["JSON[]", "VARCHAR"]
        duck.create_function(calls.FINETUNE, self.call, takes, "VARCHAR", null_handling=SPECIAL, side_effects=True)

    def call(self, cells: list[str | None], schema: str) -> str:
        """The function itself: JSON texts of its arguments, and the session's DB.SCHEMA."""
        given = [None if cell is None else json.loads(cell) for cell in cells]
        operation = str(given[0] or "").upper()
        if operation == "CREATE":
            return self._create(given[1:], schema)
        if operation == "SHOW":
            return json.dumps([_shown(job) for job in self._jobs()])
        if operation == "DESCRIBE":
            return json.dumps(_described(self._job(given[1])))
        if operation == "CANCEL":
            return self._cancel(given[1])
        raise _error(f"unknown operation {given[0]!r}")

    def find(self, name: str, schema: str) -> Model | None:
        """The tuned model of that short or qualified name, in any case."""
        parts = _qualified(name, schema)
        found = self._select("status = 'SUCCESS' AND [database, schema, name] = ?", [list(parts)])
        return Model(".".join(parts), self._folder / found[0]["id"]) if found else None

    def unfinished(self) -> int:
        """How many jobs wait or run."""
        return len(self._select("NOT list_contains(?, status)", [list(_ENDED)]))

    def close(self, patience: float = 10.0) -> None:
        """Cancel what runs and wait for it, a while."""
        self._closing.set()
        self._queue.put(None)
        if self._worker is not None:
            self._worker.join(patience)

    def _create(self, given: Sequence[Any], schema: str) -> str:
        name, base, train, validation, options = (given[place] if place < len(given) else None for place in range(5))
        if not name or not base or not train:
            raise _error("CREATE takes a name, a base model and a training query")
        if base_name(str(base)) not in TUNABLE:
            raise _error(f"base model {base!r} cannot be fine-tuned; use one of {', '.join(TUNABLE)}")
        epochs = _max_epochs(options)
        for query in (train, validation):
            if query:
                self._check(query, schema)
        order = Order(f"ft_{uuid.uuid4()}", str(base_name(base)), train, validation or "", epochs, schema)
        self._insert(order, _qualified(str(name), schema))
        self._queue.put(order)
        self._start()
        return order.id

    def _insert(self, order: Order, wanted: tuple[str, str, str]) -> None:
        database, schema, name = wanted
        options = json.dumps({"max_epochs": order.max_epochs} if order.max_epochs else {})
        with self._writing:
            taken = {job["name"] for job in self._select("database = ? AND schema = ?", [database, schema])}
            suffix = next(n for n in range(1, len(taken) + 2) if (name if n == 1 else f"{name}_{n}") not in taken)
            name = name if suffix == 1 else f"{name}_{suffix}"
            values = [order.id, "PENDING", 0.0, order.base_model, database, schema, name]
            values += [order.train_query, order.validation_query, options, _now()]
            marks = ", ".join("?" * len(values))
            self._execute(f"INSERT INTO {_TABLE} VALUES ({marks}, NULL, NULL, NULL, NULL, NULL)", values)

    def _start(self) -> None:
        with self._writing:
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="cortex-finetune", daemon=True)
                self._worker.start()

    def _work(self) -> None:
        while (order := self._queue.get()) is not None and not self._closing.is_set():
            if order.id not in self._stopped:
                self._run(order)

    def _run(self, order: Order) -> None:
        try:
            self._set(order.id, status="IN_PROGRESS")
            trained = self._train(order)
        except Cancelled:
            return  # CANCEL wrote the status; an engine that closes leaves the job to the next one's notice
        except Exception as error:  # noqa: BLE001  whatever a provider or a query raises is this job's error, not the engine's
            refused = as_refused(error)
            self._end(order.id, "ERROR", error=refused.message if refused else f"{type(error).__name__}: {error}")
            return
        losses = {"training_loss": trained.training_loss, "validation_loss": trained.validation_loss}
        self._end(order.id, "SUCCESS", progress=1.0, trained_tokens=trained.trained_tokens, **losses)

    def _train(self, order: Order) -> Trained:
        train = self._rows(order.train_query, order.schema)
        if order.validation_query:
            validation = self._rows(order.validation_query, order.schema)
        else:
            validation = train[_WITHOUT_VALIDATION - 1 :: _WITHOUT_VALIDATION]
            train = [row for place, row in enumerate(train, 1) if place % _WITHOUT_VALIDATION]
        if not train:
            raise CallError("the training query returned no row with a prompt and a completion")
        folder = self._folder / order.id
        folder.mkdir(parents=True)

        def progress(share: float) -> None:
            if self._closing.is_set() or order.id in self._stopped:
                raise Cancelled(order.id)
            self._set(order.id, progress=min(max(share, 0.0), 1.0))

        return self._provider.finetune(
            Training(order.base_model, train, validation, order.max_epochs, folder, progress)
        )

    def _cancel(self, job_id: Any) -> str:
        job = self._job(job_id)
        if job["status"] in _ENDED:
            raise _error(f"job {job_id} has ended with status {job['status']}")
        self._stopped.add(job["id"])
        self._end(job["id"], "CANCELLED")
        return f"Canceled Cortex Fine-tuning job: {job['id']}"

    def _end(self, job_id: str, status: str, **values: Any) -> None:
        self._set(job_id, status=status, finished_on=_now(), **values)

    def _set(self, job_id: str, **values: Any) -> None:
        columns = ", ".join(f"{name} = ?" for name in values)
        with self._writing:
            condition = "id = ? AND status <> 'CANCELLED'"
            self._execute(f"UPDATE {_TABLE} SET {columns} WHERE {condition}", [*values.values(), job_id])

    def _job(self, job_id: Any) -> dict[str, Any]:
        found = self._select("id = ?", [job_id])
        if not found:
            raise _error(f"no such job: {job_id}")
        return found[0]

    def _jobs(self) -> list[dict[str, Any]]:
        return self._select("true ORDER BY created_on", [])

    def _select(self, condition: str, values: list[Any]) -> list[dict[str, Any]]:
        return self._execute(f"SELECT * FROM {_TABLE} WHERE {condition}", values)

    def _execute(self, sql: str, values: list[Any]) -> list[dict[str, Any]]:
        cursor = self._duck.cursor()
        try:
            cursor.execute(sql, values)
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        finally:
            cursor.close()


def _shown(job: dict[str, Any]) -> dict[str, Any]:
    return {key: job[key] for key in ("id", "status", "base_model", "created_on")}


def _described(job: dict[str, Any]) -> dict[str, Any]:
    """The fields of cortex-facts.md 2.1; model, tokens and losses only when there are any."""
    shown = {**_shown(job), "progress": job["progress"], "training_data": job["training_data"]}
    shown |= {"validation_data": job["validation_data"], "options": json.loads(job["options"])}
    if job["finished_on"]:
        shown["finished_on"] = job["finished_on"]
    if job["status"] == "SUCCESS":
        shown["model"] = ".".join((job["database"], job["schema"], job["name"]))
        shown["trained_tokens"] = job["trained_tokens"]
        shown["training_result"] = {key: job[key] for key in ("training_loss", "validation_loss")}
    if job["status"] == "ERROR":
        shown["error"] = {"message": job["error"]}
    return shown


def _qualified(name: str, schema: str) -> tuple[str, str, str]:
    """Database, schema and name, upper case; what is not said comes from the session's DB.SCHEMA."""
    said = [part.strip('"').upper() for part in name.split(".")]
    padded = [*schema.upper().split(".")[: max(0, 3 - len(said))], *said]
    return ("", "", name.upper()) if len(padded) != 3 else (padded[0], padded[1], padded[2])


def _max_epochs(options: Any) -> int | None:
    try:
        given = json.loads(options) if isinstance(options, str) and options else options or {}
    except ValueError as error:
        raise _error(f"options is not JSON: {options}") from error
    if not isinstance(given, dict) or given.keys() - {"max_epochs"}:
        raise _error(f"options may hold max_epochs only, got {options}")
    epochs = given.get("max_epochs")
    if epochs is None or (isinstance(epochs, int) and not isinstance(epochs, bool) and 1 <= epochs <= 10):
        return epochs
    raise _error(f"max_epochs must be a whole number from 1 to 10, got {epochs!r}")


def _error(text: str) -> Refused:
    return remote_error("FINETUNE", text)


def _now() -> int:
    return int(time.time() * 1000)
