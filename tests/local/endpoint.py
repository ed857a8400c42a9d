"""An OpenAI-compatible server for tests: deterministic, on loopback, counting, and misbehaving on command."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

Body = Mapping[str, Any]


class Reply(NamedTuple):
    """What the server does with one request."""

    document: Any
    """JSON, or bytes as they are."""
    status: int = 200
    headers: Mapping[str, str] = {}
    seconds: float = 0.0
    """Until it answers."""
    cut: float | None = None
    """Share of the document after which the connection ends; None: it does not."""


def completion(text: str | None, body: Body, **changes: Any) -> dict[str, Any]:
    """A chat completion as OpenAI documents it; `changes` replace its top keys, None drops one."""
    document = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": body["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
    } | changes
    return {key: value for key, value in document.items() if value is not None}


def prompt(body: Body) -> str:
    """The last message of a request."""
    return str(body["messages"][-1]["content"])


def echo(body: Body, number: int = 0) -> Reply:
    """The prompt, said back."""
    return Reply(completion(f"echo {prompt(body)}", body))


def failure(status: int, message: str, **headers: str) -> Reply:
    """An error as OpenAI words it."""
    return Reply({"error": {"message": message}}, status, {key.replace("_", "-"): headers[key] for key in headers})


class Server(ThreadingHTTPServer):
    """`behave` decides, given the request and how often the very same came before. All calls are remembered."""

    daemon_threads, block_on_close = True, False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behave: Callable[[Body, int], Reply] = echo
        self.calls: list[Body] = []
        self.headers: list[Mapping[str, str]] = []
        self.paths: list[str] = []
        self.connections = 0
        self.peak = 0
        self.ending = threading.Event()
        self._under_way = 0
        self._seen: Counter[str] = Counter()
        self._guard = threading.Lock()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def under_way(self) -> int:
        """Requests that came and are not answered yet."""
        return self._under_way

    @property
    def repeats(self) -> int:
        """How many calls had been made before."""
        return sum(count - 1 for count in self._seen.values())

    def begin(self, path: str, headers: Mapping[str, str], text: bytes) -> Reply:
        body = json.loads(text)
        with self._guard:
            key = json.dumps(body, sort_keys=True)
            number = self._seen[key]
            self._seen[key] += 1
            self.calls.append(body)
            self.headers.append(headers)
            self.paths.append(path)
            self._under_way += 1
            self.peak = max(self.peak, self._under_way)
        return self.behave(body, number)

    def end(self) -> None:
        with self._guard:
            self._under_way -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            reply = self.server.begin(self.path, dict(self.headers), text)
            self.server.ending.wait(reply.seconds)
        finally:
            self.server.end()  # before the answer, whose reader may call again at once
        document = reply.document if isinstance(reply.document, bytes) else json.dumps(reply.document).encode()
        self.close_connection = reply.cut is not None
        if reply.cut == 0:
            return
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(document)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(document if reply.cut is None else document[: int(len(document) * reply.cut)])

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    """A server, until the block ends."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.shutdown()
        server.server_close()
        thread.join()


def routes(url, more=""):
    """A local.toml in which this server answers as the teacher and the judge, and stand-ins as everybody else."""
    return f"""
[[models]]
name = "llama3.3-70b"
provider = "openai"
base_url = "{url}"
model = "served-70b"
{more}

[[models]]
name = "*"
provider = "simulated"
"""
