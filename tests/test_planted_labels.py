"""Wrong labels that were planted: what the benchmark plants, and that its figures are those of what was planted."""

import csv
from pathlib import Path

import pytest

from benchmarks.planted_labels import Filtered, measure, plant, share
from cortex_distill.load import load_experiment

FILE = Path(__file__).parents[1] / "configs/support_tickets.yaml"
ROWS = FILE.parent / "holdouts/support_tickets.csv"


@pytest.fixture(scope="module")
def labelled():
    with ROWS.open(encoding="utf-8-sig", newline="") as text:
        return [(row["request"], row["category"]) for row in csv.DictReader(text)]


@pytest.fixture(scope="module")
def config():
    return load_experiment(FILE).config


def test_half_of_each_category_is_planted_under_the_next_one(labelled, config):
    categories = list(config.categories)
    planted = list(plant(labelled, categories, 40))
    assert len(planted) == len({request for request, _, _ in planted}) == 40
    for place, category in enumerate(categories):
        labels = [label for _, label, own in planted if own == category]
        assert sorted(labels) == sorted([category] * 4 + [categories[(place + 1) % 5]] * 4)


def test_the_order_of_the_rows_changes_nothing(labelled, config):
    assert list(plant(labelled, list(config.categories), 20)) == list(
        plant(labelled[::-1], list(config.categories), 20)
    )


def test_judge_and_vote_together_catch_planted_labels_and_miss_no_more_than_either(session, labelled, config):
    planted = list(plant(labelled, list(config.categories), 40))
    vote = {"model": "claude-sonnet-4-6", "prompt": config.prompts["with_definitions"]}
    judge, voted, both = measure(session, FILE, {"vote": vote}, planted)
    assert all((one.right, one.wrong, one.unread) == (20, 20, 0) for one in (judge, voted, both))
    assert min(judge.caught, voted.caught) > 10
    assert both.caught >= max(judge.caught, voted.caught)  # a ticket stays dropped, whoever dropped it
    assert both.lost <= judge.lost + voted.lost


def test_a_share_of_nothing_is_none():
    assert share(0, 0) == "–"
    assert share(3, 4).startswith("0.75 (")
    assert Filtered("judge", 10, 10, 4, 1, 0).dropped == 5
