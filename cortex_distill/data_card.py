"""The data card of an export: where the tickets come from, how they were filtered, and their limits.

Written as README.md beside the files. It has no date but the run's, so that the same run gives the same card.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cortex_distill.answered import NOTHING_ELSE, is_local, is_simulated
from cortex_distill.card_facts import CardFacts, Files
from cortex_distill.differences import leaves
from cortex_distill.export_formats import SPLITS
from cortex_distill.markup import escaped, fenced, table

NO_SHARE = "no share"
REASONS = 30  # rows of a table
CSV_NOTE = (
    "A text that begins with `=`, `+`, `-`, `@`, a tab, a line end or a wide form of these would be run as a formula by"
    " a spreadsheet. It has one `'` in front, and so has a text that begins with `'`: take one `'` away from every text"
    " that begins with it, and you have what was written. A cell without quotes is empty (NULL), a number, true or"
    " false. The file is UTF-8 without a byte order mark; say so where a spreadsheet asks."
)


def data_card(facts: CardFacts, files: Files) -> str:
    """The card as Markdown; for Hugging Face with the head that `datasets` reads."""
    parts = [
        f"# {escaped(facts.experiment)}: tickets of run {escaped(facts.run_id[:8])}",
        escaped(str(facts.config.get("description") or ""), 2000),
        *_files(files),
        *_origin(facts),
        *_counts(facts),
        *_filters(facts),
        *_agreement(facts),
        *_accuracies(facts),
        *_licence(facts),
        *_limits(facts),
        *_prompts(facts.config),
        "## The experiment file, as it was run",
        fenced(json.dumps(facts.config, ensure_ascii=False, indent=2)),
    ]
    head = _head(facts, files) if files.format == "hf" else ""
    return head + "\n\n".join(part for part in parts if part) + "\n"


def _head(facts: CardFacts, files: Files) -> str:
    """https://huggingface.co/docs/hub/datasets-manual-configuration"""
    parts = [
        f"  - split: {name}\n    path: data/{name}.parquet\n" for name in SPLITS if f"data/{name}.parquet" in files.rows
    ]
    tags = "tags:\n- synthetic\n" if facts.is_synthetic else ""
    return (
        f"---\npretty_name: {json.dumps(facts.experiment)}\n"
        "license: unknown  # fill in what you may grant: see Licence below\n"
        f"task_categories:\n- text-classification\n{tags}"
        f"configs:\n- config_name: default\n  data_files:\n{''.join(parts)}---\n\n"
    )


def _files(files: Files) -> Iterator[str]:
    yield table(["file", "rows"], [[f"`{name}`", f"{rows:,}"] for name, rows in files.rows.items()])
    yield f"Columns: {', '.join(f'`{name}`' for name in files.columns)}." if files.columns else ""
    yield CSV_NOTE if files.format == "csv" else ""
    yield files.left_out


def _origin(facts: CardFacts) -> Iterator[str]:
    yield "## Where it comes from"
    wrote = "Written by the teacher" if facts.is_synthetic else "Real requests, labelled by the teacher"
    rows = [
        ["requests", wrote],
        ["run", f"{facts.run_id}, {facts.ended_at}"],
        ["engine", facts.engine],
        ["config hash", facts.config_hash],
        ["git commit", facts.git_commit or "not known"],
        *([role, str(name)] for role, name in dict(facts.config.get("models") or {}).items()),
    ]
    yield table(["", ""], [[escaped(cell, 300) for cell in row] for row in rows], left=2)
    if facts.served:
        said = [
            [escaped(one.step), escaped(one.model), escaped(one.served_by), f"{one.calls:,}"] for one in facts.served
        ]
        yield "Who answered the calls that these tickets and their ratings come from:"
        yield table(["step", "model asked for", "answered by", "calls"], said, left=3)


def _counts(facts: CardFacts) -> Iterator[str]:
    yield "## Kept tickets"
    names = [name for name in (*SPLITS, "") if any(split == name for _, split in facts.shares)]
    known = list(facts.config.get("categories") or {})
    labels = [*known, *sorted({label for label, _ in facts.shares} - set(known))]
    rows = [
        [escaped(label), *(f"{n:,}" for n in counts), f"{sum(counts):,}"]
        for label in labels
        for counts in [[facts.shares.get((label, name), 0) for name in names]]
    ]
    sums = [sum(n for (_, split), n in facts.shares.items() if split == name) for name in names]
    rows.append(["**all**", *(f"**{n:,}**" for n in sums), f"**{sum(sums):,}**"])
    yield table(["category", *(name or NO_SHARE for name in names), "all"], rows)


