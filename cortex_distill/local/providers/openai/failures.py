"""What can go wrong between us and an endpoint: what to try again, and what to tell.

The words matter: by them `cortex_distill/transient.py` knows which failures the ledger may try again later.
"""

import errno
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import NamedTuple

import aiohttp

from cortex_distill.local.providers import CallError
from cortex_distill.local.providers.openai.endpoint import Endpoint

LONGEST_WAIT = 60.0  # seconds that a Retry-After can make us wait: limits of hosted APIs are counted by the minute
_LONGEST = 200  # characters of the server's own message
_BUSY = frozenset({429, 500, 502, 503, 504})


class Asked(NamedTuple):
    """Who was asked, and how."""

    endpoint: Endpoint
    key: str | None
    timeout: float


class Passing(Exception):
    """A failure that the next attempt may not meet. `wait`: seconds until the server wants to be asked again."""

    def __init__(self, text: str, wait: float = 0.0) -> None:
        super().__init__(text)
        self.wait = wait


class Unreachable(CallError):
    """Nobody is there: the other calls need not try."""


def of_status(status: int, headers: Mapping[str, str], document: bytes, asked: Asked) -> Passing | CallError:
    """The failure that an HTTP status other than 200 stands for."""
    endpoint = asked.endpoint
    said, quota = _message(document, asked.key)
    where = f"the model '{endpoint.model}' of {endpoint.shown}"
    if status in _BUSY and not quota:
        return Passing(f"{status} {_busy(status)}: {where}: {said}", wait_of(headers.get("Retry-After"), _now()))
    return CallError(f"{status} {_phrase(status)}: {where}: {said}; {_advice(status, said, endpoint)}")


def of_error(error: aiohttp.ClientError | TimeoutError, asked: Asked) -> Passing | CallError:
    """The failure that an exception of the connection stands for."""
    endpoint = asked.endpoint
    start = f"start the server, or mend base_url '{endpoint.shown}' in local.toml"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Unreachable(f"connection timed out: nobody answers at {endpoint.shown}; {start}")
    if isinstance(error, aiohttp.ClientConnectorError):
        return Unreachable(f"{_reason(error)}: nobody answers at {endpoint.shown}; {start}")
    if isinstance(error, TimeoutError):
        return CallError(
            f"timed out: no reply of the model '{endpoint.model}' of {endpoint.shown} within {asked.timeout:g} s;"
            " raise timeout or lower concurrency in local.toml"
        )
    if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError):
        return Passing(f"connection reset: {endpoint.shown} broke off before its reply was complete")
    return CallError(f"{endpoint.shown} cannot be asked: {type(error).__name__}: {str(error)[:_LONGEST]}")


def wait_of(retry_after: str | None, now: datetime) -> float:
    """Seconds until the server wants to be asked again, at most LONGEST_WAIT; 0 if it does not say.

    `retry_after` is a number of seconds or an HTTP date. Source: RFC 9110, 10.2.3.
    """
    if not retry_after:
        return 0.0
    try:
        seconds = float(retry_after)
    except ValueError:
        seconds = _seconds_until(retry_after, now)
    return min(max(0.0, seconds), LONGEST_WAIT)  # in this order "nan" is 0


def _seconds_until(date: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp()


def _now() -> datetime:
    return datetime.now(UTC)


def _busy(status: int) -> str:
    return "too many requests" if status == HTTPStatus.TOO_MANY_REQUESTS else "temporarily unavailable"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return "refused"


def _advice(status: int, said: str, endpoint: Endpoint) -> str:
    if status in (401, 403):
        if endpoint.api_key_env is None:
            return "it wants a key: name the variable that holds it as api_key_env in local.toml"
        return f"check the key in {endpoint.api_key_env}"
    if status == HTTPStatus.NOT_FOUND:
        return "name a model that it has, and a base_url that mostly ends with /v1, in local.toml"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "its quota is used up"
    if 300 <= status < 400:
        return "it has moved; mend base_url in local.toml"
    if "response_format" in said or "json_schema" in said:
        return "this server refuses structured output: set structured_output: false in the experiment file"
    return "it will not answer this call"


def _message(document: bytes, key: str | None) -> tuple[str, bool]:
    """The server's own words, one line without the key, and whether they say that a quota is used up."""
    text = document[:20_000].decode("utf-8", "replace")
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    error = told.get("error", told) if isinstance(told, dict) else None
    if isinstance(error, dict):
        text = next((str(error[key]) for key in ("message", "detail") if error.get(key)), text)
    elif isinstance(error, str):
        text = error
    quota = isinstance(error, dict) and error.get("code") == "insufficient_quota"  # OpenAI's, with status 429
    text = " ".join(text.split())
    return (text.replace(key, "…") if key else text)[:_LONGEST] or "(no message)", quota


def _reason(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "unknown host"
    if isinstance(error, aiohttp.ClientSSLError):
        return "no secure connection"
    return "connection refused" if error.os_error.errno == errno.ECONNREFUSED else str(error.os_error.strerror)
