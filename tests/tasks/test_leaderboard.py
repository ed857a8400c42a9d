"""The leaderboard: who is ranked with whom, what is said about them, and that nobody is missing."""

import html
import json
import re
from datetime import datetime, timedelta

import pytest
from markdown_it import MarkdownIt

import tasks.leaderboard as step
from cortex_distill.differences import USUAL, specials
from cortex_distill.leaderboard import description, key, markdown, winner
from cortex_distill.session import execute, open_session
from cortex_distill.sql import Sql
from cortex_distill.standings import Figure, Standing, Standings, earlier_runs, standings
from cortex_distill.tables import create_sql

FIRST = datetime(2026, 11, 26, 12)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """One session for all tests; no model is called here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISTILL_MODELS", "simulated")
        opened = open_session("local", home=tmp_path_factory.mktemp("engine"))
    for table in ("EXPERIMENTS", "PREDICTIONS"):
        execute(opened, Sql(create_sql(table)))
    yield opened
    opened.close()


@pytest.fixture
def record(session):
    """Records a run as the steps do: its scores, and the rows that the tuned student was asked."""
    for table in ("EXPERIMENTS", "PREDICTIONS"):
        execute(session, Sql(f"DELETE FROM {table}"))
    recorded = 0

    def one(run_id, tuned=0.7, *, base=0.5, teacher=0.9, on="holdout", rows=("r1", "r2"), by="gguf:m", **more):
        nonlocal recorded
        recorded += 1
        row = {"run_id": run_id, "experiment": "demo", "engine": "local", "evaluation_set": on, "n": 10}
        row |= {"served_by": by, "config_hash": run_id, "created_at": FIRST + timedelta(minutes=recorded)} | more
        config = json.dumps(row.pop("config", {"x": run_id}))
        arms = [("tuned student", "tuned", tuned), ("base student", "a", base), ("base student", "b", base - 0.2)]
        insert(
            session,
            "EXPERIMENTS",
            [
                {**row, "role": role, "model": role, "variant": variant, "accuracy": accuracy}
                | {"accuracy_low": accuracy - 0.1, "accuracy_high": accuracy + 0.1, "config": config}
                for role, variant, accuracy in [*arms, ("teacher", "a", teacher)]
            ],
        )
        asked = {"run_id": run_id, "role": "tuned student", "evaluation_set": on, "category": "a"}
        insert(session, "PREDICTIONS", [asked | {"row_key": number} for number in rows])

    return one


def insert(session, table, rows):
    values = [", ".join("PARSE_JSON(?)" if name == "config" else "?" for name in row) for row in rows]
    selects = " UNION ALL ".join(f"SELECT {each}" for each in values)
    binds = tuple(str(value) for row in rows for value in row.values())
    execute(session, Sql(f"INSERT INTO {table} ({', '.join(rows[0])}) {selects}", binds))


def standing(run_id="a", tuned=0.7, place=1, **more):
    """One row of a ranking, without a database."""
    figures = (Figure(value, value - 0.1, value + 0.1) for value in (tuned, 0.5, 0.9))
    names = (run_id, "demo", run_id, "holdout", "local", "gguf:m", "small", "large")
    return Standing(*names, FIRST, 10, *figures, place, USUAL)._replace(**more)


def page(*ranked, newest=None):
    return markdown("local", Standings(list(ranked), list(newest or ranked), len(newest or ranked)))


def ranks(session):
    return [(one.run_id, one.place) for one in standings(session, "local").ranked]


def shown(page):
    """The page's text as a person sees it, without pictures."""
    return html.unescape(re.sub(r"data:image[^)]*", "", page)).replace("\\", "").replace("\u200b", "")


def test_the_best_comes_first_and_equals_share_a_place(session, record):
    for run_id, tuned in (("low", 0.5), ("high", 0.8), ("same", 0.8)):
        record(run_id, tuned)
    assert ranks(session) == [("same", 1), ("high", 1), ("low", 3)]


def test_of_a_config_the_newest_run_is_ranked_and_every_run_is_listed(session, record):
    record("old", 0.9, config_hash="c")
    record("new", 0.6, config_hash="c")
    found = standings(session, "local")
    assert [one.run_id for one in found.ranked] == ["new"]
    assert [one.run_id for one in found.newest] == ["new", "old"]
    assert found.runs == 2


