"""`distill holdout`: a holdout that is not part of the project, from a copy that somebody downloaded."""

import csv
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from cortex_distill.errors import ConfigError
from cortex_distill.load import load_experiment
from flows.__main__ import cli
from flows.deployments import in_step

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data" / "banking77_10_intents.csv"
DOWNLOADED = (
    "\ufefftext,Label,more\n"
    + "".join(f"refund number {n},money_back,x\n" for n in range(9))
    + 'the shoe is too small,Wrong size,\n"  ",Wrong size,\nwhere is the moon,astronomy,\nwhere is the sun,astronomy,\n'
)
HOLDOUT = {
    "file": "holdouts/rows.csv",
    "source": "https://example.com/rows",
    "licence": "CC BY 4.0",
    "labels": {"money_back": "Refund"},
}


@pytest.fixture
def config(write, tmp_path):
    """The path of an experiment whose holdout is not there; what was downloaded lies beside it."""
    (tmp_path / "train.csv").write_text(DOWNLOADED, encoding="utf-8")
    return write({"holdout": HOLDOUT})


@pytest.fixture
def make(config, tmp_path):
    """Runs the command; what it printed. Raises what it raises."""

    def run(*options, downloaded=tmp_path / "train.csv"):
        done = CliRunner().invoke(cli, ["holdout", str(config), str(downloaded), *options], standalone_mode=False)
        if done.exception:
            raise done.exception
        return done.output

    return run


def rows(tmp_path):
    with (tmp_path / "holdouts" / "rows.csv").open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file)]


def test_a_missing_holdout_is_told_with_source_licence_and_command(config):
    with pytest.raises(ConfigError) as raised:
        load_experiment(config)
    assert "holdout.file: no such file" in str(raised.value)
    assert f"https://example.com/rows (CC BY 4.0), and run: distill holdout {config} DOWNLOADED.csv" in str(
        raised.value
    )


def test_a_file_without_its_holdout_is_sound_and_cannot_run(config):
    done = CliRunner().invoke(cli, ["validate", str(config)], standalone_mode=False)
    assert done.exception is None
    assert "holdout.file: no such file" in done.output
    assert f"{config}: ok (3 categories" in done.output
    done = CliRunner().invoke(cli, ["validate", str(config), "--engine", "local"], standalone_mode=False)
    assert "holdout.file: no such file" in str(done.exception)


def test_the_command_writes_what_the_experiment_then_reads(make, config, tmp_path):
    said = make()
    assert rows(tmp_path)[0] == ("request", "category")
    assert len(rows(tmp_path)) == 1 + 10
    assert "left out: 2 rows of 1 other labels" in said
    assert "left out: 1 without a text" in said
    assert load_experiment(config).config.holdout.labels == {"money_back": "Refund"}


def test_a_sample_is_the_same_in_whatever_order_the_rows_come(make, tmp_path):
    make("--per-category", "3")
    first = set(rows(tmp_path))
    head, *lines = DOWNLOADED.splitlines()
    (tmp_path / "turned.csv").write_text("\n".join([head, *lines[::-1]]), encoding="utf-8")
    make("--per-category", "3", "--force", downloaded=tmp_path / "turned.csv")
    assert set(rows(tmp_path)) == first
    assert len(first) == 1 + 3 + 1


def test_a_holdout_that_is_there_is_not_written_over_without_a_word(make, tmp_path):
    make()
    with pytest.raises(ConfigError, match=r"rows.csv is there; move it away, or write over it with --force"):
        make()


def test_columns_that_are_not_there_are_told_with_those_that_are(make):
    with pytest.raises(ConfigError, match=r"train.csv:1: no column body, but text, Label, more; name it: --request"):
        make("--request", "body")


def test_labels_of_which_none_fits_are_listed_with_their_counts(make):
    with pytest.raises(ConfigError, match=r"no label of column more is a category .*; it has '' \(4\)|'x' \(9\)"):
        make("--category", "more")


def test_the_hash_for_deployments_is_the_same_with_and_without_the_file(make, config):
    before = load_experiment(config, without_fetched=True).hash
    make()
    assert load_experiment(config, without_fetched=True).hash == before != load_experiment(config).hash


@pytest.fixture
def clone(tmp_path):
    """A copy of configs/ and prefect.yaml without any file that is not part of the project."""
    ignored = shutil.ignore_patterns("banking77.csv")
    shutil.copytree(ROOT / "configs", tmp_path / "clone" / "configs", ignore=ignored)
    shutil.copy(ROOT / "prefect.yaml", tmp_path / "clone")
    return tmp_path / "clone"


def test_a_fresh_clone_keeps_its_deployments_in_step(clone):
    assert in_step(clone)[1] == []


def test_the_models_of_all_experiments_are_known_in_a_fresh_clone(clone):
    from flows.models import names_in  # noqa: PLC0415

    assert "llama3.3-70b" in names_in(sorted((clone / "configs").glob("*.yaml")))


@pytest.mark.skipif(not SHARED.is_file(), reason="BANKING77 is not part of this project")
def test_ten_intents_of_banking77_become_the_holdout_of_its_experiment(clone):
    config = clone / "configs" / "banking77.yaml"
    done = CliRunner().invoke(cli, ["holdout", str(config), str(SHARED), "--per-category", "5"], standalone_mode=False)
    assert done.exception is None, done.exception
    written = load_experiment(config).config.holdout
    with (clone / "configs" / written.file).open(encoding="utf-8", newline="") as file:
        labels = [row["category"] for row in csv.DictReader(file)]
    assert len(labels) == 50
    assert {written.labels[label] for label in labels} == set(load_experiment(config).config.categories)
