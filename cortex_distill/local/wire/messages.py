"""What both sides of the wire know: a request, a reply, and the replies to a session that is gone."""

import gzip
import json
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
OK: Reply = {"success": True, "data": None}
_CANCELED = {"name": "status", "type": "text", "nullable": True, "length": None, "precision": None, "scale": None}
_CANCEL_ALL = re.compile(r"\s*select\s+system\$cancel_all_queries\(\d+\)\s*", re.IGNORECASE)
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


def document(request: Request) -> Reply:
    """The JSON of a request's body; empty if it has none."""
    body = gzip.decompress(request.body) if request.body[:2] == b"\x1f\x8b" else request.body
    read: Reply = json.loads(body) if body else {}
    return read


def of_nobody(request: Request) -> Reply:
    """The reply to a session that is not there: GONE, but for what ends a session, which is done.

    Snowpark's `Session.close` first cancels what runs, and raises if it cannot.
    """
    if "delete" in request.query:
        return OK
    if request.path != "/queries/v1/query-request" or not _CANCEL_ALL.fullmatch(document(request).get("sqlText") or ""):
        return GONE
    said = {"rowtype": [_CANCELED], "rowset": [["0 cancelled."]], "queryResultFormat": "json"}
    return {"success": True, "data": {**said, "total": 1, "returned": 1, "queryId": request.query.get("requestId")}}
