"""The whole flow on real requests: an inbox in, accuracies of a student that learnt the teacher's labels out."""

import csv

import pytest

from cortex_distill.report import markdown
from cortex_distill.session import open_session

TEXTS = {
    "Wrong size": ["the shoe is too small", "boots are too large, exchange them", "a size too small, exchange please"],
    "Late delivery": ["the parcel has not arrived", "where is my delivery, it is late", "parcel not here yet"],
    "Refund": ["I want my money back", "please refund the money", "refund, I want the money"],
}
LABELS = {"size": "Wrong size", "parcel": "Late delivery", "money": "Refund", "praise": None}
HOLDOUT = """text,label
I want my money back for these boots,money
These shoes are two sizes too large,size
My parcel has not arrived,parcel
What a lovely shop,praise
"""


@pytest.fixture
def config(write, tmp_path):
    """SMALL on an inbox of 30 rows, three of them no use, with a holdout that has labels of its own."""
    rows = [
        (f"T{number}-{category[0]}", f"Customer {number}", f"{text} (order {number})")
        for category, texts in TEXTS.items()
        for number in range(3)
        for text in texts
    ]
    rows += [
        ("X1", "Customer 77", "Zebras gallop past ancient volcanoes."),
        ("X2", "", ""),
        (*rows[0][:2], rows[0][2].upper()),
    ]
    with (tmp_path / "inbox.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("TICKET_ID", "CUSTOMER_NAME", "REQUEST"), *rows])
    (tmp_path / "rows.csv").write_text(HOLDOUT, encoding="utf-8")
    prompt = (
        "Categories:\n{% for c in categories %}\n{{ c }}\n{% endfor %}\n{{ none_of_these }}\nrequest: {{ request }}"
    )
    changes = {
        "generate": None,
        "source": {"file": "inbox.csv", "id": "ticket_id", "request": "request"},
        "label": {"prompt": prompt},
        "judge.thresholds": {"valid": 1},
        "judge.prompt": 'Rate "valid" from 1 to 5: {{ category }}. Ticket: {{ request }}\nJSON like {"valid": 3}.',
        "holdout": {
            "file": "rows.csv", "about": "four rows", "labels": LABELS, "licence": "CC0",
            "columns": {"request": "text", "category": "label"},
        },
    }  # fmt: skip
    return str(write(changes))


def test_an_inbox_in_and_a_student_that_learnt_its_labels_out(prefect_server, config, home, monkeypatch):
    from flows.distill import distill  # noqa: PLC0415  Prefect reads its settings when a flow is made

    monkeypatch.setenv("DISTILL_MODELS", "simulated")
    monkeypatch.setenv("DISTILL_HOME", str(home))
    summary = distill(config)
    stages = {stage.name: stage.tickets for stage in summary.stages}
    assert (stages["requests"], stages["usable"]) == (30, 29)
    assert stages["unique"] == stages["labelled"] - 3  # one repeat, and two that are so but for a number
    assert {score.n for score in summary.scores if score.evaluation_set == "holdout"} == {3}
    assert summary.holdout_about == "four rows; CC0; 1 row left out, as holdout.labels says"
    report = markdown(summary)
    assert "### Requests and their labels" in report
    assert "30 requests from inbox" in report
    session = open_session("local", home=home)
    try:
        made = session.sql("SELECT COUNT(*) FROM COMPLETIONS").collect()[0][0]
        private = session.sql("SELECT COUNT(*) FROM COMPLETIONS WHERE CONTAINS(prompt, 'Customer')").collect()[0][0]
    finally:
        session.close()
    assert made == summary.calls_made == sum(one.calls for one in summary.spent)
    assert private == 0
    assert {one.step for one in summary.planned if one.planned and one.made} >= {"label", "judge", "evaluate"}
    assert all(one.planned.calls >= one.made.calls for one in summary.planned)
