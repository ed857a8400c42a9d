"""Comparing runs: which are meant, on which rows, what differs, and what the page says."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from cortex_distill.answered import not_cortex
from cortex_distill.comparison import changes, special_names
from cortex_distill.errors import StepError
from cortex_distill.pair_tests import Apart
from cortex_distill.session import execute
from cortex_distill.sql import Sql
from cortex_distill.tables import TABLES, create_sql
from cortex_distill.upload import upload
from cortex_distill.verdicts import verdicts
from flows.comparison_table import show_comparison
from flows.terminal import console
from tasks import compare, pick
from tasks.compare import compare_runs
from tasks.pick import pick_runs

CATEGORIES = {"Refund": "money back", "Late delivery": "no parcel yet"}
COLUMNS = ["run_id", "role", "variant", "evaluation_set", "row_key", "category", "request", "correct"]
START = datetime(2026, 11, 1, tzinfo=UTC).replace(tzinfo=None)
HOSTILE = "</td><script>alert(1)</script> | **x** `y` [z](http://evil)"


class Table:
    """An engine's tables, filled by hand: runs whose answers are planted."""

    def __init__(self, session):
        self.session = session
        self.runs = 0
        for table in TABLES:
            execute(session, Sql(create_sql(table)))

    def add(
        self,
        run_id,
        right,
        *,
        config=None,
        rows="holdout",
        keys=None,
        experiment="shoes",
        tags=(),
        served="m",
        role="tuned student",
        variant="tuned",
    ):
        """A run whose tuned student got `right` (booleans) right, row by row."""
        self.runs += 1
        label = list(CATEGORIES)
        keys = keys or [f"request {n}" for n in range(len(right))]
        said = [
            (run_id, role, variant, rows, f"{n:06d}", label[n % 2], key, bool(ok), label[(n + (not ok)) % 2])
            for n, (key, ok) in enumerate(zip(keys, right, strict=True))
        ]
        columns = [
            "run_id",
            "role",
            "variant",
            "evaluation_set",
            "row_key",
            "category",
            "request",
            "correct",
            "prediction",
        ]
        upload(self.session, "PREDICTIONS", columns, said)
        known = {"name": experiment, "categories": CATEGORIES, "prompts": {"a": "one two three"}, **(config or {})}
        n, correct = len(right), int(sum(right))
        row = (run_id, experiment, json.dumps(known), role, "m", served, "local", variant, rows, n, correct,
               correct / n, 0.1, 0.9, correct / n, START + timedelta(hours=self.runs), str(hash(json.dumps(known))),
               json.dumps(list(tags)))  # fmt: skip
        execute(
            self.session,
            Sql(
                """INSERT INTO EXPERIMENTS (run_id, experiment, config, role, model, served_by, engine, variant,
                    evaluation_set, n, correct, accuracy, accuracy_low, accuracy_high, macro_f1, created_at,
                    config_hash, tags)
                SELECT ?, ?, PARSE_JSON(?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, PARSE_JSON(?)""",
                row,
            ),
        )


@pytest.fixture
def table(session):
    return Table(session)


@pytest.fixture
def weigh(session, monkeypatch):
    """compare_runs without Prefect; the Comparison and the page."""
    pages = []
    monkeypatch.setattr(compare, "create_markdown_artifact", lambda page, **_: pages.append(page))
    return lambda *ids, **more: (compare_runs.fn(session, "local", ids, title="t", key="comparison", **more), pages[-1])


def drawn(seed, n, share):
    return list(np.random.default_rng(seed).random(n) < share)


def test_runs_on_the_same_holdout_are_compared_in_pairs(table, weigh):
    table.add("a1", [True] * 60 + [False] * 40)
    table.add("b2", [True] * 90 + [False] * 10, config={"fine_tune": {"max_epochs": 6}})
    found, page = weigh("a1", "b2")
    (tested,) = found.tested
    assert (tested.verdict.rows, tested.verdict.only_first, tested.verdict.only_second) == (100, 0, 30)
    assert tested.text.startswith("B (max_epochs=6) is better than A (no max_epochs) by 0.30")
    assert found.changes[0].key == "fine_tune.max_epochs"
    assert "](../../runs/flow-run/b2)" in page
    assert "data:image/svg+xml;base64" in page


def test_macro_f1_is_compared_too_and_in_the_direction_of_the_sentence(table, weigh):
    table.add("a1", [True] * 60 + [False] * 40)
    table.add("b2", [True] * 90 + [False] * 10)
    assert "macro F1 +0.3" in weigh("a1", "b2")[0].tested[0].text


def test_rows_are_the_same_by_their_text_wherever_they_stand(table, weigh):
    keys = [f"request {n}" for n in range(50)]
    table.add("a1", [True] * 50, keys=keys)
    table.add("b2", [True] * 50, keys=keys[::2] + [f"new {n}" for n in range(25)])
    found, _ = weigh("a1", "b2")
    assert found.tested[0].verdict.rows == 13  # every second of the half that has the same category at its new place
    assert any("share only some of their rows" in caution for caution in found.cautions)


