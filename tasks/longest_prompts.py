"""The longest prompt of each step and model, and whether the model can read it.

In:   the experiment file; the longest request of holdout and source
Out:  findings. Tokens are counted by AI_COUNT_TOKENS, which asks no model, where the length does not settle it
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from cortex_distill.config_rows import NONE_OF_THESE
from cortex_distill.findings import Finding, first_line, unchecked
from cortex_distill.message_prompts import COMPARE_PLACE, most_words
from cortex_distill.model_catalogue import context_of
from cortex_distill.plan_sql import CHARACTERS_PER_TOKEN
from cortex_distill.prompts import render
from cortex_distill.refine_calls import longest_refine_prompt
from cortex_distill.run import Run
from cortex_distill.session import SqlError
from cortex_distill.sql import Sql, join, literal
from tasks.evaluate import in_turn

# Longer pairs are cut without a word (docs: user-guide/snowflake-cortex/cortex-finetuning): 20k for the prompt.
TUNING_PROMPT = 20_000


class Longest(NamedTuple):
    """One prompt, and what else has to fit into the context."""

    at: str
    model: str
    prompt: str
    reply: int
    """Tokens of the longest reply."""


def longest_prompts(run: Run, request: str) -> Iterator[Longest]:
    """Prompts no shorter than any that the file, holdout and source make; `request` is the longest that is known."""
    yield from _of_the_teacher(run, request)
    yield from _of_judges_and_vote(run, request)
    yield from _of_variants(run, request)
    yield from _of_messages(run, request)
    config = run.config
    tuning = render(config.fine_tune.prompt, {"categories": config.categories, "request": request})
    yield Longest("fine_tune.prompt", config.models.student, tuning, config.evaluate.max_tokens)


def _of_the_teacher(run: Run, request: str) -> Iterator[Longest]:
    config, experiment = run.config, run.experiment
    if config.label is not None:
        examples = in_turn(experiment.examples)
        more = {"none_of_these": NONE_OF_THESE, "examples": examples, "request": request}
        labelling = render(config.label.prompt, {"categories": config.categories, **more})
        yield Longest("label.prompt", config.models.teacher, labelling, config.label.max_tokens)
    else:
        longest = max((_generating(run, category) for category in config.categories), key=len)
        yield Longest("generate.prompt", config.models.teacher, longest, config.generate.max_tokens)
    if config.refine is not None:
        refining = longest_refine_prompt(experiment, lambda _, category, __: _longest_examples(run, category))
        yield Longest("refine.prompt", config.models.teacher, refining, config.generate.max_tokens)


def _generating(run: Run, category: str) -> str:
    """The longest prompt that asks for tickets of a category."""
    config, generate = run.config, run.config.generate
    return render(
        generate.prompt,
        {
            "categories": config.categories,
            **{name: max(texts, key=len) for name, texts in generate.vary.items()},
            "category": category,
            "definition": config.categories[category],
            "count": generate.per_call,
            "examples": _longest_examples(run, category),
            "written": ["." * round(generate.not_again * CHARACTERS_PER_TOKEN)] if generate.not_again else [],
        },
    )


def _longest_examples(run: Run, category: str) -> list[dict[str, str]]:
    """As many as a call shows."""
    shown = run.config.generate.examples
    known = sorted(run.experiment.examples.get(category, []), key=lambda one: -len(one["scenario"] + one["request"]))
    return known[: shown.per_call] if shown else []


def _of_judges_and_vote(run: Run, request: str) -> Iterator[Longest]:
    config = run.config
    values: dict[str, Any] = {"categories": config.categories, "criteria": list(config.judge.thresholds)}
    values |= {"scenario": "", "request": request}
    judging = [
        render(config.judge.prompt, {**values, "category": category, "definition": definition})
        for category, definition in config.categories.items()
    ]
    for model in config.judges:
        yield Longest("judge.prompt", model, max(judging, key=len), config.judge.max_tokens)
    if vote := config.vote:
        named = {"categories": config.categories, "none_of_these": NONE_OF_THESE, "request": request}
        yield Longest("vote.prompt", vote.model, render(vote.prompt, named), vote.max_tokens)


def _of_variants(run: Run, request: str) -> Iterator[Longest]:
    config = run.config
    asked = {"categories": config.categories, "examples": in_turn(run.experiment.examples), "request": request}
    for variant, template in config.prompts.items():
        for model in dict.fromkeys((config.models.teacher, config.models.student)):
            yield Longest(f"prompts.{variant}", model, render(template, asked), config.evaluate.max_tokens)


def _of_messages(run: Run, request: str) -> Iterator[Longest]:
    config, messages = run.config, run.config.messages
    if messages is None:
        return
    row = {**dict.fromkeys(COMPARE_PLACE.row, ""), "request": request, "categories": config.categories}
    for channel, words in most_words(messages).items():
        for variant, template in messages.prompts.items():
            said = render(template, {**row, "channel": channel, "words": words})
            yield Longest(f"messages.prompts.{variant}", messages.model, said, messages.max_tokens)


def context_findings(run: Run, request: str, region: str) -> Iterator[Finding]:
    """Of prompts that do not fit. Raises SqlError for a failure that may pass."""
    doubtful: dict[str, list[tuple[Longest, int]]] = {}
    for one in longest_prompts(run, request):
        window = context_of(one.model.lower(), region)
        limit = min(window or TUNING_PROMPT, TUNING_PROMPT) if one.at == "fine_tune.prompt" else window
        # a token stands for one byte or more, so that a text has at most as many tokens as bytes
        if limit is not None and len(one.prompt.encode()) + one.reply > limit:
            doubtful.setdefault(one.model, []).append((one, limit))
    for model, prompts in doubtful.items():
        yield from _counted(run, model, prompts)


def _counted(run: Run, model: str, prompts: list[tuple[Longest, int]]) -> Iterator[Finding]:
    count = count_sql(model, [one.prompt for one, _ in prompts])
    try:
        cells = [json.loads(cell) if isinstance(cell, str) else cell for (cell,) in run.query(count)]
    except SqlError as error:
        if error.transient:
            raise
        cells = [{"error": first_line(str(error))}] * len(prompts)
    for (one, limit), cell in zip(prompts, cells, strict=True):
        what = f"whether '{model}' can read the longest prompt ({len(one.prompt):,} characters; {limit:,} tokens)"
        if cell is None or cell.get("value") is None:
            yield unchecked(one.at, what, str((cell or {}).get("error") or "AI_COUNT_TOKENS gave NULL"))
        else:
            yield from _judged(one, int(cell["value"]), limit)


def count_sql(model: str, prompts: list[str]) -> Sql:
    """{"value", "error"} of each prompt, in their order."""
    rows = join([Sql("(?, ?)", (number, prompt)) for number, prompt in enumerate(prompts)], ", ")
    return Sql(
        f"""SELECT AI_COUNT_TOKENS('ai_complete', {literal(model)}, column2, TRUE) AS counted
        FROM VALUES {rows.text} ORDER BY column1""",
        rows.binds,
    )


def _judged(one: Longest, tokens: int, limit: int) -> Iterator[Finding]:
    size = f"the longest prompt has {tokens:,} tokens, and '{one.model}' reads {limit:,}"
    if one.at == "fine_tune.prompt" and tokens > limit:
        yield Finding(one.at, f"{size} of it in training: the rest is cut off without a word; shorten it", stops=False)
    elif tokens > limit:
        yield Finding(one.at, f"{size}; shorten it, show fewer examples, or name another model")
    elif tokens + one.reply > limit:
        what = f"{size}, which leaves no room for a reply of {one.reply:,}"
        yield Finding(one.at, f"{what}; shorten it, or lower max_tokens", stops=False)
