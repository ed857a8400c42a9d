"""app/ goes into Snowflake alone: nothing above it is imported, and what it copies from the project is the same."""

import ast
import re
import socket
import tomllib
from pathlib import Path

import pytest
import yaml

import plots
from cortex_distill.charts import LOOKS
from cortex_distill.tables import TABLES
from flows.app import free_port

APP = Path(__file__).parents[2] / "app"
MODULES = sorted(APP.glob("*.py"))
PROJECT = tomllib.loads((APP.parent / "pyproject.toml").read_text(encoding="utf-8"))
OURS = {"cortex_distill", "tasks", "flows", "prefect"}


def imported(module):
    nodes = list(ast.walk(ast.parse(module.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


def test_only_the_door_knows_that_there_is_a_project():
    assert {module.name for module in MODULES if imported(module) & OURS} == {"door.py"}


def test_whatever_is_imported_is_in_the_environment_or_in_python():
    allowed = {"streamlit", "altair", "pandas", "snowflake"} | {module.stem for module in MODULES} | OURS
    standard = {"__future__", "ast", "collections", "datetime", "hashlib", "html", "importlib", "json", "os", "re",
                "typing", "uuid"}  # fmt: skip
    for module in MODULES:
        assert imported(module) <= allowed | standard, module.name


def test_the_page_runs_here_on_the_version_that_runs_in_snowflake():
    wanted = yaml.safe_load((APP / "environment.yml").read_text(encoding="utf-8"))
    version = next(one.split("=")[1] for one in wanted["dependencies"] if one.startswith("streamlit="))
    assert PROJECT["dependency-groups"]["app"] == [f"streamlit=={version}"]
    assert wanted["channels"] == ["snowflake"]


def test_the_colours_are_those_of_the_reports():
    assert plots.ROLES == LOOKS


def test_the_table_of_calls_is_that_of_the_project():
    text = (APP / "calls.py").read_text(encoding="utf-8")
    created = re.search(r"COMPLETIONS \((.*?)\)\"\"\"", text, re.DOTALL)
    assert created and " ".join(created[1].split()) == " ".join(TABLES["COMPLETIONS"].split())


def test_the_types_of_every_module_are_checked():
    assert PROJECT["tool"]["mypy"]["modules"] == [module.stem for module in MODULES]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_a_module_is_short_and_says_what_it_is_for(module):
    lines = module.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 200 and lines[0].startswith('"""')


def test_the_door_of_snowflake_sends_binds_and_gives_the_engines_words(monkeypatch):
    import door  # noqa: PLC0415

    class Session:
        def sql(self, text, params):
            self.sent = (text, params)
            return self

        def collect(self):
            return [("MY_ACCOUNT",)]

    session = Session()
    monkeypatch.setattr(door.st, "connection", lambda name: type("Given", (), {"session": lambda self: session})())
    opened = door._of_snowflake()
    assert opened.who("llama3.1-8b") == "MY_ACCOUNT"
    assert opened.run("SELECT ?", ("it's",)) == [("MY_ACCOUNT",)] and session.sent == ("SELECT ?", ["it's"])


def test_the_page_takes_the_next_port_where_one_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < free_port(port) < port + 50


def test_streamlit_sends_no_statistics_and_shows_no_stack_traces():
    config = tomllib.loads((APP / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["browser"]["gatherUsageStats"] is False and config["client"]["showErrorDetails"] == "none"
