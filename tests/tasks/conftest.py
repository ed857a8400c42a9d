"""Tests of a step begin with the tables of a run, which are empty; those of what comes before a run with none."""

import shutil

import pytest

BEFORE_A_RUN = {"test_prepare", "test_preflight", "test_plan_run", "test_plan_trust", "test_source_check"}


@pytest.fixture
def home(tmp_path, request):
    """Folder of an engine of the test's own."""
    if request.path.stem not in BEFORE_A_RUN:
        shutil.copytree(request.getfixturevalue("prepared_home"), tmp_path / "engine")
    return tmp_path / "engine"
