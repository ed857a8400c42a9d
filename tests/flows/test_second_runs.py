"""What a second run pays: nothing if nothing changed, and else exactly what is new."""

import pytest

from cortex_distill.session import open_session
from tests.flows.test_distill import HOLDOUT


@pytest.fixture
def config(write, tmp_path):
    """Writes SMALL with a holdout, ten calls of the teacher for each category and no refill, and changes.

    What refills pay is in tests/tasks/test_quota.py: it depends on what the judge kept.
    """
    (tmp_path / "rows.csv").write_text(HOLDOUT, encoding="utf-8")
    small = {"holdout": {"file": "rows.csv"}, "generate.per_category": 40, "generate.rounds": 1, "judge.check": 0}
    return lambda changes=None: str(write({**small, **(changes or {})}))


@pytest.fixture
def query(home):
    def ask_engine(text, *binds):
        session = open_session("local", home=home)
        try:
            return [tuple(row) for row in session.sql(text, params=list(binds)).collect()]
        finally:
            session.close()

    return ask_engine


def made(summary, step):
    return sum(asked.made for asked in summary.calls if asked.step == step)


def test_only_what_is_new_is_paid(distill, config, query):
    """One engine, three runs; each compares with all that came before it. That the same file again pays nothing is in
    test_distill."""

    def new_rows(run_id):
        """Rows that a base arm has to answer in this run, and that no earlier run has answered."""
        return len(
            query(
                """SELECT DISTINCT evaluation_set, request FROM PREDICTIONS WHERE run_id = ? AND role = 'teacher'
                AND request NOT IN (SELECT request FROM PREDICTIONS WHERE run_id <> ? AND role = 'teacher')""",
                run_id,
                run_id,
            )
        )

    def base_calls(summary):
        return [asked.made for asked in summary.calls if asked.step == "evaluate"][:4]

    first = distill(config())
    tickets = query("SELECT COUNT(*) FROM TICKETS WHERE run_id = ? AND duplicate_of IS NULL", first.run_id)[0][0]
    assert made(first, "generate") == 30
    assert made(first, "judge") == tickets

    more = distill(config({"generate.per_category": 44}))  # 10 % more
    after = query("SELECT COUNT(*) FROM TICKETS WHERE run_id = ? AND duplicate_of IS NULL", more.run_id)[0][0]
    assert made(more, "generate") == 3
    assert made(more, "judge") == after - tickets
    assert base_calls(more) == [new_rows(more.run_id)] * 4

    other_judge = distill(config({"judge.prompt": "Rate {{ request }} ({{ category }}) as JSON: realistic, valid."}))
    assert made(other_judge, "generate") == 0
    assert made(other_judge, "judge") == tickets
    assert base_calls(other_judge) == [new_rows(other_judge.run_id)] * 4
