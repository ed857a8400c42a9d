"""A recorded config against the file of today: the overrides that make the file say what the run recorded."""

import json

import pytest

from cortex_distill.load import load_experiment, resolved
from cortex_distill.same_again import overrides_of

OPTIONAL = frozenset({"budget", "review", "holdout"})


def again(write, overrides, changes=None):
    """Hash of the run, hash of the file with what was found; the record as an account gives it: keys sorted."""
    old = load_experiment(write(changes), overrides)
    recorded = json.loads(json.dumps(resolved(old), sort_keys=True))
    path = write(changes)
    found = overrides_of(recorded, resolved(load_experiment(path)), OPTIONAL)
    return old.hash, load_experiment(path, found).hash, found


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"judge.thresholds.valid": 5},
        {"models.student": "small", "split": {"train": 0.5, "validation": 0.5}},
        {"prompts.short": "{{ categories }} {{ request }}"},
        {"budget": {"max_credits": 3}, "review": {"tickets": 5}},
        {"generate.vary": {"tone": ["calm"]}, "generate.prompt": "{{ count }} {{ category }} {{ tone }}"},
    ],
)
def test_what_was_overridden_is_found_and_nothing_else_though_an_account_forgets_the_order(write, overrides):
    old, new, found = again(write, overrides)
    assert old == new
    assert {key.split(".")[0] for key in found} == {key.split(".")[0] for key in overrides}


def test_labels_with_dots_are_no_obstacle(write):
    categories = {"v1.0": "the first", "v2.0": "the second"}
    assert len(set(again(write, {"judge.check": 3}, {"categories": categories})[:2])) == 1


def test_a_section_that_the_run_did_not_have_is_switched_off(write):
    recorded = resolved(load_experiment(write()))
    path = write({"review": {"tickets": 4}})
    found = overrides_of(recorded, resolved(load_experiment(path)), OPTIONAL)
    assert found == {"review": None}
    assert load_experiment(path, found).hash == load_experiment(write()).hash
