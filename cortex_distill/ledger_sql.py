"""The statements of the ledger: what is asked, what is pending, the calls themselves, and their replies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from cortex_distill.asking import Ask
from cortex_distill.sql import Sql, identifier, literal, object_literal
from cortex_distill.transient import is_transient_sql

# The text of a reply inside AI_COMPLETE's {"value": ..., "error": ...}, with or without a response format.
# The casts turn JSON's null into SQL's NULL.
REPLY = "COALESCE(c.answer:value:choices[0]:messages::STRING, c.answer:value:structured_output[0]:raw_message::STRING)"
ANSWERED = f"{REPLY} IS NOT NULL"


def identity(who: str, wanted: Ask) -> str:
    """What of a call is in its key beside draw and prompt. The order of parameters means nothing; that of a schema's
    properties does, since a model writes them in that order."""
    parameters = json.dumps(wanted.parameters, sort_keys=True)
    return f"[{json.dumps(who)}, {json.dumps(wanted.model)}, {parameters}, {json.dumps(wanted.schema)}]"


def asked_sql(ask_id: str, wanted: Ask, who: str) -> Sql:
    """Every row that is asked, with the key of its call."""
    rows = keyed_sql(wanted, who)
    return Sql(f"CREATE OR REPLACE TEMPORARY TABLE ASKED_{ask_id} AS {rows.text}", rows.binds)


def keyed_sql(wanted: Ask, who: str) -> Sql:
    """The rows of an Ask with the keys of their calls: row_key, prompt, draw, key. `who` is `who_answers`."""
    return Sql(
        f"""SELECT row_key, prompt, draw, SHA2(CONCAT(?, draw::STRING, ' ', prompt), 256) AS key
        FROM ({wanted.rows.text})""",
        (identity(who, wanted), *wanted.rows.binds),
    )


def call_keys(wanted: Ask, who: str, prompts: Iterable[tuple[str, int]]) -> list[str]:
    """The same keys for prompts that this process holds, each with its draw."""
    head = identity(who, wanted)
    return [hashlib.sha256(f"{head}{draw} {prompt}".encode()).hexdigest() for prompt, draw in prompts]


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
            AND ({ANSWERED} OR (c.ask_id = ? AND NOT ({transient.text}))))
        GROUP BY key""",
        (ask_id, *transient.binds),
    )


def insert_sql(run_id: str, ask_id: str, wanted: Ask, low: int, high: int) -> Sql:
    """The calls from `low` to before `high`, as far as this Ask has claimed them."""
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
        FROM PENDING_{ask_id} p WHERE n >= ? AND n < ?
        AND EXISTS (SELECT 1 FROM CLAIMS t WHERE t.key = p.key AND t.ask_id = ?)""",
        (
            run_id,
            ask_id,
            wanted.step,
            wanted.model,
            json.dumps(wanted.parameters),
            json.dumps(wanted.schema),
            low,
            high,
            ask_id,
        ),
    )


def failed_sql(ask_id: str) -> Sql:
    """Calls of this Ask so far: made, and those of them without a reply."""
    return Sql(f"SELECT COUNT(*), COUNT({REPLY} IS NULL OR NULL) FROM COMPLETIONS c WHERE c.ask_id = ?", (ask_id,))


def passing_sql(ask_id: str) -> Sql:
    """Calls of this Ask that failed in passing. Its conditions take longer to read than all else of a group."""
    transient = is_transient_sql("c.answer:error::STRING")
    return Sql(
        f"SELECT COUNT(*) FROM COMPLETIONS c WHERE c.ask_id = ? AND {REPLY} IS NULL AND {transient.text}",
        (ask_id, *transient.binds),
    )


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
            QUALIFY ROW_NUMBER() OVER (PARTITION BY c.key ORDER BY IFF({REPLY} IS NULL, 1, 0),
                IFF({REPLY} IS NULL, -1, 1) * DATE_PART(epoch_millisecond, c.answered_at)) = 1
        ) r ON r.key = a.key""",
        (),
    )


def counts_sql(ask_id: str) -> Sql:
    """In the order of Asked's numbers. `made` counts every call sent, a repeated one as often as it was sent."""
    return Sql(
        f"""SELECT COUNT(*), (SELECT COUNT(*) FROM COMPLETIONS WHERE ask_id = ?), COUNT(reply IS NULL OR NULL),
            COALESCE(SUM(prompt_tokens), 0), COALESCE(SUM(completion_tokens), 0) FROM REPLIES_{ask_id}""",
        (ask_id,),
    )
