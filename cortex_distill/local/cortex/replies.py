"""What a Cortex function returns for an answer, by function and options.

Sources: docs: sql-reference/functions/complete-snowflake-cortex, try_complete-snowflake-cortex, ai_complete.
"""

import json
import time
from typing import Any, NamedTuple

from cortex_distill.local.cortex.calls import Settings
from cortex_distill.local.cortex.managed import CLASSIFY, meaning
from cortex_distill.local.faults import Refused
from cortex_distill.local.providers import Answer, CallError


class Row(NamedTuple):
    """One row that reaches a call."""

    model: str
    content: Any
    """The prompt; for classifications [text, categories]."""
    settings: Settings


_FAILS = (
    "COMPLETE",
    "CLASSIFY_TEXT",
    "COUNT_TOKENS",
)  # one bad row fails the statement: the SNOWFLAKE.CORTEX functions


def reply(row: Row, answer: Answer | CallError) -> str | None:
    """The cell of one row. Raises Refused where one failed row fails the statement."""
    try:
        if isinstance(answer, CallError):
            raise answer
        return cell(row.settings, _value(row, answer))
    except CallError as error:
        return failed(row.settings, error)


def cell(settings: Settings, value: Any) -> str:
    """A value as the engine's function returns it: a text as it is, anything else as JSON."""
    if settings.errors:
        return _json({"value": value, "error": None})
    return value if isinstance(value, str) and settings.schema is None else _json(value)


def failed(settings: Settings, error: CallError) -> str | None:
    """The cell of a row that failed. Raises Refused where it fails the statement."""
    if settings.function in _FAILS:
        raise remote_error(settings.function, str(error))
    return _json({"value": None, "error": str(error)}) if settings.errors else None


def remote_error(function: str, text: str) -> Refused:
    """Error 100351, in the words of a failed remote service."""
    return Refused(f"Request failed for external function {function} with remote service error: 400 '\"{text}\"'")


def _value(row: Row, answer: Answer) -> Any:
    settings = row.settings
    if settings.function in (*CLASSIFY, "AI_FILTER"):
        return meaning(settings.function, row.content, answer.text)
    document = _document(answer.text) if settings.schema is not None else None
    if not settings.details:
        return answer.text if settings.schema is None else document
    head = {"created": int(time.time()), "model": answer.served_by}
    usage = {
        "completion_tokens": answer.completion_tokens,
        "prompt_tokens": answer.prompt_tokens,
        "total_tokens": answer.completion_tokens + answer.prompt_tokens,
    }
    if settings.schema is None:
        return {"choices": [{"messages": answer.text}], **head, "usage": usage}
    return {**head, "structured_output": [{"raw_message": document, "type": "json"}], "usage": usage}


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise CallError(
            f"422 json mode output validation error: Model returned invalid JSON that cannot be parsed due to: {error}"
        ) from error


_ENCODER = json.JSONEncoder(ensure_ascii=False)  # made once: `dumps` makes one for each value


def _json(value: Any) -> str:
    return _ENCODER.encode(value).encode("utf-8", "replace").decode()
