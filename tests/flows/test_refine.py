"""Refining: more tickets where a run's student confused categories, as a new run that is fairly compared."""

from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from cortex_distill.errors import ConfigError, StepError
from cortex_distill.session import execute, open_session
from cortex_distill.sql import Sql
from flows import refining
from flows.naming import tried
from flows.refine import Refined, file_of, planned_refinement, refine
from tests.conftest import SMALL


class Done(NamedTuple):
    """A run, and the run that refined it."""

    file: str
    old: str
    confused: list[str]  # requests of the old run's validation tickets that were planted as confused
    refined: Refined

    @property
    def new(self):
        return self.refined.found.runs[1].run_id


def ask(text, *binds):
    session = open_session("local")
    try:
        return [tuple(row) for row in execute(session, Sql(text, binds))]
    finally:
        session.close()


def plant(run_id):
    """Make two of the run's validation tickets of Refund look as if they had been taken for Late delivery."""
    where = "run_id = ? AND role = 'tuned student' AND evaluation_set = 'validation'"
    ask(f"UPDATE PREDICTIONS SET prediction = category, correct = TRUE WHERE {where}", run_id)
    rows = ask(
        f"SELECT row_key, request FROM PREDICTIONS WHERE {where} AND category = 'Refund' ORDER BY 1 LIMIT 2", run_id
    )
    for row_key, _ in rows:
        change = "prediction = 'Late delivery', correct = FALSE"
        ask(f"UPDATE PREDICTIONS SET {change} WHERE {where} AND row_key = ?", run_id, row_key)
    return [request for _, request in rows]


@pytest.fixture(scope="module")
def done(prefect_server, tmp_path_factory):
    from flows.distill import distill  # noqa: PLC0415  Prefect reads its settings when a flow is made

    folder = tmp_path_factory.mktemp("refine")
    path = folder / "shoes.yaml"
    data = yaml.safe_load(SMALL)
    data["generate"] |= {"per_category": 16, "rounds": 1}
    del data["prompts"]["with_definitions"]
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISTILL_MODELS", "simulated")
        patch.setenv("DISTILL_HOME", str(folder / "engine"))
        old = distill(str(path), "local", {"fine_tune.max_epochs": 2}).run_id
        confused = plant(old)
        yield Done(str(path), old, confused, refine(old[:8], str(path), "local", pairs=2, per_pair=6))


def test_the_pairs_come_from_validation_and_the_new_run_records_them(done):
    (pair,) = done.refined.weak.pairs
    assert (pair.category, pair.answer, pair.rows) == ("Refund", "Late delivery", 2)
    config = done.refined.found.runs[1].config
    wanted = {"category": "Refund", "unlike": "Late delivery", "tickets": 6, "seen_on": "validation"}
    assert (config["refine"]["pairs"], config["refine"]["after"]) == ([wanted], done.old)
    assert config["fine_tune"]["max_epochs"] == 2  # an override of the old run


def test_it_pays_for_the_new_tickets_and_for_nothing_that_was_answered(done):
    made = dict(ask("SELECT step, COUNT(*) FROM COMPLETIONS WHERE run_id = ? GROUP BY 1", done.new))
    assert (made["generate"], made["judge"]) == (2, 6)
    tickets = dict(ask("SELECT run_id, COUNT(*) FROM TICKETS GROUP BY 1"))
    assert tickets[done.new] == tickets[done.old] + 6


def test_no_confused_request_is_shown_to_the_teacher(done):
    prompts = ask("SELECT prompt FROM COMPLETIONS WHERE run_id = ? AND step = 'generate'", done.new)
    assert len(done.confused) == 2
    assert not any(request in prompt for (prompt,) in prompts for request in done.confused)


def test_only_rows_that_neither_run_trained_on_are_compared(done):
    (shared,) = ask(
        """SELECT COUNT(*) FROM TICKETS a JOIN TICKETS b ON b.ticket_id = a.ticket_id
        WHERE a.run_id = ? AND b.run_id = ? AND a.split = 'validation' AND b.split = 'validation'""",
        done.old,
        done.new,
    )[0]
    verdict = done.refined.found.tested[0].verdict
    assert verdict.rows == shared > 0
    assert any("refine chose its pairs by the validation in B" in said for said in done.refined.found.cautions)


