"""Reads one experiment file and refuses what is wrong with it, all at once, with line and remedy.

In:   a YAML file, data only; the files that it names; overrides of single values
Out:  Experiment: the config, its hash, and the examples that it names
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from cortex_distill.config import ExperimentConfig
from cortex_distill.errors import ConfigError
from cortex_distill.named_files import NamedFiles
from cortex_distill.problem_list import Problems
from cortex_distill.raw_data import get_in, look_through, override
from cortex_distill.template_check import check_templates, try_templates
from cortex_distill.wording import explain
from cortex_distill.yaml_reader import read_yaml

CHANGES_NO_FIGURE = {"promote", "gate", "budget", "messages"}  # so they are no part of the hash


class Experiment(NamedTuple):
    """One experiment file, read and checked."""

    config: ExperimentConfig
    path: Path
    hash: str  # 16 hex digits over the config (overrides applied, order kept; no gates, budget, messages) and its files
    examples: dict[str, list[dict[str, str]]]  # by category; {} where the file names none


def resolved(experiment: Experiment) -> dict[str, Any]:
    """The config as JSON-able data, defaults written out and overrides applied."""
    return experiment.config.model_dump(mode="json")


def _validated(data: dict[str, Any], found: Problems) -> ExperimentConfig:
    try:
        config = ExperimentConfig.model_validate(data)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            explain(dict(each), found)
        found.stop_if_any()
        raise ConfigError(f"{found.shown}: {error}") from error
    found.stop_if_any()
    return config


def fetch(data: Mapping[str, Any], path: Path) -> str:
    """How to get a holdout that does not come with its experiment file: where it is, licence, command."""
    licence = get_in(data, "holdout", "licence")
    of = f" ({licence})" if isinstance(licence, str) else ""
    where = f"get it from {get_in(data, 'holdout', 'source')}{of}"
    return f"it is not part of this project: {where}, and run: distill holdout {path} DOWNLOADED.csv"


def load_experiment(
    path: Path | str, overrides: Mapping[str, object] | None = None, *, without_fetched: bool = False
) -> Experiment:
    """The experiment of one YAML file, with single values overridden by dotted keys (`judge.thresholds.valid`).

    Raises ConfigError with one line per problem: `path:line: key: what is wrong; what to write`, sorted.
    `without_fetched`: a holdout that has to be fetched (holdout.source) may be missing, and its rows are not in the
    hash, which so is the same before and after.
    The hash follows the order of categories, variants and criteria, because prompts print them in that order.
    """
    overrides, path_ = overrides or {}, Path(path)
    found = Problems(str(path), {tuple(key.split(".")) for key in overrides})
    data = read_yaml(path_, found)
    override(data, overrides, found)
    look_through(data, found)
    check_templates(data, found)
    files = NamedFiles(path_.parent, found)
    examples = files.examples(data)
    is_fetched = isinstance(get_in(data, "holdout", "source"), str)
    if not (is_fetched and without_fetched):
        files.add(data, "holdout", "file", missing=fetch(data, path_) if is_fetched else "")
    files.add(data, "source", "file")
    files.there(data, "messages", "inbox", "file")
    config = _validated(data, found)
    try_templates(config, examples, found)
    found.stop_if_any()
    measured = config.model_dump(mode="json", exclude=CHANGES_NO_FIGURE)
    canonical = json.dumps([measured, files.sums], ensure_ascii=False, separators=(",", ":"))
    return Experiment(config, path_, hashlib.sha256(canonical.encode()).hexdigest()[:16], examples)
