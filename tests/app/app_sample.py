"""Two runs as a schema holds them after they ended, written by statements: a flow would take 20 seconds."""

import json
import time
from typing import NamedTuple

from cortex_distill.asking import Ask
from cortex_distill.ledger_sql import call_keys
from cortex_distill.session import execute, who_answers
from cortex_distill.sql import Sql
from cortex_distill.tables import complete_sql

TEACHER, STUDENT, TUNED = "llama3.3-70b", "llama3.1-8b", "DISTILL.PUBLIC.SAMPLE_TUNED"
CATEGORIES = ("Lost phone", "Roaming fees")
RUNS = ("run-one", "run-two")
REQUESTS = {
    "h1": ("Lost phone", "My phone was stolen on the train."),
    "h2": ("Roaming fees", "Why did calls from Spain cost so much?"),
    "h3": ("Lost phone", "I left it in a cab and cannot call it"),
}
LABEL = {"type": "object", "properties": {"category": {"type": "string", "enum": list(CATEGORIES)}}}
ASKED = "Categories:\nLost phone\nRoaming fees\nAnswer with the category only.\nrequest: {}"


class Arm(NamedTuple):
    """Who is asked, how, and which share is right."""

    role: str
    model: str
    variant: str
    prompt: str
    schema: dict | None = None
    right: int = 2


ARMS = (
    Arm("teacher", TEACHER, "list_only", ASKED, right=3),
    Arm("base student", STUDENT, "list_only", ASKED, right=1),
    Arm("teacher", TEACHER, "constrained", ASKED + "\n", LABEL, right=3),
    Arm("base student", STUDENT, "constrained", ASKED + "\n", LABEL),
    Arm("tuned student", TUNED, "tuned", "{}"),
)


def fill(session, requests=REQUESTS, tickets=60, train=True):
    """Write both runs. `requests`: row key → category, request. `train`: with a tuned student that answers."""

    def sql(text, *binds):
        return execute(session, Sql(text, binds))

    for statement in complete_sql():
        sql(statement)
    if train:
        _train(sql)
    for number, run_id in enumerate(RUNS):
        _run(session, sql, run_id, number, requests)
        _tickets(sql, run_id, tickets)
    sql(
        "INSERT INTO PROMOTIONS (alias, model, run_id, promoted_at) SELECT ?, ?, ?, SYSDATE()", "router", TUNED, RUNS[0]
    )


def _rows(sql, table, columns, rows):
    """One JSON bind, as the project's own uploads."""
    picked = ", ".join(f"f.value[{n}]::{kind}" for n, kind in enumerate(columns.values()))
    names = ", ".join(columns)
    sql(
        f"INSERT INTO {table} ({names}) SELECT {picked} FROM TABLE(FLATTEN(input => PARSE_JSON(?))) f", json.dumps(rows)
    )


def _train(sql):
    sql("CREATE TABLE IF NOT EXISTS SAMPLE_ROWS (prompt STRING, completion STRING)")
    rows = [[request, category] for category, request in REQUESTS.values()] * 5
    _rows(sql, "SAMPLE_ROWS", {"prompt": "STRING", "completion": "STRING"}, rows)
    query = "SELECT prompt, completion FROM DISTILL.PUBLIC.SAMPLE_ROWS"
    job = sql(f"SELECT SNOWFLAKE.CORTEX.FINETUNE('CREATE', '{TUNED}', '{STUDENT}', '{query}', '{query}')")[0][0]
    end = time.monotonic() + 60
    while "SUCCESS" not in str(sql(f"SELECT SNOWFLAKE.CORTEX.FINETUNE('DESCRIBE', '{job}')")):
        assert time.monotonic() < end, "the training does not end"
        time.sleep(0.1)


