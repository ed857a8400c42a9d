"""What tests of messages share: an inbox, a section of the file that answers it, and a student that sorts it."""

import csv
import json
import time

from cortex_distill.load import resolved
from cortex_distill.sql import literal
from tasks.prepare import prepare_tables

HEADER = ("TICKET_ID", "CUSTOMER_NAME", "CUSTOMER_EMAIL", "SERVICE_TYPE", "REQUEST", "CONTACT_PREFERENCE")
ROWS = [
    ("T1", "Ines Halloran", "ines@example.com", "Shoes", "These boots are too small for me", "Text Message"),
    ("T2", "Otto Brandt", "otto@example.com", "Shoes", "My parcel has not arrived yet", "Email"),
    ("T3", "Janet", "janet@example.com", "Shoes", "I want my money back", "Text Message"),
    ("T4", "Meera Iyer", "meera@example.com", "Shoes", "The sandals are two sizes too large", "Email"),
    ("T5", "Sean O'Brien", "sean@example.com", "Shoes", "Please refund my order", "email"),
    ("T5", "Ruth Vogel", "ruth@example.com", "Shoes", "Where is my delivery?", "SMS"),
]
PLAIN = """Write a {{ channel }} of at most {{ words }} words to a customer about {{ category }}.
Customer name: {{ customer_name }}
Channel: {{ channel }}
Request: {{ request }}"""
WARM = """Write a kind {{ channel }} to a customer about {{ category }} ({{ definition }}), {{ words }} words or fewer.
Customer name: {{ customer_name }}
Channel: {{ channel }}
Request: {{ request }}"""
JUDGE = """Which {{ channel }} to this customer is better?
Customer: {{ customer_name }}
Request: {{ request }}
<first>{{ first }}</first>
<second>{{ second }}</second>
Answer with JSON like {"winner": "first"}; first, second or tie."""
MESSAGES = {"model": "llama3.3-70b", "prompts": {"plain": PLAIN}}
COMPARED = {"model": "llama3.3-70b", "prompts": {"plain": PLAIN, "warm": WARM},
            "compare": {"judge": "mistral-large3", "prompt": JUDGE}}  # fmt: skip
PAIRS = [("too small", "Wrong size"), ("sandals too large sizes boots", "Wrong size"), ("money back", "Refund"),
         ("refund my order", "Refund"), ("parcel not arrived", "Late delivery"),
         ("where is my delivery", "Late delivery")]  # fmt: skip


def write_csv(path, rows=ROWS, header=HEADER):
    """An inbox as CSV; its path as text."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def train(run, name="SHOES_1", pairs=PAIRS):
    """Trains a student on pairs as if `run` had done so, and records it. Its full name."""
    prepare_tables.fn(run)
    values = ", ".join(f"({literal(text)}, {literal(label)})" for text, label in pairs)
    run.sql(f"CREATE OR REPLACE TABLE PAIRS AS SELECT column1 AS prompt, column2 AS completion FROM VALUES {values}")
    query = "SELECT prompt, completion FROM DISTILL.PUBLIC.PAIRS"
    create = f"SELECT SNOWFLAKE.CORTEX.FINETUNE('CREATE', '{name}', 'llama3.1-8b', '{query}', '{query}')"
    job = run.sql(create)[0][0].strip('"')
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        described = json.loads(run.sql(f"SELECT SNOWFLAKE.CORTEX.FINETUNE('DESCRIBE', '{job}')")[0][0])
        if described["status"] == "SUCCESS":
            record(run, described["model"])
            return described["model"]
        time.sleep(0.02)
    raise AssertionError(described)


def record(run, model):
    """The row of EXPERIMENTS that a run with this student writes."""
    run.sql(
        """INSERT INTO EXPERIMENTS (run_id, experiment, config_hash, role, model, served_by, engine, variant,
            evaluation_set, n, correct, accuracy, accuracy_low, accuracy_high, created_at, config)
        SELECT ?, ?, ?, 'tuned student', ?, 'simulated:classifier', 'local', 'tuned', 'holdout', 100, 80, 0.8, 0.71,
            0.87, CURRENT_TIMESTAMP()::TIMESTAMP_NTZ, PARSE_JSON(?)""",
        *(run.id, run.config.name, run.experiment.hash, model, json.dumps(resolved(run.experiment))),
    )
