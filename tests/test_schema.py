"""schema.py: what an editor is told is what the loader wants."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from cortex_distill.schema import PATH, experiment_schema, schema_text

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


@pytest.fixture(scope="module")
def validator():
    return jsonschema.Draft202012Validator(experiment_schema())


def sample():
    return yaml.safe_load(CONFIGS[0].read_text(encoding="utf-8"))


def test_the_file_in_configs_is_current():
    assert PATH.read_text(encoding="utf-8") == schema_text(), "run: python -m cortex_distill.schema"


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(experiment_schema())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_experiment_fits_the_schema(path, validator):
    validator.validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_categories_may_be_a_list(validator):
    validator.validate(sample() | {"categories": ["a", "b"]})


@pytest.mark.parametrize(
    "change",
    [
        {"categories": "a"},
        {"nmae": "x"},
        {"name": "A"},
        {"models": {"teacher": "x"}},
        {"prompts": {"Big Name": "x"}},
        {"prompts": {"a": " "}},
        {"judge": {"thresholds": {"valid": 6}, "prompt": "x"}},
    ],
)
def test_an_editor_marks_mistakes(change, validator):
    assert not validator.is_valid(sample() | change)


def test_every_property_has_a_text_to_show():
    schema = experiment_schema()
    for part in (schema, *schema["$defs"].values()):
        assert part["description"]
        assert [name for name, field in part["properties"].items() if not field.get("description")] == []
