"""The statements of every step as they would be sent, by the functions that the steps use. Nothing is sent.

Names of temporary tables end in a number of the run or the call there, and in a word here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from cortex_distill import ledger
from cortex_distill.run import Run
from cortex_distill.sql import Sql
from cortex_distill.tables import TABLES, complete_sql
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
    if run.config.holdout is not None and run.config.holdout.table is not None:
        yield "prepare: copy the holdout", shown(prepare.copy_sql(run.id, run.config.holdout))
    steps = [*_tickets(run), *_students(run)]
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


def _tickets(run: Run) -> Iterator[tuple[str, Sql | ledger.Ask]]:
    config, thresholds = run.config, run.config.judge.thresholds
    if config.is_synthetic:
        if tokens := config.generate.not_again:
            yield "generate: what earlier calls wrote, for calls from number 1 on", written_sql(run.id, 1, tokens)
        yield "generate", generate.generation_ask(run.experiment, "CALLS")
        yield "generate: read the tickets", generate.insert_sql(run.id, "CALLS", "REPLIES_GENERATE")
    else:
        requests = source.source_of(run)
        if requests.table is not None:
            yield "label: copy the requests", source.copy_sql("REQUESTS", requests)
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