def test_it_ends_in_one_of_three_words_with_n_and_p(done):
    said = refining.outcome(done.refined)
    assert said.split(":")[0] in ("better", "worse", "no difference shown")
    assert f"(n = {done.refined.found.tested[0].verdict.rows}, p " in said


@pytest.fixture
def again(done, monkeypatch):
    """On the engine of those runs; the confusion of the old run is there again."""
    monkeypatch.setenv("DISTILL_MODELS", "simulated")
    monkeypatch.setenv("DISTILL_HOME", str(Path(done.file).parent / "engine"))
    return done


def plan(file, run, evaluation_set="validation", pairs=3, per_pair=10):
    return planned_refinement(run, file, "local", pairs, per_pair, evaluation_set)


def test_refining_a_refined_run_asks_for_the_old_pairs_and_for_new_ones(again):
    plant(again.new)
    pairs = plan(again.file, again.new).overrides["refine"]["pairs"]
    assert [(pair["category"], pair["tickets"]) for pair in pairs] == [("Refund", 6), ("Refund", 10)]


def test_a_file_that_has_changed_is_overridden_with_what_the_run_recorded_and_else_refused(again):
    path = Path(again.file)
    text = path.read_text()
    try:
        path.write_text(text.replace("Rate this ticket", "Please rate this ticket"))
        assert plan(again.file, again.old).overrides["judge.prompt"].startswith("Rate this ticket")
        categories = dict(reversed(yaml.safe_load(text)["categories"].items()))
        path.write_text(yaml.safe_dump(yaml.safe_load(text) | {"categories": categories}, sort_keys=False))
        with pytest.raises(ConfigError, match="has changed since run"):  # prompts list them in the order of the file
            plan(again.file, again.old)
    finally:
        path.write_text(text)


def test_a_run_that_confused_nothing_and_one_that_was_not_asked_are_told_apart(again):
    change = "prediction = category, correct = TRUE WHERE run_id = ? AND role = 'tuned student'"
    ask(f"UPDATE PREDICTIONS SET {change}", again.new)
    with pytest.raises(StepError, match=r"took no category for another on the validation set, n = \d+; a larger split"):
        plan(again.file, again.new)
    with pytest.raises(StepError, match="was not asked about the holdout set; name another one by --from"):
        plan(again.file, again.old, "holdout")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"evaluation_set": "train"}, "'train' is no evaluation set"),
        ({"pairs": 0}, "0 pairs"),
        ({"per_pair": 0}, "0 ti"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_is_looked_up(more, said):
    with pytest.raises(ConfigError, match=said):
        plan("x.yaml", "x", **more)


def test_the_file_is_found_by_the_name_in_it(tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "broken.yaml").write_text(": :")
    with pytest.raises(ConfigError, match="no file in configs/ has the name 'shoes'; say which file by --file"):
        file_of("shoes")
    write().rename(tmp_path / "configs" / "other.yaml")
    assert file_of("shoes") == Path("configs/other.yaml")
    (tmp_path / "configs" / "copy.yaml").write_text(Path("configs/other.yaml").read_text())
    with pytest.raises(ConfigError, match=r"copy\.yaml, other\.yaml in configs/ have the name 'shoes'"):
        file_of("shoes")
    (tmp_path / "configs" / "other.yaml").rename(tmp_path / "configs" / "shoes.yaml")
    assert file_of("shoes") == Path("configs/shoes.yaml")  # the others are copies, such as one for CI


def test_a_refined_run_is_called_by_what_it_was_refined_on():
    given = {"config": "configs/shoes.yaml", "overrides": {"refine": {"pairs": [{}, {}], "after": "1234567890"}}}
    assert tried(given) == "shoes refined on 2 pairs after 12345678"
