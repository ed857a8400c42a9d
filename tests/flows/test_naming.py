"""How runs are called: finished ones sort into a ranking."""

from flows.naming import result_name, tried
from tests.test_report import score, summary


def test_a_finished_run_begins_with_its_accuracy_and_says_over_what():
    base = score(role="base student", correct=3)
    found = summary(scores=[base, score(correct=7)])
    name = result_name(found, "demo judge.check=5")
    assert name == "0.700 demo judge.check=5 (+0.400 over base, holdout) on local"


def test_simulated_figures_are_called_so():
    found = summary(scores=[score(served_by="simulated:small")])
    assert result_name(found, "demo").endswith("on local, simulated")


def test_a_run_without_a_tuned_student_sorts_behind_all_others():
    found = summary(scores=[score(role="base student")])
    assert result_name(found, "demo") > "1.000 demo"


def test_what_is_tried_is_the_file_and_its_overrides():
    given = {"config": "configs/shoes.yaml", "overrides": {"a.b": 1, "c": "x"}}
    assert tried(given) == "shoes a.b=1, c=x"
