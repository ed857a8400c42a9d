"""The light trainer, seen from the engine: rows become token ids here, the rest happens in `train`'s process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cortex_distill.local.providers import Advance, CallError, Trained, Training
from cortex_distill.local.providers.gguf.chat import END, TUNED_TEMPLATE, Tokenize, chat_tokens
from cortex_distill.local.providers.training.examples import Ask, Encoder, Example
from cortex_distill.local.providers.training.parent import Processes

PROCESS = "cortex_distill.local.providers.gguf.train"
DEFAULT_EPOCHS = 4
SETTINGS = {
    "tuned_layers": 8,  # of 30. Measured on 100 holdout rows: 8 layers .77, 4 layers .72, 2 layers .69 (one seed each)
    "rate": 2e-4,
    "step_rows": 8,
    "chunk_tokens": 1024,  # padded tokens that pass through at once; each saves 60 kB a layer for the backward pass
    "seed": 0,
}
MAX_PROMPT = 512
"""Tokens; of a longer prompt the end is kept, and the row is counted."""
MAX_COMPLETION = 256
BLAS_THREADS = "1"
"""Two took 2.5 times the CPU time and more wall time beside other work, which is when a training runs;
and with one the result does not hang on the number of cores."""


class Trainer:
    """Runs trainings, each in its own process, and can end them all."""

    def __init__(self) -> None:
        self._processes = Processes(PROCESS, {"OPENBLAS_NUM_THREADS": BLAS_THREADS})

    def run(
        self,
        job: Training,
        tokenize: Tokenize,
        source: Path,
        name: str,
        *,
        template: str = TUNED_TEMPLATE,
        ask: Ask | None = None,
        end: int = END,
    ) -> Trained:
        """Train the last layers of the GGUF file `source`, called `name` in training.json, into `job.folder`.

        `template`: the chat template that the tuned file carries; `ask` and `end` (the token that ends a reply) have
        to agree with it, and are those of SmolLM2's chat by default.
        Raises CallError if it fails, and whatever `job.progress` raises, the process killed.
        """
        if not job.train:
            raise CallError("fine-tuning failed: the training query returned no rows")
        ask = ask or (lambda prompt: chat_tokens([{"role": "user", "content": prompt}], tokenize, default_system=False))
        encoder = Encoder(ask, tokenize, end, MAX_PROMPT, MAX_COMPLETION)
        train, cut = _encoded(job.train, encoder, job)
        validation, _ = _encoded(job.validation, encoder, job)
        facts = {"base_model": job.base_model, "served_by": name, "rows": len(train), "rows_cut": cut}
        spec: dict[str, Any] = {
            "source": str(source.resolve()),
            "template": template,
            "train": train,
            "validation": validation,
            "epochs": job.max_epochs or DEFAULT_EPOCHS,
            **SETTINGS,
            "facts": {**facts, "source_bytes": source.stat().st_size},
        }
        return self._processes.run(job, spec)

    def close(self) -> None:
        """Kill what runs; its `run` raises CallError."""
        self._processes.close()


def _encoded(rows: Sequence[tuple[str, str]], encoder: Encoder, job: Training) -> tuple[list[Example], int]:
    """The rows, and how many lost the start of their prompt. A millisecond each, in which CANCEL may come."""
    examples, cut = [], 0
    for number, (example, was_cut) in enumerate(encoder.encode(rows)):
        if number % 100 == 0:
            job.progress(Advance(0.0))
        examples.append(example)
        cut += was_cut
    return examples, cut