def _filters(facts: CardFacts) -> Iterator[str]:
    yield "## Filters"
    thresholds = dict((facts.config.get("judge") or {}).get("thresholds") or {})
    bars = ", ".join(f"{escaped(str(name))} {bar:g} or more" for name, bar in thresholds.items())
    yield f"The judge's ratings from 1 to 5 had to be: {bars}." if bars else ""
    for section in ("deduplicate", "vote", "label"):
        if given := facts.config.get(section):
            said = ", ".join(f"{key} {value}" for key, value in leaves("", given) if not key.endswith("prompt"))
            yield f"{section}: {escaped(said, 500)}."
    dropped = sum(tickets for _, tickets in facts.dropped)
    yield f"{dropped:,} tickets were dropped, by reason:" if dropped else "No ticket was dropped."
    if dropped:
        shown = [[escaped(reason, 200), f"{tickets:,}"] for reason, tickets in facts.dropped[:REASONS]]
        rest = sum(tickets for _, tickets in facts.dropped[REASONS:])
        yield table(["reason", "tickets"], [*shown, *([["other reasons", f"{rest:,}"]] if rest else [])])


def _agreement(facts: CardFacts) -> Iterator[str]:
    voted, agreed = facts.voted
    if not voted and facts.reviewed is None:
        return
    yield "## Agreement about the labels"
    if voted:
        yield f"A blind vote named the same category for {agreed:,} of {voted:,} tickets ({agreed / voted:.0%})."
    if facts.reviewed is not None:
        yield f"A person looked at some of them: {facts.reviewed.text}."


def _accuracies(facts: CardFacts) -> Iterator[str]:
    if not facts.arms:
        return
    yield "## What was measured with it"
    yield "Accuracy with its 95 % interval; the tuned student was trained on the train share."
    if about := (facts.config.get("holdout") or {}).get("about"):
        yield f"Holdout: {escaped(str(about), 500)}."
    rows = [
        [
            name,
            escaped(arm.role),
            escaped(arm.model),
            escaped(arm.variant),
            escaped(arm.served_by),
            f"{arm.n:,}",
            arm.figure,
        ]
        for name, arms in facts.arms.items()
        for arm in arms
    ]
    yield table(["rows", "role", "model", "prompt", "answered by", "n", "accuracy"], rows, left=5)


def _licence(facts: CardFacts) -> Iterator[str]:
    yield "## Licence"
    models = ", ".join(dict.fromkeys(escaped(one.model) for one in facts.served)) or "the models above"
    source = "the examples that it was shown" if facts.is_synthetic else "the requests themselves"
    yield (
        "**Fill this in.** Nobody but you can: it depends on the terms of the models that answered"
        f" ({models}): check your model's terms on generated data, and whose {source} were."
    )


def _limits(facts: CardFacts) -> Iterator[str]:
    yield "## Known limits"
    yield "\n".join(f"- {said}" for said in _sentences(facts))


def _sentences(facts: CardFacts) -> Iterator[str]:
    who = {one.served_by for one in facts.served} | {arm.served_by for arms in facts.arms.values() for arm in arms}
    if any(map(is_simulated, who)):
        yield f"Simulated models answered: {NOTHING_ELSE}."
    elif any(map(is_local, who)):
        yield "Models on a local machine answered; what Cortex would have written is another thing."
    if facts.is_synthetic:
        yield (
            "The requests are synthetic: a model wrote them. They are cleaner and more alike than what people write,"
            " and what is rare in reality may be missing."
        )
        yield "A label is what the teacher was asked for, filtered as said above. People checked no more than is said."
    else:
        yield "The labels are the teacher's, filtered as said above. People checked no more than is said."
        yield "The requests are real ones: they may hold personal data. Look before you pass them on."
    yield "Fine-tuning saw the validation share too, so it is no untouched test set."
    pairs = (facts.config.get("refine") or {}).get("pairs") or ()
    for name in dict.fromkeys(str(pair.get("seen_on")) for pair in pairs):
        yield f"More tickets were asked for where the {name} set showed mistakes: its figures flatter."
    if "holdout" not in facts.arms:
        yield "No rows labelled by people were used: every figure above is of the teacher's own tickets, and flatters."


def _prompts(config: Mapping[str, Any]) -> Iterator[str]:
    """Every template of the file, whichever step it belongs to."""
    yield "## Prompts"
    for key, text in leaves("", config):
        if key.endswith(".prompt") or key.startswith("prompts."):
            yield f"### {escaped(key)}\n\n{fenced(text)}"
