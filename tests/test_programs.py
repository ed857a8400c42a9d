"""Hints name programs as they can be typed."""

import sys

import pytest

from cortex_distill.programs import typed


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """A virtual environment below the working directory, with a program."""
    programs = tmp_path / "a place" / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "distill").write_text("")
    (programs / "distill").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.chdir(tmp_path / "a place")
    monkeypatch.setenv("PATH", "/usr/bin")
    return programs


def test_without_an_activated_environment_the_path_is_told(environment):
    assert typed("distill") == ".venv/bin/distill"


def test_from_another_directory_the_path_is_absolute_and_quoted(environment, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert typed("distill") == f"'{environment}/distill'"


def test_a_name_that_the_shell_finds_is_enough(environment, monkeypatch):
    monkeypatch.setenv("PATH", str(environment))
    assert typed("distill") == "distill"


def test_another_environments_program_is_not_meant(environment, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    (other / "distill").write_text("")
    (other / "distill").chmod(0o755)
    monkeypatch.setenv("PATH", str(other))
    assert typed("distill") == ".venv/bin/distill"
