"""config.py: what may be in an experiment file, whoever reads it."""

import copy

import pytest
from pydantic import BaseModel, ValidationError

from cortex_distill import config
from cortex_distill.config import ExperimentConfig
from cortex_distill.field_checks import alike

BASE = {
    "name": "base",
    "categories": {"Roaming fees": "charges abroad", "Lost phone": ""},
    "models": {"teacher": "big", "judge": "big", "student": "small"},
    "generate": {"prompt": "{{ count }} about {{ category }}"},
    "judge": {"thresholds": {"valid": 4}, "prompt": "{{ request }}"},
    "split": {"train": 0.8, "validation": 0.2},
    "prompts": {"plain": "{{ request }}"},
}
MODELS = [kind for kind in vars(config).values() if isinstance(kind, type) and issubclass(kind, BaseModel)]


def changed(dotted, value):
    data = copy.deepcopy(BASE)
    *parents, last = dotted.split(".")
    here = data
    for part in parents:
        here = here.setdefault(part, {})
    here[last] = value
    return data


@pytest.mark.parametrize("model", [kind for kind in MODELS if kind is not BaseModel], ids=lambda kind: kind.__name__)
def test_every_model_and_field_is_described(model):
    assert model.__doc__
    assert [name for name, field in model.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("model", [kind for kind in MODELS if kind is not BaseModel], ids=lambda kind: kind.__name__)
def test_every_bound_is_said_in_the_description(model):
    for name, field in model.model_fields.items():
        for mark in field.metadata:
            bound = getattr(mark, "le", None)
            assert bound is None or f"{bound}" in field.description, name


def test_defaults_are_those_of_the_manual():
    plain = ExperimentConfig.model_validate(BASE).model_dump()
    assert plain["generate"] | {"prompt": ""} == {
        "per_category": 25, "per_call": 25, "temperature": 0.8, "max_tokens": 4096, "structured_output": True,
        "vary": {}, "examples": None, "prompt": "", "rounds": 3,
    }  # fmt: skip
    assert plain["judge"] | {"prompt": ""} == {
        "thresholds": {"valid": 4.0}, "temperature": 0.0, "max_tokens": 512, "structured_output": True, "prompt": "",
        "check": 20,
    }  # fmt: skip
    assert plain["split"] == {"train": 0.8, "validation": 0.2, "test": 0.0}
    assert plain["fine_tune"] == {"prompt": "{{ request }}", "rows": "tickets", "max_epochs": 3}
    assert plain["evaluate"] == {"max_tokens": 32, "constrained": []}
    assert (plain["source"], plain["holdout"]) == ("synthetic", None)


def test_a_list_of_labels_is_a_mapping_without_definitions():
    assert ExperimentConfig.model_validate(changed("categories", ["b", "a"])).categories == {"b": "", "a": ""}


def test_a_config_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        ExperimentConfig.model_validate(BASE).name = "other"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "a" * 60),
        ("categories", ["a" * 100, "b"]),
        ("generate.per_category", 100_000),
        ("generate.per_call", 100),
        ("generate.rounds", 10),
        ("generate.not_again", 8000),
        ("generate.temperature", 1),
        ("generate.max_tokens", 8192),
        ("judge.thresholds", {"a": 1, "b": 5}),
        ("split", {"train": 0.7, "validation": 0.2, "test": 0.1}),
        ("split", {"train": 1 / 3, "validation": 1 / 3, "test": 1 / 3}),
        ("fine_tune.max_epochs", 10),
        ("evaluate.max_tokens", 1),
        ("holdout", {"table": "DB.S.T"}),
        ("holdout", {"file": "../h.csv", "about": "by hand"}),
        ("generate.vary", {"tone": ["calm"]}),
    ],
)
def test_a_bound_itself_is_allowed(key, value):
    ExperimentConfig.model_validate(changed(key, value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "a" * 61),
        ("name", "Base"),
        ("name", "base\n"),
        ("categories", ["a"]),
        ("categories", ["a", "A"]),
        ("categories", ["a", " b"]),
        ("categories", ["a", "b\nc"]),
        ("categories", ["a", "b\x7f"]),
        ("categories", ["a", "b\u2028c"]),
        ("categories", ["a", "x" * 101]),
        ("categories", ["é", "e\u0301"]),
        ("models.judge", " "),
        ("models.oracle", "x"),
        ("generate.per_category", 0),
        ("generate.per_category", 100_001),
        ("generate.per_category", True),
        ("generate.per_call", 101),
        ("generate.rounds", 0),
        ("generate.rounds", 11),
        ("generate.not_again", -1),
        ("generate.not_again", 8001),
        ("generate.temperature", 1.01),
        ("generate.max_tokens", 8193),
        ("generate.structured_output", 1),
        ("generate.vary", {"tone": []}),
        ("generate.vary", {"tone": [""]}),
        ("generate.vary", {"request": ["x"]}),
        ("generate.vary", {"loop": ["x"]}),
        ("generate.examples", {"file": "x", "per_call": 21}),
        ("judge.thresholds", {}),
        ("judge.thresholds", {"a": 0.9}),
        ("judge.thresholds", {"a": 5.1}),
        ("judge.thresholds", {"a": float("nan")}),
        ("judge.thresholds", {"A b": 3}),
        ("split", {"train": 1, "validation": 0}),
        ("split", {"train": 0.8, "validation": 0.2 + 1e-8}),
        ("prompts", {}),
        ("prompts", {"tuned": "x"}),
        ("prompts", {"a": "  "}),
        ("fine_tune.max_epochs", 11),
        ("evaluate.max_tokens", 0),
        ("source", "real"),
        ("holdout", {}),
        ("holdout", {"file": "a", "table": "a.b.c"}),
        ("holdout", {"file": "/etc/passwd"}),
        ("holdout", {"table": "a.b"}),
        ("holdout", {"table": "a.b.c; drop table d"}),
    ],
)
def test_what_lies_outside_is_refused(key, value):
    with pytest.raises(ValidationError):
        ExperimentConfig.model_validate(changed(key, value))


def test_labels_alike_are_found_at_their_position():
    assert list(alike(["Lost  Phone", "x", "lost phone", "X"])) == [2, 3]
