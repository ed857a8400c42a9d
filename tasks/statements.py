"""The statements of every step as they would be sent, by the functions that the steps use. Nothing is sent.

Names of temporary tables end in a number of the run or the call there, and in a word here. Of what the client sends in
pieces (see cortex_distill/upload.py) the first piece is shown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from cortex_distill import ledger
from cortex_distill.generation import GenerationCall, generation_calls
from cortex_distill.run import Run
from cortex_distill.sql import Sql
from cortex_distill.tables import TABLES, complete_sql
from cortex_distill.upload import Value, inserts
from cortex_distill.written import written_sql
from tasks import (
    check_judge,
    deduplicate,
    evaluate,
    fine_tune,
    generate,
    judge,
    label,
    leaks,
    prepare,
    source,
    split,
    together,
    vote,
)
from tasks.quota import kept_sql
from tasks.record import merge_sql

SHOWN = 300  # characters of a bind


def statements(run: Run, who: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(step and what for, statement). `run` is the one that was planned: its session has the run's rows.

    The name of a fine-tuned model ends in a hash of its rows, which are not known yet: twelve zeros stand for it.
    """
    for place, text in enumerate(complete_sql(), start=1):
        yield f"prepare {place}", shown(Sql(text))
    steps = [*_prepared(run), *_tickets(run), *_students(run)]
    for title, found in steps:
        if isinstance(found, ledger.Ask):
            for what, statement in asking(run, found, who.get(found.model, "")):
                yield f"{title}: {what}", shown(statement)
        else:
            yield title, shown(found)
    columns = [column.split()[0] for column in TABLES["EXPERIMENTS"].split(",")]
    row = {column: None for column in columns if column != "created_at"}
    yield "record, for each arm and evaluation set; the values are what was counted", f"{merge_sql([row]).text};"


def asking(run: Run, ask: ledger.Ask, who: str) -> Iterator[tuple[str, Sql]]:
    """What the ledger sends for an Ask: keys, missing calls, the first calls, replies."""
    name = ask.step.upper()
    yield "the keys of its calls", ledger.asked_sql(name, ask, who)
    yield "calls that are not answered", ledger.pending_sql(name)
    yield (
        "the first calls; as many more as it takes",
        ledger.insert_sql(run.id, name, ask, 1, 1 + ledger.FIRST_STATEMENT),
    )
    yield "the replies", ledger.replies_sql(name)


