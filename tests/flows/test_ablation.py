"""The ablation as a whole: three students, the same rows, no answered call made again."""

import json

import pytest

from tests.flows.test_distill import HOLDOUT

EXAMPLES = [("Refund", "money back please"), ("Wrong size", "far too small"), ("Late delivery", "parcel is late")]


@pytest.mark.slow
def test_three_students_are_compared_on_the_same_rows_and_share_every_other_call(
    prefect_server, write, home, tmp_path, monkeypatch
):
    monkeypatch.setenv("DISTILL_MODELS", "simulated")
    monkeypatch.setenv("DISTILL_HOME", str(home))
    from flows.ablation import LEARNS_FROM, ablate  # noqa: PLC0415  Prefect reads its settings when the flow is made

    (tmp_path / "rows.csv").write_text(HOLDOUT, encoding="utf-8")
    lines = [json.dumps({"category": label, "scenario": "s", "request": text}) for label, text in EXAMPLES]
    (tmp_path / "known.jsonl").write_text("\n".join(lines), encoding="utf-8")
    changes = {
        "holdout": {"file": "rows.csv", "about": "six rows"},
        "generate.examples": {"file": "known.jsonl", "per_call": 1},
        "generate.prompt": "{{ count }} messages of {{ category }} like {{ examples }}, as JSON: scenario, request.",
        "judge.thresholds": {"realistic": 1, "valid": 1},
    }
    ablation = ablate(str(write(changes)))

    learnt = {student.learnt_from: student.rows for student in ablation.students}
    tickets = learnt[LEARNS_FROM["tickets"]]
    assert (learnt[LEARNS_FROM["examples"]], learnt[LEARNS_FROM["both"]]) == (3, tickets + 3)
    assert {student.score.n for student in ablation.students} == {6}
    assert len(ablation.verdicts) == 3
    assert "simulated models answered" in ablation.cautions[0]
    assert "holdout: six rows" in ablation.cautions
