"""A run and the one that refined it, compared: on which rows, by which names, and with which caution."""

import pytest

from tasks import compare
from tasks.compare import compare_runs
from tests.tasks.test_compare import Table

PAIR = {"category": "Refund", "unlike": "Late delivery", "tickets": 10}


@pytest.fixture
def weigh(session, monkeypatch):
    """compare_runs of `old` and `new`, without Prefect."""
    monkeypatch.setattr(compare, "create_markdown_artifact", lambda page, **_: None)
    return lambda: compare_runs.fn(session, "local", ["old", "new"], title="t", key="refine")


def refined(seen_on):
    return {"refine": {"pairs": [{**PAIR, "seen_on": seen_on}], "after": "old", "prompt": "{{ category }}"}}


def test_a_validation_row_that_the_other_run_trained_on_is_no_shared_row(session, weigh):
    table = Table(session)
    table.add("old", [True] * 20, rows="validation", keys=[f"ticket {n}" for n in range(20)])
    # tickets 0 to 5 are in the new run's train share, 20 to 25 were in the old one's: neither has the other's answer
    keys = [f"ticket {n}" for n in range(6, 26)]
    table.add("new", [False] * 20, rows="validation", keys=keys, config=refined("test"))
    found = weigh()
    assert found.tested[0].verdict.rows == 14
    assert any("share only some of their rows (at least 14 of up to 20)" in said for said in found.cautions)
    assert [run.special for run in found.runs] == ["not refined", "refined on 1 pairs"]


@pytest.mark.parametrize(("seen_on", "warned"), [("validation", False), ("holdout", True)])
def test_the_holdout_is_untouched_as_long_as_it_did_not_choose_the_pairs(session, weigh, seen_on, warned):
    table = Table(session)
    table.add("old", [True] * 20)
    table.add("new", [True] * 20, config=refined(seen_on))
    found = weigh()
    assert found.evaluation_set == "holdout"
    assert any("refine chose its pairs by the holdout in B" in said for said in found.cautions) == warned
