"""The ledger: the only place that calls a model, and it never makes the same call twice.

A step hands over a SELECT of (row_key, prompt, draw). A call's key is the SHA2 of who answers, model, parameters,
response format, draw number and prompt; what COMPLETIONS already answers under that key is not asked again, in
this run or any other. The rest goes out in statements of a few seconds each, so that a crash loses one of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import stamina

from cortex_distill.errors import SetupError
from cortex_distill.session import SESSION_GONE, SqlError, execute, who_answers
from cortex_distill.sql import Sql, identifier, literal, object_literal
from cortex_distill.transient import is_transient_sql

if TYPE_CHECKING:
    from cortex_distill.session import Session

# One statement should take about this long: long enough that its own cost vanishes, short enough that progress is
# seen and little is lost. Cortex works on the rows of a statement in parallel, so large statements are fast ones.
SECONDS_PER_STATEMENT = 8.0
FIRST_STATEMENT, LARGEST_STATEMENT = 8, 5000
ATTEMPTS = 5

# The text of a reply inside AI_COMPLETE's {"value": ..., "error": ...}, with or without a response format.
# The casts turn JSON's null into SQL's NULL.
REPLY = "COALESCE(c.answer:value:choices[0]:messages::STRING, c.answer:value:structured_output[0]:raw_message::STRING)"


class Ask(NamedTuple):
    """What a step wants to know of one model."""

    step: str
    rows: Sql
    """A SELECT of row_key (unique), prompt and draw (0, or the number of the draw)."""
    model: str
    parameters: Mapping[str, Any]
    """`temperature`, `top_p`, `max_tokens`."""
    schema: Mapping[str, Any] | None = None
    """JSON schema of the reply; None for free text."""


class Asked(NamedTuple):
    """What came of an Ask. `replies` names a temporary table of the session:
    row_key, completion_key, reply, error, served_by, prompt_tokens, completion_tokens; one row per row asked."""

    step: str
    model: str
    rows: int
    made: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    replies: str


class Progress(NamedTuple):
    """How far an Ask is: calls to make, made, and of those failed."""

    step: str
    model: str
    calls: int
    done: int
    failed: int
    seconds: float


class _Throttled(Exception):
    """Some calls met a passing failure; the rest of the Ask stands."""


def ask(session: Session, run_id: str, wanted: Ask, report: Callable[[Progress], None]) -> Asked:
    """Make the calls that are missing and collect all replies. Safe to repeat: what is answered stays answered.

    A row that fails carries its error and spoils no other. Passing failures (throttling, time-outs) are tried
    again with back-off, ATTEMPTS times in all; a permanent one is tried once.
    Raises SetupError if the model does not exist, SqlError if a statement fails for good.
    """
    started, ask_id = time.monotonic(), uuid4().hex[:12]
    try:
        execute(session, asked_sql(ask_id, wanted, who_answers(session, wanted.model)))
        for attempt in stamina.retry_context(on=_Throttled, attempts=ATTEMPTS, timeout=None, wait_max=60.0):
            with attempt:
                _answer_pending(session, run_id, ask_id, wanted, report)
    except _Throttled:
        pass  # counted below as failed, row by row, with the error each of them met
    except SqlError as error:
        raise _explained(wanted, error) from error
    execute(session, replies_sql(ask_id))
    rows, made, failed, prompt_tokens, completion_tokens = map(int, execute(session, _counts_sql(ask_id))[0])
    seconds = time.monotonic() - started
    tokens = (prompt_tokens, completion_tokens)
    return Asked(wanted.step, wanted.model, rows, made, failed, *tokens, seconds, f"REPLIES_{ask_id}")


def _answer_pending(
    session: Session, run_id: str, ask_id: str, wanted: Ask, report: Callable[[Progress], None]
) -> None:
    """One pass over the calls without an answer. Raises _Throttled if some of them may yet succeed."""
    calls = _pending(session, ask_id)
    if not calls:
        return
    started, done = time.monotonic(), 0
    report(Progress(wanted.step, wanted.model, calls, 0, 0, 0.0))
    for size in _statements(session, run_id, ask_id, wanted, calls):
        done += size
        failed = int(execute(session, _failed_sql(ask_id))[0][0])
        report(Progress(wanted.step, wanted.model, calls, done, failed, time.monotonic() - started))
    if left := _pending(session, ask_id):
        raise _Throttled(f"{left} of {calls} calls")


def _pending(session: Session, ask_id: str) -> int:
    execute(session, pending_sql(ask_id))
    return int(execute(session, Sql(f"SELECT COUNT(*) FROM PENDING_{ask_id}", ()))[0][0])


def _statements(session: Session, run_id: str, ask_id: str, wanted: Ask, calls: int) -> Iterator[int]:
    """Send the pending calls, a few statements at a time, and yield the number of calls as each group comes back.

    $DISTILL_ROWS_PER_STATEMENT fixes the size; without it a statement is made as large as its pace allows.
    """
    fixed = int(os.environ.get("DISTILL_ROWS_PER_STATEMENT") or 0)
    at_once = int(os.environ.get("DISTILL_STATEMENTS_AT_ONCE") or 1)
    first, size = 1, fixed or FIRST_STATEMENT
    with ThreadPoolExecutor(at_once) as pool:
        while first <= calls:
            started = time.monotonic()
            bounds = [(low, min(low + size, calls + 1)) for low in range(first, calls + 1, size)][:at_once]
            inserts = [insert_sql(run_id, ask_id, wanted, low, high) for low, high in bounds]
            try:
                list(pool.map(lambda insert: execute(session, insert), inserts))
            except SqlError as error:
                if error.transient and error.code != SESSION_GONE:  # whose temporary tables are gone, too
                    raise _Throttled(str(error)) from error
                raise
            done = bounds[-1][1] - first
            first = bounds[-1][1]
            yield done
            pace = done / at_once / max(time.monotonic() - started, 0.001)
            size = fixed or max(1, min(int(pace * SECONDS_PER_STATEMENT), 4 * size, LARGEST_STATEMENT))


def asked_sql(ask_id: str, wanted: Ask, who: str) -> Sql:
    rows = keyed_sql(wanted, who)
    return Sql(f"CREATE OR REPLACE TEMPORARY TABLE ASKED_{ask_id} AS {rows.text}", rows.binds)


def keyed_sql(wanted: Ask, who: str) -> Sql:
    """The rows of an Ask with the keys of their calls: row_key, prompt, draw, key. `who` is `who_answers`."""
    return Sql(
        f"""SELECT row_key, prompt, draw, SHA2(CONCAT(?, draw::STRING, ' ', prompt), 256) AS key
        FROM ({wanted.rows.text})""",
        (_identity(wanted, who), *wanted.rows.binds),
    )


def call_keys(wanted: Ask, who: str, prompts: Iterable[tuple[str, int]]) -> list[str]:
    """The same keys for prompts that this process holds, each with its draw."""
    identity = _identity(wanted, who)
    return [hashlib.sha256(f"{identity}{draw} {prompt}".encode()).hexdigest() for prompt, draw in prompts]


def _identity(wanted: Ask, who: str) -> str:
    return json.dumps([who, wanted.model, wanted.parameters, wanted.schema], sort_keys=True)


def pending_sql(ask_id: str) -> Sql:
    """Calls to make now: not answered by anyone, and not failed for good since this Ask began.

    In the order of the prompts, because neighbours then share their beginning, which a model can read once.
    """
    transient = is_transient_sql("c.answer:error::STRING")
    return Sql(
        f"""CREATE OR REPLACE TEMPORARY TABLE PENDING_{ask_id} AS
        SELECT key, MIN(prompt) AS prompt, MIN(draw) AS draw, ROW_NUMBER() OVER (ORDER BY MIN(prompt), key) AS n
        FROM ASKED_{ask_id} a
        WHERE NOT EXISTS (
            SELECT 1 FROM COMPLETIONS c WHERE c.key = a.key
            AND ({REPLY} IS NOT NULL OR (c.ask_id = ? AND NOT ({transient.text}))))
        GROUP BY key""",
        (ask_id, *transient.binds),
    )


def insert_sql(run_id: str, ask_id: str, wanted: Ask, low: int, high: int) -> Sql:
    parameters = object_literal(wanted.parameters)
    response_format = object_literal({"type": "json", "schema": wanted.schema}) if wanted.schema else None
    schema_argument = f"response_format => {response_format}," if response_format else ""
    return Sql(
        f"""INSERT INTO COMPLETIONS (key, run_id, ask_id, step, model, prompt, parameters, response_format, draw,
            answer, answered_at)
        SELECT key, ?, ?, ?, ?, prompt, PARSE_JSON(?), PARSE_JSON(?), draw,
            AI_COMPLETE(model => {literal(wanted.model)}, prompt => prompt, model_parameters => {parameters},
                {schema_argument} show_details => TRUE, return_error_details => TRUE),
            CURRENT_TIMESTAMP()::TIMESTAMP_NTZ
        FROM PENDING_{ask_id} WHERE n >= ? AND n < ?""",
        (
            run_id,
            ask_id,
            wanted.step,
            wanted.model,
            json.dumps(wanted.parameters),
            json.dumps(wanted.schema),
            low,
            high,
        ),
    )


def _failed_sql(ask_id: str) -> Sql:
    return Sql(f"SELECT COUNT(*) FROM COMPLETIONS c WHERE c.ask_id = ? AND {REPLY} IS NULL", (ask_id,))


def replies_sql(ask_id: str) -> Sql:
    """One row per row asked, with the first good reply, or with the newest error where there is none."""
    return Sql(
        f"""CREATE OR REPLACE TEMPORARY TABLE {identifier(f"REPLIES_{ask_id}")} AS
        SELECT a.row_key, a.key AS completion_key, r.reply, r.error, r.served_by, r.prompt_tokens, r.completion_tokens
        FROM ASKED_{ask_id} a LEFT JOIN (
            SELECT c.key, {REPLY} AS reply, c.answer:error::STRING AS error, c.answer:value:model::STRING AS served_by,
                c.answer:value:usage:prompt_tokens::NUMBER AS prompt_tokens,
                c.answer:value:usage:completion_tokens::NUMBER AS completion_tokens
            FROM COMPLETIONS c WHERE EXISTS (SELECT 1 FROM ASKED_{ask_id} x WHERE x.key = c.key)
            QUALIFY ROW_NUMBER() OVER (PARTITION BY c.key ORDER BY IFF({REPLY} IS NULL, 1, 0), c.answered_at) = 1
        ) r ON r.key = a.key""",
        (),
    )


def _counts_sql(ask_id: str) -> Sql:
    """In the order of Asked's numbers. `made` counts every call sent, a repeated one as often as it was sent."""
    return Sql(
        f"""SELECT COUNT(*), (SELECT COUNT(*) FROM COMPLETIONS WHERE ask_id = ?), COUNT_IF(reply IS NULL),
            COALESCE(SUM(prompt_tokens), 0), COALESCE(SUM(completion_tokens), 0) FROM REPLIES_{ask_id}""",
        (ask_id,),
    )


def _explained(wanted: Ask, error: SqlError) -> Exception:
    if "nobody on this machine answers" in str(error):
        return SetupError(f"{wanted.step}: {error}")
    if "unknown model" in str(error).lower():
        return SetupError(
            f"{wanted.step}: this engine does not know the model '{wanted.model}': {error}\n"
            f"Write another one under models: in the experiment file."
        )
    return error
