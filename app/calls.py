"""Model calls of the page: counted and priced before, made once, kept in COMPLETIONS like every other call.

The key of a call is that of the ledger (cortex_distill/ledger_sql.py): who answers, model, parameters, schema,
draw and prompt. So what a run has asked is not asked again here, and the other way round.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from door import Failed, Row, rows, rows_if_there, who_answers

OURS = "app"  # run_id and step of the page's calls, so that they count for no run
LONGEST = 4096  # tokens of a reply where no limit is given: AI_COMPLETE's default
TOGETHER = 4  # calls in one statement: as many are lost at most, and so often progress is shown
_MODEL = re.compile(r"[A-Za-z0-9_.$-]{1,255}")
_REPLY = "COALESCE(c.answer:value:choices[0]:messages::STRING, c.answer:value:structured_output[0]:raw_message::STRING)"
_TABLE = """CREATE TABLE IF NOT EXISTS COMPLETIONS (key STRING, run_id STRING, ask_id STRING, step STRING, model STRING,
    prompt STRING, parameters VARIANT, response_format VARIANT, draw NUMBER, answer VARIANT,
    answered_at TIMESTAMP_NTZ)"""


class Question(NamedTuple):
    """What a model is asked, apart from the prompt."""

    model: str
    parameters: Mapping[str, Any]
    schema: Mapping[str, Any] | None = None


class Reply(NamedTuple):
    """What came of a prompt. `text` is None if it failed or was never asked; `error` says why."""

    key: str
    text: str | None
    error: str
    served_by: str
    tokens: int


class Estimate(NamedTuple):
    """Before calls are made: how many, how many are answered already, prompt tokens of the others (None if the engine
    counts none for this model), and the most credits they can take on Cortex (None without a known price)."""

    calls: int
    free: int
    tokens: int | None
    credits: float | None


def keys(question: Question, prompts: Sequence[str]) -> list[str]:
    """The key of each prompt's call. Raises Failed if nobody answers to the model's name."""
    parameters = json.dumps(question.parameters, sort_keys=True)
    who = json.dumps(who_answers(question.model))
    head = f"[{who}, {json.dumps(question.model)}, {parameters}, {json.dumps(question.schema)}]"
    return [hashlib.sha256(f"{head}0 {prompt}".encode()).hexdigest() for prompt in prompts]


def replies(question: Question, prompts: Sequence[str]) -> list[Reply]:
    """The good reply of each prompt, else its newest error, else none. Nothing is asked."""
    wanted = keys(question, prompts)
    if not wanted:
        return []
    found = rows_if_there(
        f"""SELECT c.key AS key, {_REPLY} AS reply, c.answer:error::STRING AS error,
            c.answer:value:model::STRING AS served_by, c.answer:value:usage:total_tokens::NUMBER AS tokens
        FROM COMPLETIONS c WHERE c.key IN ({", ".join("?" * len(wanted))})
        QUALIFY ROW_NUMBER() OVER (PARTITION BY c.key ORDER BY IFF({_REPLY} IS NULL, 1, 0), c.answered_at DESC) = 1""",
        *wanted,
    )
    by_key = {row["key"]: row for row in found}
    return [_reply(key, by_key.get(key)) for key in wanted]


def _reply(key: str, row: Row | None) -> Reply:
    if row is None:
        return Reply(key, None, "", "", 0)
    return Reply(key, row["reply"], row["error"] or "", row["served_by"] or "", int(row["tokens"] or 0))


def estimate(question: Question, prompts: Sequence[str]) -> Estimate:
    """What asking these prompts would take now. Asks no model."""
    answered = {reply.key for reply in replies(question, prompts) if reply.text is not None}
    pending = dict(zip(keys(question, prompts), prompts, strict=True))
    missing = [prompt for key, prompt in pending.items() if key not in answered]
    tokens = _tokens(question.model, missing)
    price = _price(question.model)
    if price is None or tokens is None:
        return Estimate(len(missing), len(answered), tokens, None)
    longest = int(question.parameters.get("max_tokens", LONGEST)) * len(missing)
    return Estimate(len(missing), len(answered), tokens, price * (tokens + longest))


def ask(question: Question, prompts: Sequence[str], progress: Callable[[int, int], None]) -> list[Reply]:
    """Make the calls without an answer, TOGETHER at a time, and return all replies. `progress` hears done and all.

    A prompt that failed carries its error, and is asked again the next time. Raises Failed if a statement fails.
    """
    rows(_TABLE)
    answered = {reply.key for reply in replies(question, prompts) if reply.text is not None}
    pending = dict(zip(keys(question, prompts), prompts, strict=True))
    missing = [{"key": key, "prompt": prompt} for key, prompt in pending.items() if key not in answered]
    progress(0, len(missing))
    for first in range(0, len(missing), TOGETHER):
        _insert(question, missing[first : first + TOGETHER])
        progress(min(first + TOGETHER, len(missing)), len(missing))
    return replies(question, prompts)


def _insert(question: Question, calls: Sequence[Mapping[str, str]]) -> None:
    """One statement of calls; what has been answered meanwhile, by whomever, is left out."""
    schema = f"response_format => {_constant({'type': 'json', 'schema': question.schema})}," if question.schema else ""
    rows(
        f"""INSERT INTO COMPLETIONS (key, run_id, ask_id, step, model, prompt, parameters, response_format, draw,
            answer, answered_at)
        SELECT p.key, ?, ?, ?, ?, p.prompt, PARSE_JSON(?), PARSE_JSON(?), 0,
            AI_COMPLETE(model => {_constant(checked(question.model))}, prompt => p.prompt,
                model_parameters => {_constant(dict(question.parameters))}, {schema}
                show_details => TRUE, return_error_details => TRUE),
            CURRENT_TIMESTAMP()::TIMESTAMP_NTZ
        FROM (SELECT f.value:key::STRING AS key, f.value:prompt::STRING AS prompt
            FROM TABLE(FLATTEN(input => PARSE_JSON(?))) f) p
        WHERE NOT EXISTS (SELECT 1 FROM COMPLETIONS c WHERE c.key = p.key AND {_REPLY} IS NOT NULL)""",
        OURS, uuid4().hex[:12], OURS, question.model, json.dumps(question.parameters), json.dumps(question.schema),
        json.dumps(list(calls)),
    )  # fmt: skip


def checked(model: str) -> str:
    """The model's name, if it can be one. Raises Failed for anything else."""
    if not _MODEL.fullmatch(model):
        raise Failed(f"{model!r} cannot be the name of a model; choose one of the list")
    return model