def test_no_ranking_mixes_experiments_sets_or_kinds_of_models(session, record):
    record("a")
    record("b", experiment="other")
    record("c", on="validation")
    record("d", by="simulated:small")
    assert [place for _, place in ranks(session)] == [1, 1, 1, 1]


def test_who_was_measured_on_other_rows_than_the_newest_has_no_place(session, record):
    record("other", 0.9, rows=("r1", "r9"))
    record("first", 0.6)
    record("newest", 0.5)
    assert ranks(session) == [("first", 1), ("newest", 2), ("other", 0)]


def test_of_a_run_the_most_trustworthy_set_counts(session, record):
    record("a", 0.9, on="validation")
    record("a", 0.6, on="holdout")
    (one,) = standings(session, "local").newest
    assert (one.evaluation_set, one.tuned.value) == ("holdout", 0.6)


def test_gain_and_share_are_against_the_best_variants(session, record):
    record("a", 0.72, base=0.5, teacher=0.9)
    (one,) = standings(session, "local").ranked
    assert one.gain == pytest.approx(0.22)
    assert one.kept == pytest.approx(0.8)


def test_nobody_keeps_a_share_of_a_teacher_that_is_no_better_than_the_base_student(session, record):
    record("a", 0.72, base=0.3, teacher=0.3)
    found = standings(session, "local")
    assert found.ranked[0].kept is None
    assert "240%" not in markdown("local", found)


def test_a_run_that_has_no_tuned_student_yet_is_listed_but_not_ranked(session, record):
    record("a")
    execute(session, Sql("DELETE FROM EXPERIMENTS WHERE role = 'tuned student'"))
    found = standings(session, "local")
    assert (found.ranked, [one.run_id for one in found.newest]) == ([], ["a"])
    assert "not tuned" in markdown("local", found)


def test_an_account_is_not_on_the_leaderboard_of_another(session, record):
    record("mine")
    record("theirs", engine="work")
    assert ranks(session) == [("mine", 1)]


def test_earlier_runs_are_of_the_same_experiment_and_not_the_run_itself(session, record):
    for run_id, experiment in (("1", "demo"), ("2", "other"), ("3", "demo"), ("4", "demo")):
        record(run_id, experiment=experiment)
    assert [one.run_id for one in earlier_runs(session, "local", "demo", "4")] == ["3", "1"]


def test_simulated_and_local_answers_are_named_first_and_in_every_row():
    said = shown(page(standing("a", kind="simulated", served_by="simulated:small"), standing("b")))
    assert "Simulated models answered" in said.splitlines()[0]
    assert "no figure here is Cortex's" in said.splitlines()[2]
    rows = [line for line in said.splitlines() if "runs/flow-run" in line]
    assert len(rows) == 4
    assert all("simulated:small" in row or "gguf:m" in row for row in rows)


@pytest.mark.parametrize(
    ("served_by", "kind"), [("simulated:small", "simulated"), ("gguf:m", "local"), ("llama3.1-8b", "cortex")]
)
def test_who_answered_is_read_from_served_by(session, record, served_by, kind):
    record("a", by=served_by)
    assert standings(session, "local").ranked[0].kind == kind


def test_cortex_answers_come_without_a_warning():
    assert page(standing(kind="cortex", served_by="llama3.1-8b")).startswith("## ")


def test_the_title_names_the_winner_and_what_is_special_about_it():
    ranking = [standing(tuned=0.8, special="epochs=2"), standing("b", 0.6, 2)]
    assert winner(ranking) == "demo: best with epochs=2, 80% of 10 right"


def test_a_winner_within_the_noise_is_only_the_best_so_far():
    assert winner([standing(tuned=0.8), standing("b", 0.75, 2)]).startswith("demo: best so far with usual settings")


def test_equals_share_the_first_place():
    assert winner([standing(), standing("b")]) == "demo: 2 runs share the first place, 70% of 10 right"


def test_tickets_of_the_teacher_are_said_to_flatter():
    assert "flatters everybody" in page(standing(evaluation_set="validation"))
    assert "flatters everybody" not in page(standing())


