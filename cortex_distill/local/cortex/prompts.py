"""What a call asks: a text, a history or a PROMPT object becomes messages."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cortex_distill.local.faults import Refused
from cortex_distill.local.providers import CallError

Messages = Sequence[Mapping[str, str]]

_PLACEHOLDER = re.compile(r"\{(\d+)\}")
_MAY_FOLLOW = {"system": (None,), "user": (None, "system", "assistant"), "assistant": ("user",)}


def messages_of(content: Any, *, function: str, has_options: bool) -> Messages:
    """The messages of a prompt. Raises CallError where it is no prompt of that function."""
    if not isinstance(content, list):
        return [{"role": "user", "content": text_of(content)}]
    legacy = function != "AI_COMPLETE"
    if legacy and not has_options:
        raise CallError("400 the prompt must be a string if there are no options")
    messages = [_message(item) for item in content]
    if not messages:
        raise CallError("400 messages must not be empty")
    if legacy:
        _check_order(messages)
    return messages


def _message(item: Any) -> Mapping[str, str]:
    cells = {str(key).lower(): plain(value) for key, value in item.items()} if isinstance(item, dict) else {}
    if not {"role", "content"} <= cells.keys():
        raise CallError("400 messages must be objects with role and content")
    if cells["role"] not in _MAY_FOLLOW:
        raise CallError(f"400 a message's role must be system, user or assistant, not {cells['role']!r}")
    return cells


def _check_order(messages: Messages) -> None:
    """One system message at most, and first; user and assistant take turns.

    Source: docs: sql-reference/functions/complete-snowflake-cortex.
    """
    before: str | None = None
    for message in messages:
        role = message["role"]
        if before not in _MAY_FOLLOW[role]:
            raise CallError(f"400 a message of role {role} must not follow one of role {before}")
        before = role


def text_of(content: Any) -> str:
    """A plain text, or a PROMPT object filled in. An argument's own braces are left alone.

    Raises CallError for a placeholder without argument, and Refused for a NUMBER argument: docs:
    sql-reference/functions/prompt allows it, but the service does not, as a note in Snowpark's own tests says
    (tests/integ/test_dataframe_ai.py).
    """
    if not (isinstance(content, dict) and "template" in content):
        return plain(content)
    template, arguments = str(content["template"]), content.get("args") or []
    if (place := _missing(template, len(arguments))) is not None:
        raise CallError(f"400 PROMPT: no argument for placeholder {{{place}}}")
    if any(isinstance(value, int | float) and not isinstance(value, bool) for value in arguments):
        raise Refused("PROMPT: unsupported argument type NUMBER; cast it to a string")
    return _PLACEHOLDER.sub(lambda found: plain(arguments[int(found[1])]), template)


def check_template(template: str, count: int) -> None:
    """Raises Refused if a constant template has a placeholder without argument. Source: docs: functions/prompt."""
    if (place := _missing(template, count)) is not None:
        raise Refused(f"SQL compilation error: PROMPT has no argument for placeholder {{{place}}}", 1044, "42P13")


def _missing(template: str, count: int) -> int | None:
    return next((int(place) for place in _PLACEHOLDER.findall(template) if int(place) >= count), None)


def plain(content: Any) -> str:
    """A VARIANT as text: a string as it is, anything else as JSON."""
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
