"""The pages of app/ on an engine of the test's own; two runs are written once and copied for each test."""

import shutil

import pytest
from app_sample import fill
from streamlit.testing.v1 import AppTest

import door
from cortex_distill import local  # noqa: TID251  the engine of the sample is closed before its folder is copied
from cortex_distill.session import execute, open_session
from cortex_distill.sql import Sql


@pytest.fixture(scope="session")
def sample_home(tmp_path_factory):
    """Folder of a local engine with the two runs of app_sample."""
    home = tmp_path_factory.mktemp("sample") / "engine"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISTILL_MODELS", "simulated")
        session = open_session("local", home=home)
        fill(session)
        session.close()
    local.close(home)
    return home


@pytest.fixture
def home(tmp_path, request):
    """Folder of the test's engine, with the two runs where the test asks for `two_runs`."""
    if "two_runs" in request.fixturenames:
        shutil.copytree(request.getfixturevalue("sample_home"), tmp_path / "engine")
    return tmp_path / "engine"


@pytest.fixture
def two_runs():
    """Asks for the runs of app_sample in the test's engine."""


@pytest.fixture
def engine(session, home, monkeypatch):
    """What the page's door opens is the engine of this test; gives back how to send it a statement."""
    monkeypatch.setenv("DISTILL_HOME", str(home))
    monkeypatch.delenv("DISTILL_ENGINE", raising=False)
    door._door.clear()
    yield lambda text, *binds: [tuple(row) for row in execute(session, Sql(text, binds))]
    door._door.clear()


@pytest.fixture
def show(engine):
    """Runs one page, by the name of its module."""

    def run(module):
        page = AppTest.from_string(f"import {module}\nfrom look import guarded\nguarded({module}.page)()")
        page.default_timeout = 120
        return page.run()

    return run