def _constant(value: Any) -> str:
    """A SQL constant, as AI_COMPLETE wants its options: no bind can stand there."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_constant(str(key))}: {_constant(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_constant, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "TRUE", False: "FALSE", None: "NULL"}[value]
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"


def _tokens(model: str, prompts: Sequence[str]) -> int | None:
    """Prompt tokens as the engine counts them; None if it counts none for this model, such as a tuned one."""
    if not prompts:
        return 0
    try:
        counted = rows(
            f"""SELECT IFF(COUNT(*) = COUNT(counted), SUM(counted), NULL) AS tokens FROM (
                SELECT AI_COUNT_TOKENS('ai_complete', {_constant(checked(model))}, f.value::STRING) AS counted
                FROM TABLE(FLATTEN(input => PARSE_JSON(?))) f)""",
            json.dumps(list(prompts)),
        )
    except Failed:
        return None
    return None if counted[0]["tokens"] is None else int(counted[0]["tokens"])


def _price(model: str) -> float | None:
    """Credits per token, from the newest plans of runs; None if no plan has a price for the model. The lowest ratio is
    the price: where answers are free, a plan counts the tokens of the others, but credits for all."""
    found = rows_if_there(
        """SELECT MIN(price) AS price FROM (
            SELECT credits / tokens AS price FROM PLANS WHERE LOWER(model) = LOWER(?) AND credits > 0 AND tokens > 0
            ORDER BY planned_at DESC LIMIT 20)""",
        model,
    )
    return float(found[0]["price"]) if found and found[0]["price"] is not None else None
