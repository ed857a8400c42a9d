"""What both sides of the wire know: a request, a reply, and the reply to a session that is gone."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

Reply = dict[str, Any]
GONE: Reply = {
    "success": False,
    "code": "390111",
    "message": "Session no longer exists. New login required.",
    "data": None,
}
_TOKEN = re.compile(r'Snowflake Token="(.*)"')


class Request(NamedTuple):
    """One HTTP request."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


def token_of(request: Request) -> str:
    """The session's token in a request, or an empty text."""
    found = _TOKEN.search(request.headers.get("Authorization") or "")
    return found[1] if found else ""
