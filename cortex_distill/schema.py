"""The JSON Schema of the experiment file, for editors: `python -m cortex_distill.schema` writes it into configs/."""

import json
from pathlib import Path
from typing import Any

from cortex_distill.config import ExperimentConfig

PATH = Path(__file__).parents[1] / "configs" / "experiment.schema.json"


def experiment_schema() -> dict[str, Any]:
    """What an editor can check and show; sums, equal labels and templates are checked by the loader alone."""
    schema = _closed(ExperimentConfig.model_json_schema())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Experiment",
        "description": schema.pop("description"),
        **{key: value for key, value in schema.items() if key != "title"},
    }


def _closed(schema: Any) -> Any:
    """Refuses names that do not match the pattern of a mapping, which pydantic leaves open."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(part) for key, part in schema.items()}
    return {**closed, "additionalProperties": False} if "patternProperties" in closed else closed


def schema_text() -> str:
    """The schema as it lies in configs/."""
    return json.dumps(experiment_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(schema_text(), encoding="utf-8")
