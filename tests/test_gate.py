"""gate.py and `distill run --gate`: which figure is held to which bar, and what the exit code says."""

import sys
from types import SimpleNamespace

import pytest

from cortex_distill.config_gate import Gate
from cortex_distill.errors import ConfigError, StepError
from cortex_distill.gate import check_gate
from cortex_distill.load import load_experiment
from cortex_distill.scores import Score
from flows import __main__ as command_line
from flows import terminal


def score(role, variant, correct, evaluation_set="holdout"):
    return Score(role, "a-model", variant, evaluation_set, "cortex", 100, correct, 0, 0, 0, 0, {})


SCORES = [
    score("teacher", "list_only", 60),
    score("teacher", "few_shot", 90),
    score("teacher", "few_shot", 99, "validation"),
    score("tuned student", "tuned", 80),
]


def checked(**bar):
    (one,) = check_gate([Gate(**bar)], SCORES)
    return one


def test_a_bar_without_a_prompt_is_about_the_best_one_of_the_role():
    assert checked(who="teacher", min_accuracy=0.9).score.variant == "few_shot"
    assert checked(who="teacher", prompt="list_only", min_accuracy=0.9).score.correct == 60


def test_only_the_named_set_counts():
    assert checked(who="teacher", min_accuracy=0.95).missing
    assert not checked(who="teacher", set="validation", min_accuracy=0.95).missing


def test_an_accuracy_at_the_bar_passes():
    assert checked(min_accuracy=0.8).text == (
        "gate passed: tuned student: 0.80 (0.71–0.87) on holdout, n = 100; needs 0.8, lower end 0"
    )


def test_the_lower_end_is_a_bar_of_its_own():
    assert checked(min_accuracy=0.8, min_lower_bound=0.75).text.endswith(
        "n = 100; lower end of the 95 % interval 0.711 is 0.039 below 0.75"
    )


def test_a_role_that_was_not_measured_is_an_error_and_no_pass():
    with pytest.raises(StepError, match=r"base student was not measured on holdout"):
        checked(who="base student", min_accuracy=0)


@pytest.mark.parametrize(
    ("bar", "told"),
    [
        ({"set": "test", "min_accuracy": 0.5}, "gate.0.set: there is no test set; add split.test, or write validation"),
        ({"min_accuracy": 0.5}, "gate.0.set: there is no holdout set; add holdout, or write validation"),
        ({"set": "validation", "min_accuracy": 0.5, "prompt": "list_only"}, "gate.0.prompt: the tuned student has one"),
        (
            {"set": "validation", "min_accuracy": 0.5, "who": "teacher", "prompt": "lst_only"},
            "gate.0.prompt: no variant 'lst_only'; did you mean 'list_only'?",
        ),
    ],
)
def test_a_bar_that_nobody_can_be_held_to_is_refused(write, bar, told):
    with pytest.raises(ConfigError, match=r"shoes\.yaml:") as refused:
        load_experiment(write({"gate": [bar]}))
    assert told in str(refused.value)


def test_a_bar_changes_neither_hash_nor_figure(write):
    with_gate = load_experiment(write({"gate": [{"set": "validation", "min_accuracy": 0.5}]}, "a.yaml"))
    assert with_gate.hash == load_experiment(write({}, "b.yaml")).hash


@pytest.fixture
def ended(write, monkeypatch):
    """Exit code of `distill run --gate` with these bars, the run itself left out."""

    def run(bars):
        monkeypatch.setattr(sys, "argv", ["distill", "run", str(write({"gate": bars})), "--gate"])
        monkeypatch.setattr("flows.distill.distill", lambda *given: SimpleNamespace(scores=SCORES))
        monkeypatch.setattr("flows.prefect_server.start_server", lambda: None)
        monkeypatch.setattr(terminal, "show_summary", lambda summary: None)
        with pytest.raises(SystemExit) as exit_:
            command_line.main()
        return exit_.value.code

    return run


def test_one_figure_below_its_bar_is_exit_code_1(ended, capsys):
    bars = [{"set": "validation", "who": "teacher", "min_accuracy": low} for low in (0.9, 0.995)]
    assert ended(bars[:1]) in (0, None)
    assert ended(bars) == 1
    assert capsys.readouterr().out.count("gate passed") == 2


def test_a_file_without_a_bar_is_refused_before_the_run(write, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["distill", "run", str(write()), "--gate"])
    with pytest.raises(SystemExit, match="2"):
        command_line.main()
    assert "gate: is missing; write for instance gate: [{who: teacher, min_accuracy: 0.8}]" in capsys.readouterr().err