def test_a_request_that_occurs_twice_is_two_rows(table, weigh):
    table.add("a1", [True, True, False, False], keys=["same"] * 4)
    table.add("b2", [True, True, True, False], keys=["same"] * 4)
    assert weigh("a1", "b2")[0].tested[0].verdict.rows == 4


def test_runs_without_a_shared_row_are_compared_unpaired_and_labelled_so(table, weigh):
    table.add("a1", [True] * 30 + [False] * 30, rows="validation", keys=[f"x{n}" for n in range(60)])
    table.add("b2", [True] * 55 + [False] * 5, rows="validation", keys=[f"y{n}" for n in range(60)])
    found, page = weigh("a1", "b2")
    assert found.tested[0].verdict.test == "unpaired Fisher"
    assert found.tested[0].verdict.p_value == pytest.approx(verdicts([Apart("", "", 30, 60, 55, 60)])[0].p_value)
    assert "no pair shares a row" in found.cautions[0].lower()
    assert found.tested[0].f1 is None
    assert "unpaired Fisher" in page


def test_p_values_are_corrected_over_all_pairs(table, weigh):
    for name, share in (("a1", 0.5), ("b2", 0.6), ("c3", 0.7), ("d4", 0.8)):
        table.add(name, drawn(hash(name) % 97, 80, share))
    found, _ = weigh("a1", "b2", "c3", "d4")
    assert len(found.tested) == 6
    lone = weigh("a1", "d4")[0].tested[0].verdict.p_value
    assert found.tested[2].verdict.p_value >= lone


def test_pairs_without_a_shown_difference_are_a_table_once_they_are_many(table, weigh):
    for name, right in (("a1", 60), ("b2", 60), ("c3", 60), ("d4", 10)):
        table.add(name, [True] * right + [False] * (80 - right))
    found, page = weigh("a1", "b2", "c3")
    assert (len(found.sentences), found.rows) == (3, [])
    assert "no difference shown between A" in page
    table.add("e5", [True] * 61 + [False] * 19)
    found, page = weigh("a1", "b2", "c3", "d4", "e5")
    assert len(found.sentences) + len(found.rows) == 10
    assert all(one.verdict.is_shown for one in found.sentences) and len(found.rows) == 6
    assert found.rows[0][1:3] == ("80", "+0.00")
    assert "no difference shown between A" not in page and "| pair | n | difference |" in page
    with console.capture() as shown:
        show_comparison(found)
    assert "No difference shown between these 6" in shown.get() and shown.get().count(" is better than ") == 4


def test_what_two_runs_asked_alike_is_tested_once(table, weigh):
    """It is one set of answers; as pairs of their own they would make the correction stricter for the others."""
    prompts = {"prompts": {"short": "one", "long": "one two"}}
    for run, epochs in (("a1", 3), ("b2", 6)):
        config = {**prompts, "fine_tune": {"max_epochs": epochs}}
        table.add(run, [True] * 60 + [False] * 20, role="teacher", variant="short", config=config)
        table.add(run, [True] * 70 + [False] * 10, role="teacher", variant="long", config=config)
    found, _ = weigh("a1", "b2", role="teacher")
    assert [(one.verdict.first, one.verdict.second) for one in found.tested] == [("A, B long", "A, B short")]


@pytest.mark.parametrize(
    "other",
    [{"config": {"prompts": {"short": "two"}}}, {"served": "n"}, {"right": [True] * 5 + [False]}],
    ids=["another prompt", "another model", "other answers"],
)
def test_what_two_runs_did_not_ask_alike_is_tested(table, weigh, other):
    usual = {"right": [False] + [True] * 5, "config": {"prompts": {"short": "one"}}}
    for run, more in (("a1", {}), ("b2", other)):
        table.add(run, role="teacher", variant="short", **{**usual, **more})
    assert len(weigh("a1", "b2", role="teacher")[0].tested) == 1


def test_runs_that_asked_all_alike_say_so(table, weigh):
    for run in ("a1", "b2"):
        table.add(run, [True] * 6, role="teacher", variant="short")
    assert weigh("a1", "b2", role="teacher")[0].headline.startswith("every run asked the teacher the same")


def test_a_headline_names_the_prompt_where_prompts_are_tested(table, weigh):
    table.add("a1", [True] * 6, role="teacher", variant="short")
    table.add("b2", [True] * 5 + [False], role="teacher", variant="short")
    assert "highest: A short 1.00" in weigh("a1", "b2", role="teacher")[0].headline


def test_simulated_answers_are_named_first_and_by_run(table, weigh):
    table.add("a1", [True] * 10, served="simulated:small")
    table.add("b2", [True] * 10, served="llama3.1-8b")
    assert weigh("a1", "b2")[0].cautions[0].startswith("simulated models answered in A:")


def test_prompts_are_shown_word_by_word(table, weigh):
    long = " ".join(f"word{n}" for n in range(30))
    table.add("a1", [True] * 10, config={"prompts": {"a": long}})
    table.add("b2", [True] * 10, config={"prompts": {"a": long.replace("word7", "other")}})
    _, page = weigh("a1", "b2")
    assert "~~word7~~ **other**" in page


