"""The parent's side of a training: write the job, start the process, pass its progress on, stop it when asked."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cortex_distill
from cortex_distill.local.providers import Advance, CallError, Trained, Training
from cortex_distill.local.providers.gguf.base_model import NAME, base_gguf
from cortex_distill.local.providers.gguf.chat import END, Tokenize, chat_tokens

DEFAULT_EPOCHS = 4
TUNED_LAYERS = 8
"""Of 30. Measured on 100 holdout rows: 8 layers .77, 4 layers .72, 2 layers .69 (one seed each)."""
MAX_PROMPT = 512
"""Tokens; of a longer prompt the end is kept, and the row is counted."""
MAX_COMPLETION = 256
SEED = 0
BLAS_THREADS = "1"
"""Two took 2.5 times the CPU time and more wall time beside other work, which is when a training runs;
and with one the result does not hang on the number of cores."""


class Trainer:
    """Runs trainings, each in its own process, and can end them all."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def run(self, job: Training, tokenize: Tokenize) -> Trained:
        """Train to the end. Raises CallError if it fails, and whatever `job.progress` raises, the process killed."""
        with tempfile.TemporaryDirectory(prefix="cortex-distill-") as scratch:
            path = Path(scratch) / "job.json"
            path.write_text(json.dumps(_job(job, tokenize)))
            with (Path(scratch) / "errors.txt").open("w+") as errors:
                result = self._watch(job, path, errors)
        checks = result["validation_losses"]
        return Trained(result["losses"][-1], checks[-1] if checks else None, result["trained_tokens"])

    def close(self) -> None:
        """Kill what runs; its `run` raises CallError."""
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()

    def _watch(self, job: Training, path: Path, errors: Any) -> dict[str, Any]:
        process = self._start(path, errors)
        result: dict[str, Any] | None = None
        try:
            for line in process.stdout or ():
                message = json.loads(line)
                result = message.get("result", result)
                if "progress" in message:
                    job.progress(Advance(message["progress"]))
        finally:
            if result is None:
                process.kill()
            status = process.wait()
            if process.stdout:
                process.stdout.close()
            with self._lock:
                self._running.discard(process)
        if result is None:
            errors.seek(0)
            last = errors.read().strip().splitlines()[-1:] or ["it was killed"]
            raise CallError(f"fine-tuning failed (exit status {status}): {last[0]}")
        return result

    def _start(self, path: Path, errors: Any) -> "subprocess.Popen[str]":
        root = str(Path(cortex_distill.__file__).parents[1])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        with self._lock:
            if self._closed:
                raise CallError("fine-tuning failed: the model provider has been closed")
            process = subprocess.Popen(
                [sys.executable, "-m", "cortex_distill.local.providers.gguf.train", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={"OPENBLAS_NUM_THREADS": BLAS_THREADS, **os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
            self._running.add(process)
        return process


def _job(job: Training, tokenize: Tokenize) -> dict[str, Any]:
    if not job.train:
        raise CallError("fine-tuning failed: the training query returned no rows")
    train, cut = _examples(job.train, tokenize)
    validation, _ = _examples(job.validation, tokenize)
    epochs = job.max_epochs or DEFAULT_EPOCHS
    facts = {"base_model": job.base_model, "served_by": NAME, "rows": len(train), "rows_cut": cut}
    return {
        "source": str(base_gguf()),
        "folder": str(job.folder.resolve()),
        "train": train,
        "validation": validation,
        "epochs": epochs,
        "tuned_layers": TUNED_LAYERS,
        "seed": SEED,
        "facts": facts,
    }


def _examples(rows: Sequence[tuple[str, str]], tokenize: Tokenize) -> tuple[list[tuple[list[int], list[int]]], int]:
    """Token ids as they will be served, and how many rows were too long and lost the start of their prompt."""
    examples, cut = [], 0
    for prompt, completion in rows:
        tokens = chat_tokens([{"role": "user", "content": prompt}], tokenize, default_system=False)
        head = len(tokenize("user\n")) + 1
        over = len(tokens) - MAX_PROMPT
        if over > 0:
            tokens = tokens[:head] + tokens[head + over :]
        target = [*tokenize(completion)[:MAX_COMPLETION], END]
        cut += over > 0
        examples.append((tokens, target))
    return examples, cut