def _sent(title: str, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> Iterator[tuple[str, Sql]]:
    """The first statement of an upload; none where there are no rows."""
    for statement, count in islice(inserts(table, columns, rows), 1):
        yield f"{title}: rows 1 to {count:,}; and as many statements more as it takes", statement


def _prepared(run: Run) -> Iterator[tuple[str, Sql]]:
    yield from _sent("prepare: categories", "CATEGORIES", prepare.CATEGORY_COLUMNS, prepare.category_rows(run))
    holdout = run.config.holdout
    if holdout is not None and holdout.table is not None:
        yield "prepare: copy the holdout", prepare.copy_sql(run.id, holdout)
    elif holdout is not None:
        rows = prepare.holdout_rows(run, holdout, Counter())
        yield from _sent("prepare: the holdout", "HOLDOUT", prepare.HOLDOUT_COLUMNS, rows)


def _tickets(run: Run) -> Iterator[tuple[str, Sql | ledger.Ask]]:
    config, thresholds = run.config, run.config.judge.thresholds
    if config.is_synthetic:
        if tokens := config.generate.not_again:
            yield "generate: what earlier calls wrote, for calls from number 1 on", written_sql(run.id, 1, tokens)
        yield "generate: a table for its calls", generate.calls_sql("CALLS")
        yield from _sent("generate: its calls", "CALLS", GenerationCall._fields, generation_calls(run.experiment))
        yield "generate", generate.generation_ask(run.experiment, "CALLS")
        yield "generate: read the tickets", generate.insert_sql(run.id, "CALLS", "REPLIES_GENERATE")
    else:
        requests = source.source_of(run)
        yield "label: a table for the requests", source.staged_sql("REQUESTS")
        if requests.table is not None:
            yield "label: copy the requests", source.copy_sql("REQUESTS", requests)
        else:
            yield from _sent("label: the requests", "REQUESTS", source.COLUMNS, source.rows_of(run, requests))
        yield "label: a ticket for each request", source.insert_sql(run.id, "REQUESTS", requests)
        yield "label", label.labelling_ask(run)
        yield "label: read the labels", label.label_sql(run.id, "REPLIES_LABEL")
    yield from _repeats(run)
    yield from _judged(run)
    if config.is_synthetic and config.generate.rounds > 1:
        yield "what is kept, to know what a refill asks for; it takes the same statements again", kept_sql(run.id)
    if config.holdout is not None and config.judge.check:
        yield "check the judge", judge.rating_ask(run, "check", check_judge.prompts_sql(run))
        yield "check the judge: count", check_judge.count_sql("REPLIES_CHECK", thresholds)
    yield from _shares(run)


def _repeats(run: Run) -> Iterator[tuple[str, Sql]]:
    config = run.config.deduplicate
    yield "deduplicate: mark exact repeats", deduplicate.mark_exact_sql(run.id)
    if config.near:
        for place, statement in enumerate(deduplicate.near_sql(run.id, config.drop), start=1):
            yield f"deduplicate: find near repeats {place}", statement
        yield "deduplicate: decide who stays; again until all are decided", deduplicate.decide_sql()
        yield "deduplicate: mark near repeats", deduplicate.mark_near_sql(run.id)


def _shares(run: Run) -> Iterator[tuple[str, Sql]]:
    config = run.config.deduplicate
    if run.config.holdout is not None:
        for place, statement in enumerate(leaks.holdout_sql(run.id, config.drop), start=1):
            yield f"split: drop what the holdout has {place}", statement
    near = config.near and config.together < config.drop
    for place, statement in enumerate(together.texts_sql(run.id, config.together if near else None), start=1):
        yield f"split: find what resembles each other {place}", statement
    for place, statement in enumerate(together.links_sql(run.config.split.by == "call", config.together), start=1):
        yield f"split: link {place}", statement
    yield "split: group; again until nothing changes", together.label_sql()
    yield "split: name the groups", together.write_sql(run.id)
    for place, statement in enumerate(split.split_sql(run.id, run.config.split), start=1):
        yield f"split {place}", statement
    for place, statement in enumerate(leaks.across_sql(run.id, config.drop), start=1):
        yield f"split: shares against each other {place}", statement


def _judged(run: Run) -> Iterator[tuple[str, Sql | ledger.Ask]]:
    names = [f"judge {place}" if place > 1 else "judge" for place in range(1, 1 + len(run.config.judges))]
    for name, model in zip(names, run.config.judges, strict=True):
        yield name, judge.rating_ask(run, "judge", judge.prompts_sql(run), model)
    first, *rest, last = judge.settle_sql(run, ["REPLIES_JUDGE"] * len(names))
    yield "judge: read the ratings", first
    said = ["judge: forget an earlier try", *(f"{name}: write down what it says" for name in names)]
    yield from zip(said, rest, strict=False)  # nothing is written down of a single judge
    yield f"judge: keep what {'reaches every threshold' if not rest else 'the judges agree on'}", last
    if run.config.vote is not None:
        yield "vote", vote.vote_ask(run, run.config.vote)
        yield "vote: drop what it puts elsewhere", vote.drop_sql(run, run.config.vote, "REPLIES_VOTE")


def _students(run: Run) -> Iterator[tuple[str, Sql | ledger.Ask]]:
    if run.config.fine_tune.rows != "tickets":
        yield "fine-tune: a table for the examples", Sql(fine_tune.CREATE_EXAMPLES)
        examples = fine_tune.examples_of(run)
        yield from _sent("fine-tune: the examples", fine_tune.EXAMPLES, fine_tune.EXAMPLE_COLUMNS, examples)
    yield "fine-tune: rows", fine_tune.rows_sql(run)
    name = f"{run.config.name}_{'0' * 12}".upper()
    yield "fine-tune: start the job", fine_tune.create_sql(run, name)
    for arm in [*evaluate.base_arms(run), evaluate.tuned_arm(run, name)]:
        title = f"evaluate {arm.role} {arm.variant}"
        yield title, evaluate.evaluation_ask(run, arm)
        yield f"{title}: compare", evaluate.insert_sql(run.id, arm, "REPLIES_EVALUATE")


def shown(statement: Sql) -> str:
    """The text as it is sent, and a comment for each `?` with the value that is bound to it."""
    binds = (
        f"--   ?{place}: {text if len(text) <= SHOWN else f'{text[:SHOWN]}… ({len(text):,} characters)'}"
        for place, value in enumerate(statement.binds, start=1)
        for text in [json.dumps(value, ensure_ascii=False, default=str)]
    )
    return "\n".join([f"{statement.text};", *binds])