def test_the_description_names_the_leader_of_each_ranking():
    ranked = [standing(tuned=0.8), standing(experiment="other_one", tuned=0.5)]
    said = description(Standings(ranked, ranked, 2)).replace("\\", "")
    assert said == "demo: the tuned student got 80% of 10 right; other_one: the tuned student got 50% of 10 right"


def test_one_run_alone_has_not_won():
    assert winner([standing(tuned=0.8)]) == "demo: the tuned student got 80% of 10 right"


def test_an_order_that_may_be_chance_is_said_to_be():
    assert "may be chance" in page(standing(tuned=0.8), standing("b", 0.75, 2))
    assert "may be chance" not in page(standing(tuned=0.8), standing("b", 0.5, 2))


def test_who_has_no_place_is_not_in_the_picture():
    said = page(standing(), standing("other", 0.9, place=0))
    assert "other" not in said.split("](data:")[0]
    assert "measured on other rows" in said


def test_hostile_names_stay_text():
    text = "</svg><script>alert(1)</script> [x](http://evil) | **b** `c`"
    hostile = {"experiment": text, "special": text, "served_by": text, "student": text, "teacher_model": text}
    said = page(standing(**hostile), standing("b", 0.6, 2, **hostile))
    html_ = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(said)
    assert "<script" not in html_
    assert "evil" not in "".join(re.findall(r'(?:href|src)="([^"]*)"', html_))


@pytest.mark.parametrize("engine", ["local", "My Team.Prod", "ÄÖ_1", "a/b"])
def test_a_key_is_what_prefect_takes(engine):
    assert re.fullmatch("[a-z0-9-]+", key(engine))


def test_an_engine_without_runs_has_an_empty_page():
    assert "Every run" in markdown("local", Standings([], [], 0))


@pytest.fixture
def written(monkeypatch):
    """Takes Prefect's place: the pages in the order in which they were written."""
    pages = []
    monkeypatch.setattr(step, "create_markdown_artifact", lambda page, **_: pages.append(page))
    return pages


def test_of_two_writers_the_last_page_has_both_runs(make_run, session, record, written, monkeypatch):
    run = make_run(session=session)
    record("aaaaaaaa")
    others = iter(["bbbbbbbb"])

    def slow(page, **_):
        for other in others:  # records, looks and writes between this writer's look and its write
            record(other)
            step.update_leaderboard.fn(run)
        written.append(page)

    monkeypatch.setattr(step, "create_markdown_artifact", slow)
    step.update_leaderboard.fn(run)
    assert "bbbbbbbb" not in written[-2]
    assert "aaaaaaaa" in written[-1]
    assert "bbbbbbbb" in written[-1]


def test_a_page_is_written_once_if_nobody_else_records(make_run, session, record, written):
    record("aaaaaaaa")
    step.update_leaderboard.fn(make_run(session=session))
    assert len(written) == 1


def test_writing_again_has_an_end(make_run, session, record, monkeypatch):
    calls = []
    monkeypatch.setattr(step, "markdown", lambda *_: "")
    monkeypatch.setattr(step, "create_markdown_artifact", lambda page, **_: (calls.append(1), record(f"r{len(calls)}")))
    record("aaaaaaaa")
    step.update_leaderboard.fn(make_run(session=session))
    assert len(calls) == step.ROUNDS


def test_what_is_special_is_what_most_configs_have_otherwise():
    configs = {"1": {"a": {"b": 1}, "c": 2}, "2": {"a": {"b": 5}, "c": 2}, "3": {"a": {"b": 1}, "c": 3, "d": "x"}}
    assert specials(configs) == {"1": USUAL, "2": "a.b=5", "3": "c=3, d=x"}


def test_of_two_configs_the_older_one_is_the_usual():
    assert specials({"1": {"a": 1}, "2": {"a": 2}}) == {"1": USUAL, "2": "a=2"}


def test_a_long_text_is_named_and_not_printed():
    said = specials({"1": {"prompts": {"p": "one\ntwo"}}, "2": {"prompts": {"p": "one\nthree"}}})
    assert said["2"] == "other prompts.p"


def test_configs_that_differ_in_their_files_alone_are_told_apart():
    assert specials({"abcdef12": {"a": 1}, "123456ab": {"a": 1}}) == {
        "abcdef12": USUAL,
        "123456ab": f"{USUAL}, config 123456",
    }