def _run(session, sql, run_id, number, requests):
    config = {"name": "sample", "judge": {"thresholds": {"valid": 4 + number}}, "models": {"teacher": TEACHER}}
    _rows(sql, "CATEGORIES", {"run_id": "STRING", "position": "NUMBER", "category": "STRING"},
          [[run_id, n, category] for n, category in enumerate(CATEGORIES)])  # fmt: skip
    for arm in ARMS:
        _arm(session, sql, run_id, arm, requests)
        n = len(requests)
        sql(
            """INSERT INTO EXPERIMENTS (run_id, experiment, role, model, served_by, engine, variant, evaluation_set, n,
                correct, accuracy, accuracy_low, accuracy_high, off_list, unanswered, prompt_tokens, completion_tokens,
                created_at, config, tags)
            SELECT ?, 'sample', ?, ?, 'simulated:strong', 'local', ?, 'holdout', ?, ?, ?, ?, ?, 0, 0, 100, 10,
                DATEADD('minute', ?, '2026-11-27 12:00:00'::TIMESTAMP_NTZ), PARSE_JSON(?), PARSE_JSON(?)""",
            run_id, arm.role, arm.model, arm.variant, n, arm.right, arm.right / 3, max(arm.right / 3 - 0.3, 0.0),
            min(arm.right / 3 + 0.2, 1.0), number, json.dumps(config), json.dumps(["sample", f"try-{number}"]),
        )  # fmt: skip
    sql("""INSERT INTO PLANS (run_id, position, step, model, calls, tokens, credits, planned_at)
        SELECT ?, 0, 'evaluate', ?, 6, 1000, 0.002, SYSDATE()""", run_id, TEACHER)  # fmt: skip


def _arm(session, sql, run_id, arm, requests):
    ask = Ask("evaluate", Sql(""), arm.model, {"temperature": 0, "max_tokens": 8}, arm.schema)
    prompts = [arm.prompt.format(request) for _, request in requests.values()]
    keys = call_keys(ask, who_answers(session, arm.model), [(prompt, 0) for prompt in prompts])
    completions, predictions = [], []
    for n, (key, prompt, (row_key, (category, request))) in enumerate(
        zip(keys, prompts, requests.items(), strict=True)
    ):
        said = category if n < arm.right else CATEGORIES[category == CATEGORIES[0]]
        answer = {"choices": [{"messages": said}], "model": "simulated:strong",
                  "usage": {"prompt_tokens": 30, "completion_tokens": 3, "total_tokens": 33}}  # fmt: skip
        completions.append([key, run_id, "evaluate", arm.model, prompt, ask.parameters, arm.schema, 0,
                            {"value": answer, "error": None}])  # fmt: skip
        predictions.append([run_id, arm.role, arm.model, arm.variant, "holdout", row_key, category, request, key, said,
                            said, said == category, "simulated:strong"])  # fmt: skip
    kinds = dict.fromkeys(("key", "run_id", "step", "model", "prompt"), "STRING")
    kinds |= {"parameters": "VARIANT", "response_format": "VARIANT", "draw": "NUMBER", "answer": "VARIANT"}
    _rows(sql, "COMPLETIONS", kinds, completions)
    names = ("run_id", "role", "model", "variant", "evaluation_set", "row_key", "category", "request", "completion_key",
             "response", "prediction")  # fmt: skip
    kinds = dict.fromkeys(names, "STRING") | {"correct": "BOOLEAN", "served_by": "STRING"}
    _rows(sql, "PREDICTIONS", kinds, predictions)


def _tickets(sql, run_id, count):
    """Every fifth is dropped by the judge; the second is the twin of the first."""
    rows = []
    for n in range(count):
        dropped = "judge: valid 2 is below 4" if n % 5 == 4 else None
        twin, alike = ("t00", 0.91) if n == 1 else (None, None)
        split = None if dropped else ("train", "validation")[n % 3 == 0]
        rating = {"realistic": 5, "valid": 2 if dropped else 5}
        rows.append([run_id, f"t{n:02}", CATEGORIES[n % 2], f"scenario {n}", f"request number {n}", rating,
                     dropped is None, dropped, split, twin, alike])  # fmt: skip
    kinds = dict.fromkeys(("run_id", "ticket_id", "category", "scenario", "request"), "STRING")
    kinds |= {"rating": "VARIANT", "kept": "BOOLEAN", "dropped_because": "STRING", "split": "STRING"}
    _rows(sql, "TICKETS", kinds | {"duplicate_of": "STRING", "similarity": "FLOAT"}, rows)
