"""Snowflake's HTTP protocol as plain functions: a request in, the JSON reply out. Never an HTTP 5xx."""

import hmac
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fakesnow.transforms.transforms import SERVER_VERSION

from cortex_distill.local.faults import Refused
from cortex_distill.local.session.connection import ROLE, WAREHOUSE, LocalConnection
from cortex_distill.local.session.journal import Statement
from cortex_distill.local.wire.messages import OK, Reply, Request, document, of_nobody, token_of
from cortex_distill.local.wire.running import Running
from cortex_distill.local.wire.statements import run_statement

if TYPE_CHECKING:
    from cortex_distill.local.engine import Engine

_RESULT = re.compile(r"/queries/([^/]+)/result")
_MONITOR = re.compile(r"/monitoring/queries/(.+)")
_ABORT = re.compile(r"/queries/([^/]+)/abort-request")
_RESULT_SCAN = re.compile(r"\s*select \* from table\(result_scan\('([^']+)'\)\)\s*", re.IGNORECASE)
_DENIED = {"success": False, "code": "390100", "message": "Incorrect username or password was specified.", "data": None}
_CLOSING = {"success": False, "code": "390111", "message": "The local engine is stopping.", "data": None}

# Snowpark shares one cursor between threads unless the server says otherwise (its server_connection.py);
# scoped temporary objects are a syntax of Snowflake's own that buys nothing here.
_PARAMETERS: dict[str, Any] = {
    "AUTOCOMMIT": True,
    "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD": 0,
    "CLIENT_TELEMETRY_ENABLED": False,
    "TIMEZONE": "Etc/UTC",
    "PYTHON_SNOWPARK_USE_SCOPED_TEMP_OBJECTS": False,
    "PYTHON_SNOWPARK_ENABLE_THREAD_SAFE_SESSION": True,
    "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "arrow",
}


class Protocol:
    """The sessions and statements of one engine, as its clients see them.

    `password`: what a login must know; None in-process, where nobody else can come. `closing`: no new statements.
    """

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._sessions: dict[str, LocalConnection] = {}
        self._guard = threading.Lock()
        self.running = Running()
        self.password: str | None = None
        self.closing = False

    def handle(self, request: Request) -> Reply:
        """Answer a request."""
        if request.path == "/session/v1/login-request":
            return self._login(document(request), request.query)
        if request.path.startswith("/telemetry"):
            return OK
        token = token_of(request)
        session = self._sessions.get(token)
        if session is None:
            return of_nobody(request)
        if request.path == "/session":
            if "delete" in request.query:
                self._end(token)
            return OK
        return self._statement(session, request)

    def _statement(self, session: LocalConnection, request: Request) -> Reply:
        if request.path == "/queries/v1/query-request":
            body = document(request)
            key = request.query.get("requestId") or secrets.token_hex(16)
            earlier = _RESULT_SCAN.fullmatch(body.get("sqlText") or "")
            if earlier and self.running.knows(earlier[1]):  # how the connector fetches an asynchronous result
                return self.running.wait(earlier[1])
            if self.closing:
                return _CLOSING
            self.running.start(key, lambda: self._work(session, body, key))
            return self.running.wait(key, at_once=bool(body.get("asyncExec")))
        if found := _RESULT.fullmatch(request.path):
            return self.running.wait(found[1])
        if found := _MONITOR.fullmatch(request.path):
            return {"success": True, "data": {"queries": [self.running.status(found[1])]}}
        if found := _ABORT.fullmatch(request.path):
            aborted = str(document(request).get("requestId")) if found[1] == "v1" else found[1]
            self._engine.journal.cancel(aborted)
            return OK
        return OK if request.path == "/session/heartbeat" else _unknown(request.path)

    def _work(self, session: LocalConnection, body: Reply, key: str) -> Callable[[], Reply]:
        """Note the statement, so that it can be canceled from now on; then what runs it."""
        flags = {"internal": bool(body.get("isInternal")), "listed": not body.get("describeOnly")}
        statement = Statement(key, body["sqlText"], session.asked(), **flags)
        self._engine.journal.begin(statement)

        def run() -> Reply:
            with session.busy():
                return run_statement(self._engine, session, body, statement)

        return run

    def session_count(self) -> int:
        """How many sessions are logged in."""
        return len(self._sessions)

    def end_unless_busy(self, token: str) -> bool:
        """End the session, if there is one, unless a statement of it runs; whether it is gone."""
        session = self._sessions.get(token)
        if session is not None and session.statements:
            return False
        self._end(token)
        return True

    def close(self) -> None:
        """Stop what runs and end all sessions."""
        self._engine.journal.cancel_all()
        self.running.close()
        for token in list(self._sessions):
            self._end(token)

    def _end(self, token: str) -> None:
        with self._guard:
            session = self._sessions.pop(token, None)
        if session is not None:
            session.close()

    def _login(self, body: Reply, query: Mapping[str, str]) -> Reply:
        if self.password and not hmac.compare_digest(str(body["data"].get("PASSWORD")), self.password):
            return _DENIED
        wanted = body["data"].get("SESSION_PARAMETERS") or {}
        names = [query.get(key) for key in ("databaseName", "schemaName")]
        session = self._engine.session(*map(_stored, names), autocommit=wanted.get("AUTOCOMMIT", True))
        session.role = _stored(query.get("roleName")) or ROLE
        try:
            for name in ("QUERY_TAG", "LOCAL_MODELS_AS_OF", "STATEMENT_TIMEOUT_IN_SECONDS"):
                if wanted.get(name):
                    session.parameters.set(name, wanted[name])
        except Refused as error:
            session.close()
            return {"success": False, "code": f"{error.code:06d}", "message": error.message, "data": None}
        token = secrets.token_urlsafe(24)
        self._sessions[token] = session
        info = {"databaseName": session.database, "schemaName": session.schema}
        data = {
            "token": token,
            "masterToken": token,
            "serverVersion": SERVER_VERSION,
            "sessionId": session.number,
            "validityInSeconds": 4 * 3600,
            "parameters": [{"name": name, "value": value} for name, value in _PARAMETERS.items()],
            "sessionInfo": {**info, "warehouseName": WAREHOUSE, "roleName": session.role},
        }
        return {"success": True, "data": data}


def _stored(name: str | None) -> str | None:
    """A name as it is stored: upper case unless quoted."""
    if not name:
        return None
    return name[1:-1] if name.startswith('"') else name.upper()


def _unknown(path: str) -> Reply:
    return {"success": False, "code": "000404", "message": f"the local engine has no {path}", "data": None}
