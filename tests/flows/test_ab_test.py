"""An A/B test: its runs, what they pay for together, and what becomes of the others when one fails."""

from types import SimpleNamespace

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.states import Completed

from cortex_distill.errors import ConfigError, StepError
from cortex_distill.load import load_experiment
from cortex_distill.session import open_session
from flows import ab_test as module
from flows.ab_test import ab_test, tries

SWEEP = {"fine_tune.max_epochs": [1, 2]}


@pytest.fixture
def config(write, home, monkeypatch, tmp_path):
    """An experiment with a holdout, on an engine of the test's own with simulated models."""
    monkeypatch.setenv("DISTILL_MODELS", "simulated")
    monkeypatch.setenv("DISTILL_HOME", str(home))
    rows = [
        "request,category",
        "money back please,Refund",
        "too small for me,Wrong size",
        "no parcel yet,Late delivery",
    ]
    (tmp_path / "rows.csv").write_text("\n".join(rows))
    small = {"generate.rounds": 1, "judge.check": 0, "prompts.with_definitions": None}
    return str(write({"holdout": {"file": "rows.csv"}, **small}))


def calls_by_run(home):
    session = open_session("local", home=home)
    try:
        rows = session.sql("SELECT run_id, COUNT(*) FROM COMPLETIONS WHERE step <> 'evaluate' GROUP BY 1").collect()
        return {run_id: int(calls) for run_id, calls in rows}
    finally:
        session.close()


@pytest.fixture
def compared(monkeypatch):
    """What the A/B test found, in the order of its comparisons: a test that fails in part gives nothing back."""
    found, real = [], module.compare_runs

    def compare(*arguments, **named):
        found.append(real(*arguments, **named))
        return found[-1]

    monkeypatch.setattr(module, "compare_runs", compare)
    return found


def test_what_its_runs_ask_alike_is_paid_once_and_when_one_fails_the_others_are_compared(
    prefect_server, config, home, monkeypatch, compared
):
    real = module.distill

    def one_fails(config, engine, overrides, **more):
        if overrides["fine_tune.max_epochs"] == 3:
            overrides = {**overrides, "models.student": "no-such-model"}
        return real(config, engine, overrides, **more)

    monkeypatch.setattr(module, "distill", one_fails)
    with pytest.raises(
        StepError, match=r"1 of 3 runs failed: (.|\n)*no-such-model(.|\n)*; of the others: no difference shown"
    ):
        ab_test([config], sweep={"fine_tune.max_epochs": [1, 2, 3]})
    (found,) = compared
    assert [run.special for run in found.runs] == ["max_epochs=1", "max_epochs=2"]
    assert [run.run_id for run in found.runs][:1] == list(calls_by_run(home))
    assert len(found.tested) == 1
    with get_client(sync_client=True) as client:
        tagged = client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=["ab-test"])))
    below = {str(run.id): run for run in tagged}
    assert all(below[run.run_id].parent_task_run_id for run in found.runs)


def test_when_all_runs_end_well_it_gives_back_what_was_found_about_them(prefect_server, config, monkeypatch):
    ended = iter("ab")
    monkeypatch.setattr(module, "distill", lambda *_, **__: Completed(data=SimpleNamespace(run_id=next(ended))))
    monkeypatch.setattr(
        module, "compare_runs", lambda session, engine, ids, **_: SimpleNamespace(headline="better", ids=ids)
    )
    assert ab_test([config], sweep=SWEEP).ids == ["a", "b"]


def test_every_combination_is_read_before_anything_runs(config):
    assert len(tries([config], {**SWEEP, "judge.check": [0, 5]}, None)) == 4
    with pytest.raises(ConfigError, match="max_epochs"):
        tries([config], {"fine_tune.max_epochs": [1, "many"]}, None)


@pytest.mark.parametrize(
    ("sweep", "said"),
    [
        ({}, "compares 2 to 8 runs, got 1"),
        ({"fine_tune.max_epochs": list(range(1, 10))}, "got 9"),
        ({"fine_tune.max_epochs": [2, 2]}, "the same config"),
    ],
)
def test_what_cannot_be_compared_is_refused(config, sweep, said):
    with pytest.raises(ConfigError, match=said):
        tries([config], sweep, None)


EVERYTHING = {
    "generate.vary": {"tone": ["calm", "angry"]},
    "generate.prompt": "Write {{ count }} {{ tone }} requests for {{ category }} as JSON with scenario and request.",
    "vote": {"model": "llama3.1-8b", "prompt": "{{ categories }} {{ request }}"},
}


def test_an_ablation_takes_out_one_part_at_a_time_and_leaves_the_rest(write):
    whole, *less = tries([str(write(EVERYTHING))], None, None, ["judge", "vote", "deduplicate", "vary", "rounds"])
    configs = [load_experiment(*one).config for one in less]
    assert whole.overrides == {}
    assert [set(config.judge.thresholds.values()) == {1} for config in configs] == [True, False, False, False, False]
    assert [config.vote is None for config in configs] == [False, True, False, False, False]
    assert [config.deduplicate.near for config in configs] == [True, True, False, True, True]
    assert [config.generate.vary["tone"] for config in configs] == [["calm", "angry"]] * 3 + [
        ["calm"],
        ["calm", "angry"],
    ]
    assert [config.generate.rounds for config in configs] == [3, 3, 3, 3, 1]


@pytest.mark.parametrize(
    ("part", "said"), [("vote", "shoes has none, so there is nothing"), ("juge", "no such part; did you mean 'judge'")]
)
def test_a_part_that_is_not_there_cannot_be_taken_out(write, part, said):
    with pytest.raises(ConfigError, match=said):
        tries([str(write())], None, None, [part])
