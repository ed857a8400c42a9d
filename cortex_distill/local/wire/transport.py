"""Snowflake's own connector, with the engine behind it: in this process, or on a loopback port.

Both lean on one private attribute: the connector's maker of HTTP adapters.
"""

import io
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from snowflake.connector import SnowflakeConnection
from snowflake.connector.vendored.requests.adapters import HTTPAdapter
from snowflake.connector.vendored.requests.exceptions import ConnectionError as NoConnection
from snowflake.connector.vendored.requests.models import PreparedRequest, Response

from cortex_distill.local.wire.messages import Request, of_nobody

if TYPE_CHECKING:
    from cortex_distill.local.wire.protocol import Protocol  # which loads DuckDB; a client on a port needs none


class _InProcess(HTTPAdapter):
    """Carries a request to an engine of this process: no socket, no port."""

    def __init__(self, protocol: "Protocol") -> None:
        self._protocol = protocol
        super().__init__()  # type: ignore[no-untyped-call]

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
        """The engine's reply, as a response of the requests library."""
        return _response(request, self._protocol.handle(_read(request)))


class _Loopback(HTTPAdapter):
    """Carries a request to the engine's port; says so at once if no engine is there any more.

    The connector by itself would call for ever: its `network_timeout` is a limit on statements, too.
    """

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        """The engine's reply, or that the session is gone."""
        try:
            response: Response = super().send(request, *arguments, **options)  # type: ignore[no-untyped-call]
        except NoConnection as error:
            if "Connection refused" not in str(error):
                raise
            return _response(request, of_nobody(_read(request)))
        return response


def _loopback() -> _Loopback:
    return _Loopback()  # type: ignore[no-untyped-call]


def _read(request: PreparedRequest) -> Request:
    address = urlsplit(request.url or "")
    body = request.body or b""
    raw = body.encode() if isinstance(body, str) else bytes(body)
    return Request(str(address.path), dict(parse_qsl(str(address.query))), request.headers or {}, raw)


def _response(request: PreparedRequest, reply: dict[str, Any]) -> Response:
    response = Response()  # type: ignore[no-untyped-call]
    response.status_code = 200
    response.url, response.request, response.encoding = request.url or "", request, "utf-8"
    response.headers["Content-Type"] = "application/json"
    response.raw = io.BytesIO(json.dumps(reply).encode())
    return response


class LocalClient(SnowflakeConnection):
    """A genuine connection, to an engine of this process if one is given, else to the host and port of `parameters`."""

    is_local = True

    def __init__(
        self, engine: "Protocol | None", declared: Mapping[str, str] | None = None, /, **parameters: Any
    ) -> None:
        os.environ.setdefault("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")  # else it asks 169.254.169.254
        self._local_protocol = engine
        super().__init__(
            **parameters,
            paramstyle="qmark",
            session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False, **(declared or {})},
            client_prefetch_threads=1,
            log_imported_packages_in_telemetry=False,  # a list of all modules, for nobody: the engine drops telemetry
        )

    @property
    def _session_manager(self) -> Any:
        return self.__dict__.get("_local_session_manager")

    @_session_manager.setter
    def _session_manager(self, manager: Any) -> None:
        if manager is not None:
            protocol = self._local_protocol
            manager.adapter_factory = lambda **_: _loopback() if protocol is None else _InProcess(protocol)
        self.__dict__["_local_session_manager"] = manager


def in_process(
    protocol: "Protocol", account: str, database: str, schema: str, declared: Mapping[str, str]
) -> LocalClient:
    """A connection to an engine of this process. `declared`: session parameters, such as LOCAL_MODELS_AS_OF."""
    place = {"host": "local.invalid", "port": 80, "protocol": "http", "user": "local", "password": "local"}
    return LocalClient(protocol, declared, account=account, database=database, schema=schema, **place)