def test_foreign_text_stays_text(table, weigh):
    table.add("a1", [True] * 10, config={"description": "x", "note": HOSTILE}, experiment=HOSTILE)
    table.add("b2", [True] * 10, config={"note": HOSTILE * 2})
    _, page = weigh("a1", "b2")
    outside = page.split("```")[::2]  # what stands in a fence is code
    assert not any("<script>" in part or "](http://evil)" in part for part in outside)


def test_runs_that_share_no_evaluation_set_are_refused(table, weigh):
    table.add("a1", [True] * 10)
    table.add("b2", [True] * 10, rows="validation")
    with pytest.raises(StepError, match="no evaluation set is in all of them"):
        weigh("a1", "b2")
    with pytest.raises(StepError, match="no row of role 'teacher' in EXPERIMENTS for a1, b2"):
        weigh("a1", "b2", role="teacher")


def test_without_a_name_the_newest_run_of_each_config_is_meant(table, session):
    table.add("old", [True] * 4)
    table.add("new", [True] * 4)
    table.add("other", [True] * 4, config={"x": 1}, tags=["mine"])
    table.add("more", [True] * 4, config={"x": 2}, tags=["mine"], experiment="boots")
    assert pick_runs(session, "local", [], "", "") == ["new", "other", "more"]
    assert pick_runs(session, "local", [], "shoes", "") == ["new", "other"]
    assert pick_runs(session, "local", [], "", "mine") == ["other", "more"]
    assert pick_runs(session, "local", ["mo", "ol"], "", "") == ["more", "old"]


def test_without_a_name_only_runs_with_the_newest_ones_categories_are_meant(table, session):
    for run_id, labels in {"tickets": CATEGORIES, "bikes": {"Wheel": "", "Brake": ""}, "more": CATEGORIES}.items():
        table.add(run_id, [True] * 4, config={"x": run_id}, experiment=run_id)
        upload(session, "CATEGORIES", ["run_id", "category"], [(run_id, label) for label in labels])
    assert pick_runs(session, "local", [], "", "") == ["tickets", "more"]
    table.add("newest", [True] * 4, config={"x": 0}, experiment="bikes", tags=["mine"])
    upload(session, "CATEGORIES", ["run_id", "category"], [("newest", "Brake"), ("newest", "Wheel")])
    assert pick_runs(session, "local", [], "", "") == ["bikes", "newest"]


def test_a_simulated_run_takes_no_real_ones_place(table, session):
    table.add("real", [True] * 4)
    table.add("play", [True] * 4, served="simulated:strong")
    table.add("other", [True] * 4, config={"x": 1}, served="simulated:strong")
    assert pick_runs(session, "local", [], "", "") == ["real", "other"]


def test_runs_of_one_experiment_among_others_are_told_apart():
    found = changes([{"name": "a", "n": 1, "m": 1}, {"name": "a", "n": 2, "m": 1}, {"name": "b", "n": 1, "m": 2}])
    assert special_names(["a", "a", "b"], found) == ["a: n=1", "a: n=2", "b"]


def test_a_tag_is_looked_up_in_what_is_cast_to_an_array_as_an_account_wants_it(table, session, monkeypatch):
    sent = []
    monkeypatch.setattr(pick, "execute", lambda session, statement: sent.append(statement.text) or [])
    with pytest.raises(StepError):
        pick_runs(session, "local", [], "", "mine")
    assert "ARRAY_CONTAINS(?::VARIANT, tags::ARRAY)" in sent[-1]


@pytest.mark.parametrize(
    ("ids", "said"),
    [(["zz"], "fits no run"), (["o"], "fits several"), (["new"], "needs two runs, found 1"), ([""], "fits several")],
)
def test_what_cannot_be_meant_is_refused_with_the_way_on(table, session, ids, said):
    for name in ("old", "other", "new"):
        table.add(name, [True])
    with pytest.raises(StepError, match=said):
        pick_runs(session, "local", ids, "", "")


def test_the_caution_about_models_on_this_machine_stays_short_however_many_were_tuned():
    tuned = [f"gguf:Small+light-{number:08d}" for number in range(50)]
    assert (
        not_cortex(["gguf:Small", *tuned]) == "models on this machine answered (gguf:Small): no figure here is Cortex's"
    )


def test_runs_of_an_ablation_are_named_by_what_sets_them_apart_from_most():
    whole = {"judge": {"valid": 4, "real": 3}, "vote": {"model": "m", "prompt": "p"}, "vary": {"tone": ["a", "b"]}}
    without = [
        whole,
        {**whole, "judge": {"valid": 1, "real": 1}},
        {key: value for key, value in whole.items() if key != "vote"},
        {**whole, "vary": {"tone": ["a"]}},
    ]
    names = special_names(["shoes"] * 4, changes(without))
    assert names == ["usual settings", "valid=1, real=1", "no vote", 'tone=["a"]']
