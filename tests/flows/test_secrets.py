"""Planted secrets are looked for wherever a run leaves something: tables, logs, pages, Prefect, files, error texts."""

import logging
import re
from collections.abc import Iterator

import pytest
from prefect.client.orchestration import get_client

from cortex_distill.errors import ConfigError, SetupError, StepError
from cortex_distill.load import load_experiment
from cortex_distill.session import execute, open_session
from cortex_distill.sql import Sql
from flows.naming import tried
from tests.flows.test_distill import HOLDOUT
from tests.heard import heard
from tests.local.endpoint import Reply, completion, failure, prompt, routes, serving

KEY, PASSWORD, IN_FILE = "sk-planted-4711-key", "planted-password-0815", "planted-in-a-file-1234"
SECRET_FILES = {"connections.toml", "local.toml"}


def answers(body, number) -> Reply:
    """Tickets, ratings and labels that a run can go on with."""
    asked = prompt(body)
    if asked.startswith("Write"):
        said = ", ".join(f'{{"scenario": "s", "request": "{asked[-90:-80]!r} {n} {number}"}}' for n in range(4))
        return Reply(completion(f'{{"tickets": [{said}]}}'.replace("'", ""), body))
    return Reply(completion('{"realistic": 5, "valid": 5}' if "Rate" in asked else "Refund", body))


@pytest.fixture
def planted(prefect_server, home, write, tmp_path, monkeypatch):
    """A folder with secrets in it, a server that wants one of them, and an experiment; (server, config, folder)."""
    home.mkdir()
    (tmp_path / "connections.toml").write_text(
        f'[acme]\naccount = "acme"\nuser = "me"\npassword = "{PASSWORD}"\nhost = "127.0.0.1"\nport = 1\n'
        'protocol = "http"\nlogin_timeout = 1\ndatabase = "D"\nschema = "S"\n'
    )
    (tmp_path / "connections.toml").chmod(0o600)
    (tmp_path / "rows.csv").write_text(HOLDOUT, encoding="utf-8")
    with serving() as server:
        server.behave = answers
        (tmp_path / "local.toml").write_text(routes(server.base_url, 'api_key_env = "PLANTED_KEY"'))
        monkeypatch.setenv("PLANTED_KEY", KEY)
        monkeypatch.setenv("SNOWFLAKE_HOME", str(tmp_path))
        monkeypatch.setenv("DISTILL_HOME", str(home))
        monkeypatch.setenv("DISTILL_MODELS", str(tmp_path / "local.toml"))
        small = {"generate.rounds": 1, "prompts.with_definitions": None}
        yield server, str(write({"holdout": {"file": "rows.csv"}, **small})), tmp_path


def distill(config, engine="local"):
    from flows.distill import distill as flow  # noqa: PLC0415  Prefect reads its settings when the flow is made

    return flow(config, engine)


def left_behind(folder) -> Iterator[tuple[str, str]]:
    """(place, text) of all that runs on the engine of a folder have left."""
    session = open_session("local")
    for row in execute(session, Sql("SHOW TABLES")):
        name = row.as_dict()["name"]
        for found in execute(session, Sql(f"SELECT * FROM {name}")):
            yield f"table {name}", repr(found)
    for found in execute(session, Sql("SELECT * FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000))")):
        yield "query history", repr(found)
    session.close()
    with get_client(sync_client=True) as client:
        for page in client.read_artifacts():
            yield f"artifact {page.key}", f"{page.data} {page.description}"
        for run in client.read_flow_runs():
            yield f"flow run {run.name}", run.model_dump_json()
        for run in client.read_task_runs():
            yield f"task run {run.name}", run.model_dump_json()
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in SECRET_FILES:
            yield f"file {path.name}", path.read_bytes().decode("latin-1")


def leaks(folder, *texts) -> list[str]:
    """The places in which a planted secret stands."""
    places = [*left_behind(folder), *(("said", text) for text in texts)]
    assert len(places) > 20
    return [place for place, text in places if re.search("|".join((KEY, PASSWORD, IN_FILE)), text)]


def test_a_run_that_succeeds_leaves_no_secret_anywhere(planted):
    server, config, folder = planted
    with heard(logging.DEBUG) as lines:
        summary = distill(config)
    assert any("answered by" in line for line in lines)
    assert any(KEY in str(dict(headers)) for headers in server.headers)  # it was used
    assert leaks(folder, repr(summary), *lines) == []


def test_a_server_that_repeats_the_key_in_its_refusal_leaks_it_nowhere(planted):
    server, config, folder = planted
    server.behave = lambda body, number: failure(401, f"Incorrect API key provided: {KEY}. Bearer {KEY}")
    with heard(logging.DEBUG) as lines, pytest.raises(StepError) as raised:
        distill(config)
    assert "PLANTED_KEY" in str(raised.value)
    assert leaks(folder, repr(raised.value), *lines) == []


def test_a_connection_that_fails_says_so_without_its_password(planted):
    _, config, folder = planted
    with heard(logging.DEBUG) as lines, pytest.raises(SetupError) as raised:
        distill(config, "acme")
    assert "engine 'acme'" in str(raised.value)
    assert leaks(folder, repr(raised.value), *lines) == []


@pytest.mark.parametrize(
    "lines",
    [f'api_key = "{IN_FILE}"', f'base_url = "http://me:{IN_FILE}@127.0.0.1:1/v1"', f'token = "{IN_FILE}"'],
)
def test_a_secret_written_into_local_toml_is_refused_without_being_repeated(lines, tmp_path, home, monkeypatch):
    base = "" if "base_url" in lines else 'base_url = "http://127.0.0.1:1/v1"\n'
    (tmp_path / "local.toml").write_text(f'[[models]]\nname = "*"\nprovider = "openai"\nmodel = "m"\n{base}{lines}\n')
    monkeypatch.setenv("DISTILL_MODELS", str(tmp_path / "local.toml"))
    with pytest.raises(SetupError) as raised:
        open_session("local", home=home)
    assert lines.split()[0] in str(raised.value)
    assert IN_FILE not in str(raised.value)


@pytest.mark.parametrize("key", ["password", "models.api_key", "judge.token", "private_key", "connection"])
def test_a_secret_in_an_experiment_file_is_refused_without_being_repeated(key, write):
    with pytest.raises(ConfigError, match="secrets and connections do not belong") as raised:
        load_experiment(write({key: IN_FILE}))
    assert IN_FILE not in str(raised.value)


@pytest.mark.parametrize("key", ["password", "models.api_key"])
def test_a_secret_given_as_an_override_is_not_in_the_name_of_the_run(key, write):
    assert IN_FILE not in tried({"config": "a.yaml", "overrides": {key: IN_FILE, "split.train": 0.5}})
    with pytest.raises(ConfigError) as raised:
        load_experiment(write(), {key: IN_FILE})
    assert IN_FILE not in str(raised.value)
