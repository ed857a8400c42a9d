"""What an ablation takes out of an experiment, one part at a time: as overrides, so that each run's record says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cortex_distill.config import ExperimentConfig
from cortex_distill.errors import ConfigError
from cortex_distill.spelling import suggestion

Overrides = dict[str, Any]


def _judge(config: ExperimentConfig) -> Overrides:
    """The lowest bar: whatever can be rated is kept."""
    return {f"judge.thresholds.{name}": 1.0 for name in config.judge.thresholds}


def _vote(config: ExperimentConfig) -> Overrides:
    return {"vote": None} if config.vote else {}


def _deduplicate(config: ExperimentConfig) -> Overrides:
    """Exact repeats still go: a training set with a row twice is another question."""
    return {"deduplicate.drop": 1.0, "deduplicate.together": 1.0} if config.deduplicate.near else {}


def _vary(config: ExperimentConfig) -> Overrides:
    """The first text of each attribute in every call: the prompt needs a value."""
    return {f"generate.vary.{name}": texts[:1] for name, texts in config.generate.vary.items() if len(texts) > 1}


def _rounds(config: ExperimentConfig) -> Overrides:
    return {"generate.rounds": 1} if config.generate.rounds > 1 else {}


PARTS: dict[str, Callable[[ExperimentConfig], Overrides]] = {
    "judge": _judge, "vote": _vote, "deduplicate": _deduplicate, "vary": _vary, "rounds": _rounds,
}  # fmt: skip


def removed(config: ExperimentConfig, part: str) -> Overrides:
    """The overrides that take a part out. Raises ConfigError for a part that is unknown, or that the file has not."""
    if part not in PARTS:
        raise ConfigError(f"--without {part}: no such part; {suggestion(part, PARTS)}")
    found = PARTS[part](config)
    if not found:
        raise ConfigError(f"--without {part}: {config.name} has none, so there is nothing to take out; drop it there")
    return found
