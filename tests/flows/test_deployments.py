"""prefect.yaml: one deployment per file in configs/, and nothing in it that Prefect would ignore without a word."""

import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.flows import load_flow_from_entrypoint

from flows.deployments import _yaml, in_step, main

ROOT = Path(__file__).parents[2]


def deployments(text=None):
    return yaml.safe_load(text or (ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]


def experiments():
    return [d for d in deployments() if "config" in d["parameters"]]


def test_every_experiment_has_exactly_one_deployment_of_its_name():
    files = sorted(path.name for path in (ROOT / "configs").glob("*.yaml"))
    assert sorted(Path(d["parameters"]["config"]).name for d in experiments()) == files
    assert all(Path(d["parameters"]["config"]).stem == d["name"] for d in experiments())


def test_versions_and_descriptions_are_those_of_the_files():
    _, said = in_step(ROOT)
    assert said == [], "run `make deployments`"


def test_a_deployment_takes_config_engine_and_overrides_and_nothing_else():
    assert all(list(d["parameters"]) == ["config", "engine", "overrides"] for d in experiments())


def test_two_runs_of_one_experiment_are_queued():
    assert all(d["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"} for d in experiments())


def test_prefect_knows_every_key_of_prefect_yaml():
    text = (ROOT / "prefect.yaml").read_text(encoding="utf-8")
    known = set(PrefectYamlModel.model_validate(yaml.safe_load(text)).deployments[0].model_dump())
    assert {key for d in deployments() for key in d} <= known
    assert "{{" not in text.split("deployments:")[1]


def test_every_deployment_imports_and_accepts_its_parameters(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    for deployment in deployments():
        flow = load_flow_from_entrypoint(deployment["entrypoint"], use_placeholder_flow=False)
        flow.validate_parameters(deployment["parameters"])


@pytest.fixture
def root(tmp_path, write):
    """A project with one experiment that prefect.yaml does not have, and one entry whose file is gone."""
    (tmp_path / "configs").mkdir()
    write().rename(tmp_path / "configs" / "shoes.yaml")
    (tmp_path / "prefect.yaml").write_text((ROOT / "prefect.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def test_a_new_experiment_gets_its_deployment_and_a_lost_one_is_named(root):
    data, said = in_step(root)
    assert said[0] == "configs/shoes.yaml: new deployment"
    assert "configs/support_tickets.yaml: no such file; remove its deployment" in said
    with (root / "prefect.yaml").open("w") as file:
        _yaml().dump(data, file)
    text = (root / "prefect.yaml").read_text()
    (new,) = [d for d in deployments(text) if d["name"] == "shoes"]
    assert new["parameters"] == {"config": "configs/shoes.yaml", "engine": "local", "overrides": None}
    assert (new["entrypoint"], new["concurrency_limit"]["limit"]) == ("flows.distill.distill", 1)
    assert "# a module path" in text
    PrefectYamlModel.model_validate(yaml.safe_load(text))
    assert [one for one in in_step(root)[1] if "shoes" in one] == []


def test_a_file_that_is_wrong_is_named_without_a_trace_and_nothing_is_written(root, monkeypatch):
    file = root / "configs" / "shoes.yaml"
    file.write_text(file.read_text().replace("judge:\n", "judges:\n", 1))
    before = (root / "prefect.yaml").read_text()
    monkeypatch.chdir(root)
    done = CliRunner().invoke(main)
    assert done.exit_code == 1 and "shoes.yaml:" in done.output and "judges: no such key" in done.output
    assert "Traceback" not in done.output and (root / "prefect.yaml").read_text() == before


def test_every_parameter_is_described_in_the_form_that_starts_a_run():
    flows = [load_flow_from_entrypoint(d["entrypoint"]) for d in deployments() if "entrypoint" in d]
    assert len(flows) >= 5
    bare = [
        (f.name, name) for f in flows for name, kind in f.parameters.properties.items() if not kind.get("description")
    ]
    assert bare == []
