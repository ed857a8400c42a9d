"""What a training of the full trainer is told, and where its adapter goes."""

from typing import Any, NamedTuple

ADAPTER = "adapter"
"""In the folder of a tuned model: what peft saved."""


class Job(NamedTuple):
    """What the parent writes into the job file."""

    source: str
    source_fingerprint: str
    train: list[tuple[str, str]]
    validation: list[tuple[str, str]]
    epochs: int
    rank: int
    alpha: int
    step_rows: int
    chunk_tokens: int
    most_prompt: int
    most_completion: int
    seed: int
    facts: dict[str, Any]
    """Goes into training.json as it is."""
    fingerprint: str
