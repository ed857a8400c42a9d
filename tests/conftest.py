"""What tests share: a session on the local engine, and a small experiment that each test may change."""

import gc
import os
import shutil
import textwrap
from uuid import uuid4

import pytest
import yaml

os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ["DISTILL_IN_PROCESS"] = "1"

from cortex_distill import local, pace  # noqa: TID251  the engine of a test is closed with it
from cortex_distill.load import load_experiment
from cortex_distill.run import Run
from cortex_distill.session import open_session
from cortex_distill.tables import complete_sql


def pytest_collection_modifyitems(items):
    """Files with whole flows, or what else is slow, come first: what takes long must not begin when the rest is done.

    Workers take files in this order with `--dist loadfile --no-loadscope-reorder`.
    """
    long = {item.path for item in items if "prefect_server" in item.fixturenames or item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish():
    """Four thousand tests and what they import stay until the end: the collector of garbage need not look at them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture
def rests(monkeypatch):
    """Nobody waits for a throttled model; the seconds that would have been waited."""
    seconds = []
    monkeypatch.setattr(pace, "sleep", seconds.append)
    return seconds


@pytest.fixture(autouse=True, scope="session")
def no_forced_collection():
    """statsmodels collects garbage in each Holm correction: 0.3 s in the process of one run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda *generation: 0)
        yield


@pytest.fixture(autouse=True, scope="session")
def no_look_at_the_stack():
    """At each login the connector looks for the program's file by `inspect.stack()`: below pytest that takes 0.06 s."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("snowflake.connector.auth._auth.get_application_path", lambda: "pytest")
        yield


SMALL = """
name: shoes
categories:
  Wrong size: the shoe is too small or too large and should be exchanged
  Late delivery: the parcel has not arrived yet
  Refund: the customer wants the money back
models: {teacher: llama3.3-70b, judge: llama3.3-70b, student: llama3.1-8b}
generate:
  per_category: 8
  per_call: 4
  prompt: |
    Write {{ count }} examples of customer messages to a shoe shop of the category: {{ category }} ({{ definition }}).
    Answer with a JSON list. Each element has "scenario" and "request".
judge:
  thresholds: {realistic: 3, valid: 3}
  prompt: |
    Rate this ticket of the category {{ category }} ({{ definition }}) from 1 to 5.
    Ticket: {{ request }}
    Answer with JSON only, like {"realistic": 3, "valid": 2}.
split: {train: 0.75, validation: 0.25}
prompts:
  list_only: |
    Categories:
    {% for category in categories %}
    {{ category }}
    {% endfor %}
    Answer with the category only.
    request: {{ request }}
  with_definitions: |
    Categories:
    {% for category, definition in categories.items() %}
    {{ category }}: {{ definition }}
    {% endfor %}
    Answer with the category only.
    request: {{ request }}
"""


@pytest.fixture
def home(tmp_path, request):
    """Folder of a local engine of its own, with the tables of a run where the test asks for `prepared`."""
    if "prepared" in request.fixturenames:
        shutil.copytree(request.getfixturevalue("prepared_home"), tmp_path / "engine")
    return tmp_path / "engine"


@pytest.fixture
def prepared():
    """Asks for the tables of a run in the test's engine."""


@pytest.fixture(scope="session")
def prepared_home(tmp_path_factory):
    """Folder of an engine with the tables of a run, empty: making them takes longer than most tests of a step do."""
    made = tmp_path_factory.mktemp("prepared") / "engine"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISTILL_MODELS", "simulated")
        session = open_session("local", home=made)
        for statement in complete_sql():
            session.sql(statement).collect()
        session.close()
    local.close(made)
    return made


@pytest.fixture
def connect(home, monkeypatch):
    """Opens sessions on the local engine with simulated models; knobs make the models misbehave."""
    opened = []

    def open_one(knobs="", tag=""):
        monkeypatch.setenv("DISTILL_MODELS", f"simulated:{knobs}" if knobs else "simulated")
        opened.append(open_session("local", home=home, tag=tag))
        return opened[-1]

    yield open_one
    for session in opened:
        session.close()
    local.close(home)  # an engine is some 5 MB and its threads, and there are two thousand tests


@pytest.fixture
def session(connect):
    """One session on an engine of its own, with simulated models that behave."""
    return connect()


@pytest.fixture
def write(tmp_path):
    """Writes an experiment file: SMALL with some keys replaced (dotted), or dropped (None)."""

    def write_one(changes=None, name="shoes.yaml"):
        data = yaml.safe_load(textwrap.dedent(SMALL))
        for dotted, value in (changes or {}).items():
            *parents, last = dotted.split(".")
            place = data
            for parent in parents:
                place = place.setdefault(parent, {})
            if value is None:
                place.pop(last, None)
            else:
                place[last] = value
        path = tmp_path / name
        path.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return path

    return write_one


@pytest.fixture
def make_run(connect, write):
    """A Run of SMALL with changes, on a session with simulated models."""

    def make(changes=None, session=None):
        return Run(session or connect(), str(uuid4()), load_experiment(write(changes)), "local")

    return make
