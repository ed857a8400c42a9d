"""The model parameters that Cortex takes, and their ranges.

Sources: docs: sql-reference/functions/complete-snowflake-cortex, sql-reference/functions/ai_complete-single-string.
"""

from collections.abc import Mapping
from typing import Any

from cortex_distill.local.faults import unsupported
from cortex_distill.local.providers import CallError

_MOST_TOKENS = 8192  # of the legacy functions; AI_COMPLETE's page names no maximum


def without_guard(given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that are set, less `guardrails: FALSE`. Raises Refused for TRUE: there is no Cortex Guard here."""
    if given.get("guardrails") not in (None, False):
        raise unsupported("guardrails: the local engine has no Cortex Guard")
    return {key: value for key, value in given.items() if value is not None and key != "guardrails"}


def check(given: Mapping[str, Any], function: str) -> None:
    """Raises CallError for a parameter that is unknown or out of its range.

    Which error Snowflake gives is documented nowhere; here it is one of the row, like others of its kind.
    """
    for key, value in given.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if key in ("temperature", "top_p"):
            if not is_number or not 0 <= value <= 1:
                raise CallError(f"400 {key} must be a number from 0 to 1, got {value!r}")
        elif key == "max_tokens":
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise CallError(f"400 max_tokens must be a whole number above 0, got {value!r}")
            if function != "AI_COMPLETE" and value > _MOST_TOKENS:
                raise CallError(f"400 max_tokens must be at most {_MOST_TOKENS}, got {value}")
        else:
            raise CallError(f"400 unknown model parameter {key!r}")
