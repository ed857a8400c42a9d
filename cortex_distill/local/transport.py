"""Snowflake's own connector, with the engine where its HTTP connection would be: no socket, no port."""

import io
import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from snowflake.connector import SnowflakeConnection
from snowflake.connector.vendored.requests.adapters import HTTPAdapter
from snowflake.connector.vendored.requests.models import PreparedRequest, Response

from cortex_distill.local.protocol import Protocol, Request


class _Adapter(HTTPAdapter):
    """Carries a request to the engine."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        super().__init__()  # type: ignore[no-untyped-call]

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
        """The engine's reply, as a response of the requests library."""
        address = urlsplit(request.url or "")
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else bytes(body)
        reply = self._protocol.handle(
            Request(str(address.path), dict(parse_qsl(str(address.query))), request.headers or {}, raw)
        )
        response = Response()  # type: ignore[no-untyped-call]
        response.status_code = 200
        response.url, response.request, response.encoding = request.url or "", request, "utf-8"
        response.headers["Content-Type"] = "application/json"
        response.raw = io.BytesIO(json.dumps(reply).encode())
        return response


class InProcessConnection(SnowflakeConnection):
    """A genuine connection. It leans on one private attribute: the connector's maker of HTTP adapters."""

    def __init__(
        self, protocol: Protocol, *, account: str, database: str, schema: str, parameters: Mapping[str, str]
    ) -> None:
        os.environ.setdefault("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")  # else it asks 169.254.169.254
        self._local_protocol = protocol
        super().__init__(
            user="local",
            password="local",
            account=account,
            host="local.invalid",
            port=80,
            protocol="http",
            database=database,
            schema=schema,
            paramstyle="qmark",
            session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False, **parameters},
            client_prefetch_threads=1,
        )

    @property
    def _session_manager(self) -> Any:
        return self.__dict__.get("_local_session_manager")

    @_session_manager.setter
    def _session_manager(self, manager: Any) -> None:
        if manager is not None:
            manager.adapter_factory = lambda **_: _Adapter(self._local_protocol)
        self.__dict__["_local_session_manager"] = manager
