"""The workloads in this product: an experiment file, who answers, and for runs without Prefect the steps themselves.

    python benchmarks/beside/ours.py w3       # in a folder that `write_files` has filled

The same statements on the local engine as in production; the endpoint answers for teacher and judge, so that it sees
every call that would be paid. The student is simulated (a flow tunes it, which no endpoint can do); the steps do not
ask it. W1 is the sorting of a holdout: the same rows, one call each.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.beside.texts import (
    ANSWER_WITH,
    CATEGORIES,
    CONCURRENCY,
    LISTED,
    RATE,
    SORT,
    STRICTER,
    WRITE,
    category,
    given,
)

TEACHER, STUDENT = "llama3.3-70b", "llama3.1-8b"
ROUTES = f"""
[[models]]
name = "{STUDENT}"
provider = "simulated"

[[models]]
name = "{TEACHER}"
provider = "openai"
base_url = "%s/v1"
model = "stub"
concurrency = {CONCURRENCY}
"""
RUN_ID = "bench"  # of the steps: the same when they are run again


def write_files(folder: Path, workload: str, rows: int, address: str, stricter: bool) -> None:
    """experiment.yaml and local.toml, and for W1 its rows."""
    (folder / "local.toml").write_text(ROUTES % address, "utf-8")
    text = yaml.safe_dump(_experiment(workload, rows, stricter), sort_keys=False, width=1000)
    (folder / "experiment.yaml").write_text(text, "utf-8")
    if workload == "w1":
        with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(
                [("request", "category"), *((given(n), category(n)) for n in range(rows))],
            )


def _experiment(workload: str, rows: int, stricter: bool) -> dict[str, Any]:
    per_category = rows // len(CATEGORIES) if workload == "w3" else 1
    rate = RATE.format(category="{{ category }}", request="{{ request }}")
    written = WRITE.format(number="of many", category="{{ category }}", answer_with=ANSWER_WITH)
    experiment = {
        "name": workload,
        "categories": list(CATEGORIES),
        "models": {"teacher": TEACHER, "judge": TEACHER, "student": STUDENT},
        "generate": {"per_category": per_category, "per_call": 1, "prompt": written},
        "judge": {
            "thresholds": {"realistic": 3, "valid": 3},
            "prompt": f"{STRICTER} {rate}" if stricter else rate,
        },
        "split": {"train": 0.001, "validation": 0.999},  # a ticket of each category trains, all others are sorted
        "prompts": {"sort": SORT.format(categories=LISTED, request="{{ request }}")},
    }
    return experiment | ({"holdout": {"file": "rows.csv"}} if workload == "w1" else {})


def main(workload: str) -> None:
    """The steps that make the calls of a workload, one after the other."""
    import prefect  # noqa: F401  as in a flow: else the first progress report loads it, amid the calls

    from cortex_distill.load import load_experiment
    from cortex_distill.run import Run
    from cortex_distill.session import open_session
    from tasks.deduplicate import deduplicate_tickets
    from tasks.evaluate import base_arms, evaluate_arm
    from tasks.generate import generate_tickets
    from tasks.judge import judge_tickets
    from tasks.prepare import prepare_tables
    from tasks.split import split_tickets

    session = open_session("local")
    run = Run(session, RUN_ID, load_experiment(Path("experiment.yaml")), "local")
    prepare_tables.fn(run)
    asked = []
    if workload == "w3":
        asked.append(generate_tickets.fn(run).calls)
        deduplicate_tickets.fn(run)
        asked.append(judge_tickets.fn(run).calls)
        split_tickets.fn(run)
    asked.append(evaluate_arm.fn(run, base_arms(run)[0]))
    session.close()
    sys.stdout.write(json.dumps({"rows": [one.rows for one in asked], "failed": sum(one.failed for one in asked)}))


if __name__ == "__main__":
    main(sys.argv[1])
