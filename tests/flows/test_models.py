"""`distill models`: who answers to the names of an experiment, and what to write where nobody does."""

import pytest
from click.testing import CliRunner

from flows.__main__ import cli

ROUTES = """
[[models]]
name = "llama3.1-8b"
provider = "simulated"
"""


@pytest.fixture
def distill(home, tmp_path, write, monkeypatch):
    """Runs a command where an experiment file and, if the test writes one, a local.toml lie."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISTILL_HOME", str(home))
    monkeypatch.delenv("DISTILL_MODELS", raising=False)
    write({"models.judge": "llama3.1-8b"})
    return lambda *words: CliRunner().invoke(cli, words, env={"COLUMNS": "120"})


def test_each_name_is_asked_once_and_shown_with_its_roles(distill, monkeypatch):
    monkeypatch.setenv("DISTILL_MODELS", "simulated")
    shown = distill("models", "shoes.yaml")
    assert shown.exit_code == 0, shown.output
    lines = [line.split() for line in shown.output.splitlines() if "llama" in line]
    assert [line[:3] for line in lines] == [
        ["llama3.3-70b", "teacher", "simulated:strong"],
        ["llama3.1-8b", "judge,", "student"],
    ]
    assert "simulated:small" in shown.output


def test_a_name_that_nobody_answers_to_says_what_to_write_and_fails(distill, tmp_path):
    (tmp_path / "local.toml").write_text(ROUTES)
    shown = distill("models", "shoes.yaml")
    assert shown.exit_code == 1
    assert "nobody" in shown.output and "local.toml" in shown.output
    assert '[[models]] name = "llama3.3-70b" with provider' in " ".join(shown.output.split())


def test_without_any_experiment_it_says_what_to_give(distill):
    assert "configs/ holds none" in str(distill("models").exception)
