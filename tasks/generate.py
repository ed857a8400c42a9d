"""Step 2: the teacher writes the tickets.

Source: quickstart, "Generate Synthetic Training Data".
In:   the experiment file (categories, prompt, examples, vary)
Out:  TICKETS (the rows of this run), one per ticket that could be read
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from itertools import product
from math import ceil
from typing import Any, NamedTuple

from cortex_distill.errors import StepError
from cortex_distill.ledger import Ask, Asked
from cortex_distill.load import Experiment
from cortex_distill.lost_replies import Lost, by_reason_sql, lost_in, need, unread_tickets_sql
from cortex_distill.prompts import render
from cortex_distill.refine_calls import refine_calls, wanted_tickets
from cortex_distill.replies import object_schema, objects_sql, text_sql
from cortex_distill.run import Run
from cortex_distill.sql import Sql
from cortex_distill.transient import is_transient_text
from cortex_distill.upload import upload
from tasks.step import ON_CORTEX, progress, task

# Calls in a row that show the same examples: a small model reads a prompt that repeats only once, and most of its
# time goes into reading. The temperature makes their tickets differ.
CALLS_PER_EXAMPLES = 5
TEXT = {"type": "string"}
TICKET = object_schema({"scenario": TEXT, "request": TEXT})
TICKETS = object_schema({"tickets": {"type": "array", "items": TICKET}})


class Generated(NamedTuple):
    """The top of the funnel."""

    asked: int  # tickets asked for
    calls: Asked
    unreadable: int  # replies without a single ticket in them
    written: int  # tickets read from the replies
    lost: Sequence[Lost] = ()  # replies with less tickets than they name, by reason


class GenerationCall(NamedTuple):
    """One call of the teacher."""

    row_key: str
    category: str
    draw: int
    attributes: str  # JSON
    prompt: str


@task(name="generate", **ON_CORTEX)
def generate_tickets(run: Run) -> Generated:
    """Ask and read. Safe to repeat. Raises StepError if no reply held a ticket."""
    plan = f"CALLS_{run.id.replace('-', '')[:12]}"
    run.sql(
        f"""CREATE OR REPLACE TEMPORARY TABLE {plan}
        (row_key STRING, category STRING, draw NUMBER, attributes STRING, prompt STRING)"""
    )
    upload(run.session, plan, GenerationCall._fields, generation_calls(run.experiment))
    with progress("generate") as report:
        asked = run.ask(generation_ask(run.experiment, plan), report)
    run.sql("DELETE FROM TICKETS WHERE run_id = ?", run.id)
    insert = insert_sql(run.id, plan, asked.replies)
    run.sql(insert.text, *insert.binds)
    return _count(run, asked)


def _count(run: Run, asked: Asked) -> Generated:
    written, useful = run.sql("SELECT COUNT(*), COUNT(DISTINCT completion_key) FROM TICKETS WHERE run_id = ?", run.id)[
        0
    ]
    if not written:
        error, reply = run.sql(f"SELECT MIN(error), MIN(reply) FROM {asked.replies}")[0]
        if reply is None and is_transient_text(str(error)):  # the model had no say
            raise StepError(f"generate: none of {asked.rows} calls of {asked.model} was answered: {str(error)[:600]}")
    read = Sql("SELECT completion_key FROM TICKETS WHERE run_id = ?", (run.id,))
    rows = run.query(by_reason_sql(unread_tickets_sql(asked.replies, read)))
    lost = lost_in("generate", asked.model, rows)
    need(
        f"generate: {written} tickets in {asked.rows} replies of {asked.model}",
        {"written by the teacher": int(written)},
        lost,
        "generate.prompt must ask for JSON with scenario and request",
    )
    wanted = sum(wanted_tickets(run.config).values())
    return Generated(wanted, asked, asked.rows - int(useful), int(written), lost)


def generation_ask(experiment: Experiment, plan: str) -> Ask:
    """What the teacher is asked about the calls in a table."""
    config = experiment.config.generate
    return Ask(
        step="generate",
        rows=Sql(f"SELECT row_key, prompt, draw FROM {plan}"),
        model=experiment.config.models.teacher,
        parameters={"temperature": config.temperature, "max_tokens": config.max_tokens},
        schema=(TICKET if config.per_call == 1 else TICKETS) if config.structured_output else None,
    )


def generation_calls(experiment: Experiment) -> Iterator[GenerationCall]:
    """Every call of the teacher: `per_category` tickets a category, at most `per_call` a call.

    Calls of one category differ by the combination of `vary`, taken in turn, and by the examples that they show;
    both depend on category and call number only, so the same file makes the same calls.
    """
    config = experiment.config.generate
    combinations = [dict(zip(config.vary, values, strict=True)) for values in product(*config.vary.values())]
    for position, (category, definition) in enumerate(experiment.config.categories.items()):
        shuffled = random.Random(category).sample(combinations, len(combinations))
        last, prompt, varied = (-1, -1, -1), "", ""
        for number in range(ceil(config.per_category / config.per_call)):
            attributes = shuffled[number % len(shuffled)]
            count = min(config.per_call, config.per_category - number * config.per_call)
            differs = (number % len(shuffled), count, number // CALLS_PER_EXAMPLES)
            if differs != last:
                values: dict[str, Any] = {
                    **attributes,
                    "category": category,
                    "definition": definition,
                    "categories": experiment.config.categories,
                    "count": count,
                    "examples": _examples(experiment, category, number // CALLS_PER_EXAMPLES),
                }
                last, prompt, varied = differs, render(config.prompt, values), json.dumps(attributes)
            yield GenerationCall(f"{position}-{number}", category, number, varied, prompt)
    yield from map(GenerationCall._make, refine_calls(experiment, _examples))


def _examples(experiment: Experiment, category: str, number: int) -> list[dict[str, str]]:
    shown = experiment.config.generate.examples
    known = experiment.examples.get(category, [])
    return random.Random(f"{category} {number}").sample(known, min(shown.per_call, len(known))) if shown else []


def insert_sql(run_id: str, plan: str, replies: str) -> Sql:
    """One ticket per JSON object with a request that is a text; its id says which reply it stands in, and where."""
    tickets = objects_sql(replies, Sql(f"{text_sql('request')} IS NOT NULL"))
    return Sql(
        f"""INSERT INTO TICKETS (run_id, ticket_id, category, scenario, request, attributes, completion_key)
        SELECT ?, LEFT(o.completion_key, 16) || '-' || o.position, p.category, {text_sql("scenario", "o.entry")},
            {text_sql("request", "o.entry")}, PARSE_JSON(p.attributes), o.completion_key
        FROM {plan} p JOIN ({tickets.text}) o ON o.row_key = p.row_key""",
        (run_id, *tickets.binds),
    )
