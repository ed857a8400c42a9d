"""Tests of a step begin with the tables of a run, which are empty; those of `prepare` with none."""

import pytest


@pytest.fixture(autouse=True)
def prepared():
    """Asks for the tables of a run in the engine of every test."""
