"""FINETUNE: the SQL function, the models that its jobs make, and DROP MODEL."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from duckdb.func import SPECIAL

from cortex_distill.local.cortex import calls
from cortex_distill.local.cortex.answering import Model
from cortex_distill.local.cortex.show_models import DROP
from cortex_distill.local.cortex.tuning_data import TuningData
from cortex_distill.local.cortex.tuning_order import Order, error, order_of
from cortex_distill.local.cortex.tuning_queue import TuningQueue
from cortex_distill.local.cortex.tuning_store import Job, TuningStore, described, shown
from cortex_distill.local.faults import Refused
from cortex_distill.local.names import Name, resolved
from cortex_distill.local.providers import Provider
from cortex_distill.local.session.journal import Journal

_OPERATIONS = {"CREATE": (4, 6), "SHOW": (1, 1), "DESCRIBE": (2, 2), "CANCEL": (2, 2)}


class Jobs:
    """All fine-tuning jobs of one engine."""

    def __init__(self, store: TuningStore, provider: Provider, folder: Path, data: TuningData) -> None:
        self._store, self._folder, self._data = store, folder, data
        self._queue = TuningQueue(store, provider, folder, data)

    def register(self, duck: duckdb.DuckDBPyConnection, journal: Journal) -> None:
        """Make FINETUNE known to DuckDB."""

        def call(cells: list[str | None], home: str, lane: str) -> str:
            given = [None if cell is None else json.loads(cell) for cell in cells]
            return self.call(given, home, journal.on(lane).asked.day)

        takes: list[Any] = ["JSON[]", "VARCHAR", "VARCHAR"]
        duck.create_function(calls.FINETUNE, call, takes, "VARCHAR", null_handling=SPECIAL, side_effects=True)
        takes = ["VARCHAR", "VARCHAR", "VARCHAR", "BOOLEAN"]
        duck.create_function(DROP, self.drop, takes, "VARCHAR", side_effects=True)

    def call(self, given: list[Any], home: str, day: date) -> str:
        """The function itself: its arguments, the session's DB.SCHEMA and day."""
        operation = str(given[0] or "").upper()
        if operation not in _OPERATIONS:
            raise error(f"unknown operation {given[0]!r}")
        said = max(place for place, cell in enumerate(given, 1) if cell is not None)
        least, most = _OPERATIONS[operation]
        if not least <= said <= most:
            raise error(f"{operation} takes {least} to {most} arguments, got {said}")
        if operation == "CREATE":
            return self._create(order_of(given[1:], home, day))
        if operation == "SHOW":
            return json.dumps([shown(job) for job in self._store.select("true ORDER BY created_on DESC", [])])
        job = self._job(given[1])
        return json.dumps(described(job)) if operation == "DESCRIBE" else self._cancel(job)

    def find(self, name: str, home: str) -> Model | None:
        """The tuned model of that short or qualified name; a name that is not quoted in any case."""
        try:
            place = resolved(name, home)
        except Refused:
            return None  # no identifier, so no model has it
        job = self._store.model(place)
        return Model(str(place), self._folder / job["id"], job["base_model"]) if job else None

    def drop(self, database: str, schema: str, name: str, if_exists: bool) -> str:
        """DROP MODEL: the model and its files go. Raises Refused if there is none, unless that is said to be fine."""
        place = Name(database, schema, name)
        job_id = self._store.drop(place)
        if job_id is not None:
            shutil.rmtree(self._folder / job_id, ignore_errors=True)  # a system that locks open files keeps them
            return f"{Name.shown(name)} successfully dropped."
        if not if_exists:
            text = f"SQL compilation error:\nModel '{place}' does not exist or not authorized."
            raise Refused(text, 2003, "02000")
        return "Drop statement executed successfully."

    def unfinished(self) -> int:
        """How many jobs wait or run."""
        return len(self._store.unfinished())

    def resume(self) -> None:
        """Take up the jobs that an engine before this one left. The engine must be able to run statements."""
        self._queue.resume()

    def close(self, patience: float = 10.0) -> None:
        """Stop what runs and wait for it, a while; the next engine on the folder goes on with it."""
        self._queue.close(patience)

    def _create(self, order: Order) -> str:
        if not self._store.has_schema(order.model):
            where = f"{Name.shown(order.model.database)}.{Name.shown(order.model.schema)}"
            raise Refused(f"SQL compilation error:\nSchema '{where}' does not exist or not authorized.", 2003, "02000")
        for query in filter(None, (order.train_query, order.validation_query)):
            self._data.check(query, order.home)
        self._store.add(order)
        self._queue.add(order)
        return order.id

    def _cancel(self, job: Job) -> str:
        if not self._store.end(job["id"], "CANCELLED"):
            raise error(f"job {job['id']} has ended with status {self._job(job['id'])['status']}")
        self._queue.stop(job["id"])
        return f"Canceled Cortex Fine-tuning job: {job['id']}"

    def _job(self, job_id: Any) -> Job:
        found = self._store.select("id = ?", [str(job_id)])
        if not found:
            raise error(f"no such job: {job_id}")
        return found[0]
