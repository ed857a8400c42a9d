"""The whole flow, for real, on the local engine."""

from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from cortex_distill import pace
from cortex_distill.load import load_experiment
from cortex_distill.report import markdown
from cortex_distill.session import open_session
from cortex_distill.summary import Summary
from tests.conftest import SMALL

HOLDOUT = """request,category
I want my money back for these boots,Refund
Please refund my order,Refund
The sandals are too small,Wrong size
These shoes are two sizes too large,Wrong size
My parcel has not arrived,Late delivery
Where is my delivery? It is a week late,Late delivery
"""


def flow():
    """The flow; imported late, because Prefect reads its settings when a flow is made."""
    from flows.distill import distill  # noqa: PLC0415

    return distill


@pytest.fixture
def config(write, tmp_path):
    """Writes SMALL with a holdout and changes; the path as text."""
    (tmp_path / "rows.csv").write_text(HOLDOUT, encoding="utf-8")
    return lambda changes=None: str(write({"holdout": {"file": "rows.csv", "about": "six rows"}, **(changes or {})}))


class First(NamedTuple):
    """One finished run, which several tests look at or go on from."""

    home: Path
    summary: Summary
    order: list[str]  # in which these of its steps were called: STEPS


STEPS = ("start_fine_tuning", "evaluate_arm", "wait_for_fine_tuning")


def noting(patch, order):
    """Lets the flow note in `order` which of STEPS it calls."""
    import flows.distill as module  # noqa: PLC0415

    for name in STEPS:
        real = getattr(module, name)
        patch.setattr(module, name, lambda *a, name=name, real=real: (order.append(name), real(*a))[1])


@pytest.fixture(scope="module")
def first(prefect_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    (folder / "rows.csv").write_text(HOLDOUT, encoding="utf-8")
    data = yaml.safe_load(SMALL) | {"holdout": {"file": "rows.csv", "about": "six rows"}}
    (folder / "shoes.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISTILL_MODELS", "simulated")
        patch.setenv("DISTILL_HOME", str(folder / "engine"))
        noting(patch, order := [])
        return First(folder / "engine", flow()(str(folder / "shoes.yaml")), order)


@pytest.fixture
def again(first, distill, monkeypatch):
    """The flow on the engine of the first run."""
    monkeypatch.setenv("DISTILL_HOME", str(first.home))
    return distill


def experiments(home):
    session = open_session("local", home=home)
    try:
        rows = session.sql("SELECT * FROM EXPERIMENTS ORDER BY run_id, role, variant, evaluation_set").collect()
        return [row.as_dict() for row in rows]
    finally:
        session.close()


def rows_of(first, summary):
    return [row for row in experiments(first.home) if row["RUN_ID"] == summary.run_id]


def test_one_yaml_in_accuracies_in_experiments_out(first, distill):
    rows = rows_of(first, first.summary)
    arms = {(row["ROLE"], row["VARIANT"], row["EVALUATION_SET"]) for row in rows}
    assert arms == {
        (role, variant, rows)
        for role, variants in (("teacher", 2), ("base student", 2), ("tuned student", 0))
        for variant in (["list_only", "with_definitions"][:variants] or ["tuned"])
        for rows in ("holdout", "validation")
    }
    assert {row["N"] for row in rows if row["EVALUATION_SET"] == "holdout"} == {6}
    assert all(0 <= row["ACCURACY_LOW"] <= row["ACCURACY"] <= row["ACCURACY_HIGH"] <= 1 for row in rows)
    assert "simulated models answered" in first.summary.warnings[0]
    assert first.summary.compared


def test_a_refill_says_its_round_and_every_category_is_full_in_the_end(first, distill):
    with get_client(sync_client=True) as client:
        mine = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(first.summary.run_id)]))
        names = {task_run.name for task_run in client.read_task_runs(flow_run_filter=mine)}
    assert {"generate", "judge", "generate, round 2", "judge, round 2"} <= names
    assert first.summary.quotas.rounds > 1
    assert [one.category for one in first.summary.quotas.short] == []
    counted = sum(asked.made for asked in first.summary.calls if asked.step in ("generate", "judge"))
    paid = [one.calls for one in first.summary.spent if one.step in ("generate", "judge")]
    assert counted == sum(paid)
    assert "## Quotas" in markdown(first.summary) and "## Diversity" in markdown(first.summary)


def test_the_same_file_again_makes_no_call_and_records_the_same_figures(first, again, config):
    second = again(config())
    assert first.summary.calls_made > 0
    assert second.calls_made == 0
    keys = ("ROLE", "VARIANT", "EVALUATION_SET", "ACCURACY", "N", "CORRECT", "MODEL", "SERVED_BY", "CONFIG_HASH")
    one, other = ([[row[key] for key in keys] for row in rows_of(first, run)] for run in (first.summary, second))
    assert one == other


def test_one_more_variant_makes_exactly_its_calls(first, again, config):
    more = again(config({"prompts.short": "Sort into: Wrong size, Late delivery, Refund\nrequest: {{ request }}"}))
    made = [asked.made for asked in more.calls if asked.made]
    rows = {asked.rows for asked in more.calls if asked.step == "evaluate"}
    assert rows == set(made)
    assert len(made) == 2  # teacher and base student


def test_base_models_are_evaluated_before_the_job_is_waited_for(first):
    assert first.order == ["start_fine_tuning", *["evaluate_arm"] * 4, "wait_for_fine_tuning", "evaluate_arm"]


@pytest.mark.parametrize(
    "knobs",
    [
        "broken_json=0.3,fenced_json=0.3,off_list=0.3,empty=0.1",
        pytest.param("transient=0.2", marks=pytest.mark.long),  # tests/flows/test_endpoint.py has a server like that
    ],
)
def test_the_flow_survives_models_that_misbehave_and_overrides_are_part_of_the_record(
    distill, config, home, monkeypatch, knobs
):
    monkeypatch.setenv("DISTILL_MODELS", f"simulated:{knobs}")
    monkeypatch.setattr(pace, "sleep", lambda seconds: None)  # how long it rests is in tests/test_pace.py
    file, changed = config({"generate.per_category": 32}), {"judge.thresholds.realistic": 2}
    summary = distill(file, overrides=changed)
    rows = experiments(home)
    assert len(rows) == 10
    assert summary.stages[-1].tickets > 0
    assert {row["CONFIG_HASH"] for row in rows} == {load_experiment(file, changed).hash} != {load_experiment(file).hash}
