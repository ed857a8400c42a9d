"""What a Cortex function returns for an answer, by function and options. Source: cortex-facts.md 1.1 to 1.3."""

import json
import time
from typing import Any

from cortex_distill.local.calls import Settings
from cortex_distill.local.faults import Refused
from cortex_distill.local.providers import Answer, CallError


def reply(settings: Settings, answer: Answer | CallError) -> str | None:
    """The cell of one row. Raises Refused where one failed row fails the statement."""
    try:
        if isinstance(answer, CallError):
            raise answer
        value = _value(settings, answer)
    except CallError as error:
        return _failed(settings, error)
    if settings.errors:
        return _json({"value": value, "error": None})
    return value if isinstance(value, str) and not _is_json(settings) else _json(value)


def _is_json(settings: Settings) -> bool:
    return settings.details or settings.schema is not None


def _failed(settings: Settings, error: CallError) -> str | None:
    if settings.function == "COMPLETE":
        raise remote_error("COMPLETE", str(error))
    return _json({"value": None, "error": str(error)}) if settings.errors else None


def remote_error(function: str, text: str) -> Refused:
    """Error 100351, in the words of a failed remote service."""
    return Refused(f"Request failed for external function {function} with remote service error: 400 '\"{text}\"'")


def _value(settings: Settings, answer: Answer) -> Any:
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


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
