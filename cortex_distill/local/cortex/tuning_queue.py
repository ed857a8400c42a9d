"""Fine-tuning jobs in the background, one after the other; those of an engine that ended are taken up again.

A job's folder keeps the rows that its queries returned, so that a job that is taken up again learns from the same.
"""

import json
import queue
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from cortex_distill.local.cortex.tuning_data import Pairs, TuningData
from cortex_distill.local.cortex.tuning_order import Order
from cortex_distill.local.cortex.tuning_store import TuningStore
from cortex_distill.local.faults import as_refused
from cortex_distill.local.providers import Advance, CallError, Cancelled, Provider, Trained, Training
from cortex_distill.local.providers.training.files import replacing

ROWS = "rows.json"
_WITHOUT_VALIDATION = 10  # every tenth row validates if the statement names no validation rows


class TuningQueue:
    """Trains. `folder` holds a folder for each job."""

    def __init__(self, store: TuningStore, provider: Provider, folder: Path, data: TuningData) -> None:
        self._store, self._provider, self._folder, self._data = store, provider, folder, data
        self._starting = threading.Lock()
        self._stopped: set[str] = set()
        self._closing = threading.Event()
        self._queue: queue.Queue[Order | None] = queue.Queue()
        self._worker: threading.Thread | None = None

    def add(self, order: Order) -> None:
        """Train it when those before it are done."""
        self._queue.put(order)
        with self._starting:
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="cortex-finetune", daemon=True)
                self._worker.start()

    def resume(self) -> None:
        """Take up what an engine before this one left, oldest first, and remove the files that nobody needs."""
        for job_id in self._store.lost():
            self._forget(job_id)
        for order in self._store.unfinished():
            self.add(order)

    def stop(self, job_id: str) -> None:
        """Do not begin the job, or end it within a second, and remove its files. Its status is its caller's."""
        self._stopped.add(job_id)

    def close(self, patience: float) -> None:
        """Stop what runs and wait for it, a while; the next engine goes on."""
        self._closing.set()
        self._queue.put(None)
        if self._worker is not None:
            self._worker.join(patience)

    def _work(self) -> None:
        while (order := self._queue.get()) is not None and not self._closing.is_set():
            if order.id not in self._stopped:
                self._run(order)
            if order.id in self._stopped:
                self._forget(order.id)

    def _run(self, order: Order) -> None:
        try:
            if not self._store.update(order.id, status="IN_PROGRESS"):
                return  # cancelled a moment ago
            trained = self._train(order)
        except Cancelled:
            return  # CANCEL wrote the status; an engine that closes leaves the job to the next one
        except Exception as fault:  # noqa: BLE001  whatever a provider or a query raises is this job's error, not the engine's
            if self._closing.is_set():
                return  # the provider was closed under it
            refused = as_refused(fault)
            text = refused.message if refused else f"{type(fault).__name__}: {fault}"
            self._store.end(order.id, "ERROR", error=text)
            self._forget(order.id)
            return
        losses = {"training_loss": trained.training_loss, "validation_loss": trained.validation_loss}
        if self._store.end(order.id, "SUCCESS", progress=1.0, trained_tokens=trained.trained_tokens, **losses):
            (self._folder / order.id / ROWS).unlink(missing_ok=True)
        else:
            self._forget(order.id)  # cancelled a moment ago

    def _train(self, order: Order) -> Trained:
        folder = self._folder / order.id
        folder.mkdir(parents=True, exist_ok=True)
        train, validation = self._rows(order, folder / ROWS)
        if not train:
            raise CallError("the training query returned no row with a prompt and a completion")
        progress = self._progress(order.id)
        return self._provider.finetune(
            Training(order.base_model, train, validation, order.max_epochs, folder, progress)
        )

    def _rows(self, order: Order, kept: Path) -> tuple[Pairs, Pairs]:
        """Rows to train on and to validate with: those that an earlier engine kept, or else those of the queries."""
        try:
            train, validation = ([(one, other) for one, other in rows] for rows in json.loads(kept.read_text("utf-8")))
        except (FileNotFoundError, ValueError):
            train = self._data.rows(order.train_query, order.home, order.most_rows)
            if order.validation_query:
                validation = self._data.rows(order.validation_query, order.home, order.most_rows)
            else:
                validation = train[_WITHOUT_VALIDATION - 1 :: _WITHOUT_VALIDATION]
                train = [row for place, row in enumerate(train, 1) if place % _WITHOUT_VALIDATION]
            with replacing(kept) as file:
                file.write(json.dumps([train, validation]).encode())
        return train, validation

    def _progress(self, job_id: str) -> Callable[[Advance], None]:
        """Writes what changed by a hundredth, or by a loss; raises Cancelled if the job is to stop."""
        written: Advance | None = None

        def progress(now: Advance) -> None:
            nonlocal written
            if self._closing.is_set() or job_id in self._stopped:
                raise Cancelled(job_id)
            rough = now._replace(share=round(now.share, 2), trained_tokens=None)
            if rough != written:
                self._store.advance(job_id, now)
                written = rough

        return progress

    def _forget(self, job_id: str) -> None:
        shutil.rmtree(self._folder / job_id, ignore_errors=True)  # a system that locks open files keeps them
