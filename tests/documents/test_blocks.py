"""YAML, TOML, JSON and Python of the documents is sound, and what they name inline is there."""

import csv
import json
import re
import shutil
import tomllib

import pytest
import yaml

from cortex_distill.config import ExperimentConfig
from cortex_distill.load import load_experiment
from cortex_distill.local.providers.routes import routes_of, spec_of
from flows.__main__ import cli
from tests.documents.reading import ROOT, Block, blocks, commands, pages
from tests.documents.stranger import merged

# docs/reference is written from the code, with excerpts and usage lines, and has tests of its own.
ALL = [block for page in pages() if page.parent.name != "reference" for block in blocks(page)]
KEYS = set(ExperimentConfig.model_fields)
NOT_RUN = {  # Python that needs what no test of documents has
    "docs/review.md": "resumes a run that waits for a person; tests/flows/test_review_waits.py does it",
}


def of(*languages):
    return [pytest.param(block, id=f"{block.page}:{block.line}") for block in ALL if block.language in languages]


def is_part_of_an_experiment(data):
    return isinstance(data, dict) and set(data) <= KEYS


@pytest.fixture(scope="module")
def configs(tmp_path_factory):
    """The folder configs/, to put files beside."""
    there = tmp_path_factory.mktemp("project") / "configs"
    shutil.copytree(ROOT / "configs", there)
    for block in ALL:
        if block.file.startswith("configs/") and block.language in {"csv", "jsonl"}:
            (there.parent / block.file).write_text(block.text, encoding="utf-8")
    return there


@pytest.mark.parametrize("block", of("yaml", "yml"))
def test_yaml_is_an_experiment_or_a_part_of_one_where_it_looks_like_it(block, configs):
    """A part is put into the sample experiment that it fits, and read as a run would."""
    data = yaml.safe_load(block.text)
    assert data is not None
    if not is_part_of_an_experiment(data):
        return
    sample = "inbox" if {"source", "label", "messages"} & set(data) else "support_tickets"
    if (data.get("holdout") or {}).get("labels"):
        sample = "banking77"
    whole = data
    if block.file.startswith("into ") or "name" not in data:
        whole = merged(yaml.safe_load((configs / f"{sample}.yaml").read_text(encoding="utf-8")), data)
    (configs / "block.yaml").write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
    load_experiment(configs / "block.yaml", without_fetched=True)


@pytest.mark.parametrize("block", of("toml"))
def test_toml_is_read_and_models_have_their_providers(block, tmp_path):
    data = tomllib.loads(block.text)
    if "models" in data:
        (tmp_path / "local.toml").write_text(block.text, encoding="utf-8")
        routes = routes_of(spec_of(tmp_path / "local.toml"))
        assert all(routes.of(model["name"]) for model in data["models"])


@pytest.mark.parametrize("block", of("json", "jsonl", "csv"))
def test_rows_are_read(block):
    if block.language == "csv":
        header, *rows = csv.reader(block.text.splitlines())
        assert rows
        assert all(len(row) == len(header) for row in rows)
    else:
        lines = block.text.splitlines() if block.language == "jsonl" else [block.text]
        assert all(json.loads(line) for line in lines)


@pytest.mark.parametrize("block", of("python"))
def test_python_runs_or_the_list_says_why_not(block):
    if block.page in NOT_RUN:
        compile(block.text, block.page, "exec")
    else:
        exec(compile(block.text, block.page, "exec"), {})


def test_the_list_of_python_that_is_not_run_has_no_old_entry():
    assert NOT_RUN.keys() <= {block.page for block in ALL if block.language == "python"}


def test_what_looks_like_a_command_stands_in_a_block_for_a_shell():
    """Else it would be typed by readers, and by no test."""
    lost = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:make \w|(?:\.venv/bin/)?(?:distill|prefect) \w)", re.MULTILINE)
    hidden = [f"{block.page}:{block.line}" for block in ALL if not commands(block) and lost.search(block.text)]
    assert hidden == []


def inline():
    """What stands between backticks in the text of all pages."""
    for page in pages():
        text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        yield from ((page.relative_to(ROOT).as_posix(), code) for code in re.findall(r"`([^`\n]+)`", text))


def test_targets_of_make_that_are_named_are_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {(page, found[1]) for page, code in inline() if (found := re.match(r"make ([a-z-]+)$", code))}
    assert {(page, target) for page, target in named if target not in targets} == set()


def test_commands_and_options_that_are_named_are_there():
    wrong = []
    for page, code in inline():
        if not (found := re.match(r"(?:\.venv/bin/)?distill ([a-z]+)\b(.*)", code)):
            continue
        command = cli.commands.get(found[1])
        known = {option for one in command.params for option in one.opts} if command else set()
        if command is None or (not hasattr(command, "commands") and set(re.findall(r"--[a-z-]+", found[2])) - known):
            wrong.append((page, code))
    assert wrong == []


def test_a_block_knows_its_file():
    assert Block("p", 1, "yaml", "# configs/x.yaml\nname: x\n").file == "configs/x.yaml"
    assert Block("p", 1, "csv configs/x.csv", "a,b\n").file == "configs/x.csv"
    assert Block("p", 1, "yaml", "# a remark\nname: x\n").file == ""
