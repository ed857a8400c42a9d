"""Keeps prefect.yaml in step with configs/: one deployment per file, its version the hash of its config.

`make deployments` runs this. Prefect itself could only take a version from an environment variable, and would put
another one there without a word where the variable is not set; so the version is written down, and a test compares.
A holdout that everybody has to fetch (holdout.source) is not in the version, so that clones with and without it agree.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML

from cortex_distill.errors import DistillError
from cortex_distill.load import load_experiment

FILE = Path("prefect.yaml")
CONFIGS = Path("configs")


ENTRY = """  - <<: *experiment
    name: {name}
    version: ""
    description: ""
    tags: [experiment, {name}]
    parameters: {{config: {config}, engine: local, overrides: null}}
"""


def in_step(root: Path) -> tuple[Any, list[str]]:
    """prefect.yaml as it should be, and a line for each entry that was not so. Raises ConfigError for a bad config."""
    text = (root / FILE).read_text(encoding="utf-8").rstrip() + "\n"
    files = {(CONFIGS / path.name).as_posix(): path for path in sorted((root / CONFIGS).glob("*.yaml"))}
    said = []
    for config, path in files.items():
        if config not in _entries(_yaml().load(text)):
            said.append(f"{config}: new deployment")
            text += ENTRY.format(name=json.dumps(path.stem), config=json.dumps(config))
    data = _yaml().load(text)
    for config, entry in _entries(data).items():
        if config not in files:
            said.append(f"{config}: no such file; remove its deployment")
            continue
        experiment = load_experiment(files[config], without_fetched=True)
        wanted = {"version": experiment.hash, "description": experiment.config.description}
        if entry["version"]:
            said += [f"{config}: {key} was {entry[key]!r}" for key, value in wanted.items() if entry[key] != value]
        entry.update(wanted)
    return data, said


def _entries(data: Any) -> dict[str, Any]:
    return {str(one["parameters"]["config"]): one for one in data["deployments"] if "config" in one["parameters"]}


def _yaml() -> YAML:
    yaml = YAML()  # keeps comments, anchors and their order
    yaml.width = 200
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


@click.command()
def main() -> None:
    """Write prefect.yaml anew, and say what changed."""
    try:
        data, said = in_step(Path())
    except DistillError as error:
        raise click.ClickException(f"{FILE} stays as it is, as not every experiment file is sound:\n{error}") from error
    with FILE.open("w", encoding="utf-8") as file:
        _yaml().dump(data, file)
    click.echo("\n".join(said) or f"{FILE} is in step with {CONFIGS}/")


if __name__ == "__main__":
    main()
