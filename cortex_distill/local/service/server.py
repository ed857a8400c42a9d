"""The engine behind a loopback port: HTTP in front of its protocol, and the end of its life."""

import hmac
import json
import logging
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cortex_distill.local.engine import Engine
from cortex_distill.local.service.door import HOST
from cortex_distill.local.service.presence import Presence
from cortex_distill.local.wire.messages import Request, token_of

GRACE = 300.0  # seconds that a session outlives the last connection of its client
_OWN = "/distill/"
_STOP = _OWN + "stop"
_LOG = logging.getLogger(__name__)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512  # connections that arrive at once; more would be refused
    service: "Service"

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.open: set[socket.socket] = set()
        super().__init__(address, handler)

    def hang_up(self) -> None:
        """Let the threads of idle connections end: they hold the engine, and with it DuckDB. Replies still go out."""
        for connection in list(self.open):
            with suppress(OSError):  # its client was quicker
                connection.shutdown(socket.SHUT_RD)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no event."""
        _LOG.debug("connection of %s ended", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One connection of one client: requests in turn."""

    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for head and body: two would wait for each other (Nagle, delayed acknowledgement)
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        self.server.service.presence.left(id(self))
        super().finish()

    def do_POST(self) -> None:
        """Any request: read it whole, answer with JSON, always with status 200."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        request = Request(address.path, dict(parse_qsl(address.query)), dict(self.headers.items()), body)
        if not request.path.startswith(_OWN):
            self.server.service.presence.seen(id(self), token_of(request))
        answer = self.server.service.answer(request)
        reply = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)
        self.wfile.flush()
        if request.path == _STOP and answer["success"]:  # not before its sender knows
            patience = float(request.query.get("patience") or 0)
            threading.Thread(target=self.server.service.stop, args=(patience,), daemon=True).start()

    do_GET = do_POST

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: they carry tokens, and tickets."""


class Service:
    """An engine on a port, until it is told to stop or nobody has needed it for `idle` seconds."""

    def __init__(self, engine: Engine, models: str, idle: float) -> None:
        self.engine, self.models, self.idle = engine, models, idle
        self.token = secrets.token_urlsafe(24)
        self.engine.protocol.password = self.token
        self.presence = Presence()
        self.started = time.time()
        self._server = _Server((HOST, 0), _Handler)
        self._server.service = self
        self._over = threading.Event()

    @property
    def port(self) -> int:
        """The port that the system chose."""
        return int(self._server.server_address[1])

    def serve(self) -> None:
        """Answer until the end. Returns when nothing runs any more."""
        threading.Thread(target=self._watch, name="cortex-watch", daemon=True).start()
        self._server.serve_forever(poll_interval=0.1)
        self._server.server_close()
        self._server.hang_up()

    def stop(self, patience: float) -> None:
        """End `serve`: no new statements, `patience` seconds for those under way."""
        if self._over.is_set():
            return
        self._over.set()
        self.engine.protocol.closing = True
        give_up = time.monotonic() + patience
        while self.engine.protocol.running.under_way() and time.monotonic() < give_up:
            time.sleep(0.05)
        self._server.shutdown()

    def answer(self, request: Request) -> dict[str, Any]:
        """The reply to a request: the engine's, or ours to status, claim (by one who will connect) and stop."""
        try:
            if not request.path.startswith(_OWN):
                return self.engine.protocol.handle(request)
            if not hmac.compare_digest(request.headers.get("Authorization") or "", f"Bearer {self.token}"):
                return {"success": False, "message": "wrong token"}
            if request.path == _OWN + "claim":
                self.presence.wanted()
            return {"success": True, "data": self.status()}
        except Exception as error:  # noqa: BLE001  a 5xx would make the connector ask again for ever
            _LOG.exception("defect of the local engine at %s", request.path)
            return {"success": False, "code": "370001", "message": f"defect of the local engine: {error}", "data": None}

    def status(self) -> dict[str, Any]:
        """What `distill engine status` shows."""
        return {
            "pid": os.getpid(),
            "home": str(self.engine.home),
            "models": self.models,
            "idle": self.idle,
            "seconds": round(time.time() - self.started, 1),
            "connections": self.presence.connections(),
            "sessions": self.engine.protocol.session_count(),
            "statements": self.engine.protocol.running.under_way(),
            "jobs": self.engine.unfinished_jobs(),
        }

    def _watch(self) -> None:
        """End sessions whose client is gone, and the service when nobody is left."""
        while not self._over.wait(min(1.0, self.idle / 4)):
            for token in self.presence.abandoned(GRACE):
                if self.engine.protocol.end_unless_busy(token):
                    self.presence.forget(token)
            busy = self.engine.protocol.running.under_way() or self.engine.unfinished_jobs()
            if not busy and self.presence.quiet() >= self.idle:
                _LOG.info("idle for %.0f s: stopping", self.idle)
                self.stop(0)
