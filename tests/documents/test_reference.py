"""docs/reference/: the pages say what the code says, all of it, in sentences that have units."""

import re
from typing import get_args

import click
import pytest
from pydantic import BaseModel

from cortex_distill.config import ExperimentConfig
from cortex_distill.load import load_experiment
from cortex_distill.local.providers.routes import Routes, routes_of
from docs.reference import FOLDER, PAGES, README, ROOT
from docs.reference_pages import command_page, environment, readme_keys, toml_page
from docs.reference_pages.keys import keys_of, models_in
from docs.reference_pages.markdown import anchor, prose, table
from docs.reference_pages.templates import ALL, NAMES
from docs.reference_pages.yaml_examples import example_of, shortened
from flows.__main__ import cli

KEYS = [*keys_of(ExperimentConfig), *keys_of(Routes)]
UNITS = re.compile(
    r"\b(accuracy|calls?|characters|credits|epochs|examples|GB|hours|rating|rows|seconds|shares?|tickets|times|tokens"
    r"|without unit|words)\b"
)
PAGES_WITH_LINKS = [name for name in PAGES if name.endswith(".md")]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name):
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), "run: make reference"


def test_the_folder_has_no_other_page():
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


def test_the_keys_in_the_readme_are_what_the_code_says():
    text = README.read_text(encoding="utf-8")
    assert readme_keys.put_into(text) == text, "run: make reference"


def test_a_readme_without_markers_is_refused_rather_than_left_alone():
    with pytest.raises(ValueError, match="keys"):
        readme_keys.put_into("# cortex-distill\n")


def properties(model):
    """Paths of every property, by pydantic's own schema: another way to the same keys."""
    schema = model.model_json_schema()

    def walk(part, path):
        if "$ref" in part:
            part = schema["$defs"][part["$ref"].rpartition("/")[2]]
        for name, inner in part.get("properties", {}).items():
            yield (*path, name)
            yield from walk(inner, (*path, name))
        for inner in (*part.get("anyOf", ()), *part.get("oneOf", ()), *filter(None, [part.get("items")])):
            yield from walk(inner, path)

    return {".".join(path) for path in walk(schema, ())}


@pytest.mark.parametrize("model", [ExperimentConfig, Routes], ids=lambda model: model.__name__)
def test_every_key_is_in_the_reference(model):
    assert {key.path.replace("[]", "") for key in keys_of(model)} == properties(model)


def test_every_key_has_a_meaning_and_something_to_write():
    assert [key.path for key in KEYS if not key.value or not (key.meaning or key.path.endswith("provider"))] == []


@pytest.mark.parametrize("key", [key for key in KEYS if "number" in key.value], ids=lambda key: key.path)
def test_a_number_says_what_it_counts(key):
    assert UNITS.search(key.meaning), f"{key.path}: {key.meaning}"


def test_bounds_stand_with_the_value_and_not_twice():
    (key,) = [key for key in KEYS if key.path == "generate.rounds"]
    assert key.cells[1:] == (
        "whole number, 1 to 10",
        "`3`",
        "times that tickets are asked for, until no category is short; 1: no refill",
    )


@pytest.mark.parametrize("section", [*ExperimentConfig.model_fields])
def test_every_section_has_an_example(section):
    field = ExperimentConfig.model_fields[section]
    assert example_of(section, field.examples).text.startswith(f"{section}:")


@pytest.mark.parametrize("section", [name for name, field in ExperimentConfig.model_fields.items() if field.examples])
def test_an_example_that_no_config_has_would_be_taken(section):
    (given,) = ExperimentConfig.model_fields[section].examples
    is_list = isinstance(given, list)
    overrides = {section: given} if is_list else {f"{section}.{key}": value for key, value in given.items()}
    loaded = getattr(load_experiment(ROOT / "configs" / "support_tickets.yaml", overrides).config, section)
    for one, wanted in zip(loaded, given, strict=True) if is_list else [(loaded, given)]:
        kept = {key: value for key, value in wanted.items() if not isinstance(value, list)}
        assert {key: getattr(one, key) for key in kept} == kept


def test_a_long_text_of_an_example_is_cut_and_says_so():
    lines = ["judge:", "  prompt: |", "    one", "    two", "    three", "  check: 5"]
    assert shortened(lines) == "judge:\n  prompt: |\n    one\n    two\n    …\n  check: 5\n"


@pytest.mark.parametrize("provider", toml_page.EXAMPLES)
def test_an_example_of_local_toml_is_taken(provider, tmp_path):
    (tmp_path / "local.toml").write_text(toml_page.EXAMPLES[provider], encoding="utf-8")
    (route,) = routes_of(str(tmp_path / "local.toml")).models
    assert route.provider == provider


def test_every_provider_is_described():
    kinds = {get_args(kind.model_fields["provider"].annotation)[0] for kind in models_in(routes_annotation())}
    assert kinds == set(toml_page.EXAMPLES)


def routes_annotation():
    return Routes.model_fields["models"].annotation


def test_every_name_that_a_template_knows_is_explained():
    known = frozenset().union(*(place.file | place.row | place.must for place in ALL.values()))
    assert known == set(NAMES)


def commands(command=cli):
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    return [command, *(found for each in inner for found in commands(each))]


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.name)
def test_every_command_and_option_has_a_help_text(command):
    assert command.help
    assert [each.name for each in command.params if isinstance(each, click.Option) and not each.help] == []


def test_every_variable_that_is_read_is_described():
    described = {variable.name for variable in (*environment.OURS, *environment.FOR_TESTS)}
    assert {name for name, _ in environment.used()} == described


def test_variables_for_tests_are_not_told_as_those_of_users():
    read = {name for name, file in environment.used() if file.startswith(("cortex_distill/", "flows/", "app/"))}
    assert {variable.name for variable in environment.OURS} <= read


def test_every_make_target_with_a_text_is_listed():
    targets = command_page.page().partition("## make\n")[2]
    assert "`make reference`" in targets and "`make demo`" in targets


@pytest.mark.parametrize("name", PAGES_WITH_LINKS)
def test_links_lead_somewhere(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        path, _, place = target.partition("#")
        file = (FOLDER / path).resolve() if path else FOLDER / name
        assert file.exists(), target
        if place:
            assert place in {
                anchor(line.lstrip("# ")) for line in file.read_text().splitlines() if line.startswith("#")
            }


def test_hostile_text_stays_text():
    assert prose("a_b *c* <b> [x](y) `d_e` {{ f_g }}") == r"a\_b \*c\* \<b\> \[x\](y) `d_e` `{{ f_g }}`"
    assert table(["a"], [["x | y"]]).splitlines()[2] == r"| x \| y |"


def test_a_model_without_keys_makes_no_table():
    class Empty(BaseModel):
        """Nothing."""

    assert list(keys_of(Empty)) == []
