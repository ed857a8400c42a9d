"""The full trainer, seen from the engine: a LoRA on every matrix, by peft, in `train`'s process."""

from pathlib import Path

from cortex_distill.local.providers import CallError, Trained, Training
from cortex_distill.local.providers.training.parent import Processes
from cortex_distill.local.providers.transformers.folder import fingerprint

PROCESS = "cortex_distill.local.providers.transformers.train"
DEFAULT_EPOCHS = 4
SETTINGS = {
    "rank": 16,
    "alpha": 32,
    "step_rows": 8,
    "chunk_tokens": 2048,  # padded tokens that pass through the model at once
    "most_prompt": 2048,
    "most_completion": 512,
    "seed": 0,
}


class Trainer:
    """Runs trainings of one model, each in its own process, and can end them all."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._processes = Processes(PROCESS)

    def run(self, job: Training) -> Trained:
        """Train an adapter into `job.folder`. Raises CallError if it fails, and whatever `job.progress` raises."""
        if not job.train:
            raise CallError("fine-tuning failed: the training query returned no rows")
        spec = {
            **SETTINGS,
            "source": str(self._folder),
            "source_fingerprint": fingerprint(self._folder),
            "train": list(job.train),
            "validation": list(job.validation),
            "epochs": job.max_epochs or DEFAULT_EPOCHS,
            "facts": {"base_model": job.base_model, "served_by": self._name, "rows": len(job.train)},
        }
        return self._processes.run(job, spec)

    def close(self) -> None:
        """Kill what runs; its `run` raises CallError."""
        self._processes.close()
