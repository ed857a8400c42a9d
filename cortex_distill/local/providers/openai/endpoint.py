"""Where an endpoint is, how it is named to people, and the key that it wants."""

import os
import socket
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from cortex_distill.local.providers import CallError

LONGEST_GREETING = 2.0  # seconds until an address counts as one where nobody listens


class Endpoint(NamedTuple):
    """One server and one of its models. Neither texts nor `repr` hold a password, a query or the key."""

    url: SplitResult
    model: str
    api_key_env: str | None

    def __repr__(self) -> str:
        return f"Endpoint({self.shown}, {self.model})"

    @property
    def chat(self) -> str:
        """The address that calls are posted to; a query, which Azure wants, stays behind the path."""
        return self.url._replace(path=self.url.path.rstrip("/") + "/chat/completions").geturl()

    @property
    def shown(self) -> str:
        """The address as messages may show it."""
        return SplitResult(self.url.scheme, self._host, self.url.path.rstrip("/"), "", "").geturl()

    @property
    def place(self) -> str:
        """Host and port, and the path if that is more than /v1: behind one host there may be several servers."""
        return self._host + self.url.path.rstrip("/").removesuffix("/v1")

    @property
    def proxy(self) -> str | None:
        """The proxy that the environment orders for this address, if any."""
        return None if proxy_bypass(self._host) else getproxies().get(self.url.scheme)

    def key(self) -> str | None:
        """The key, as the environment has it now; None for an endpoint that wants none. Raises CallError."""
        if self.api_key_env is None:
            return None
        key = os.environ.get(self.api_key_env, "").strip()
        if not key:
            raise CallError(
                f"the environment variable {self.api_key_env} is not set, and {self.shown} wants a key:"
                " set it, stop the local engine (`distill engine stop`) and run again"
            )
        if not (key.isascii() and key.isprintable()):
            raise CallError(f"the environment variable {self.api_key_env} holds no key: it has odd characters in it")
        return key

    def deaf(self) -> str:
        """What to do where nobody listens; '' where somebody does, or where a proxy stands between."""
        if self.proxy is not None:
            return ""
        port = self.url.port or (443 if self.url.scheme == "https" else 80)
        try:
            socket.create_connection((self.url.hostname or "", port), timeout=LONGEST_GREETING).close()
        except OSError as error:
            why = error.strerror or "connection timed out"
            start = f"start the server, or mend base_url '{self.shown}' in local.toml"
            return f"{why[:1].lower()}{why[1:]}: nobody answers at {self.shown}; {start}"
        return ""

    @property
    def _host(self) -> str:
        host = self.url.hostname or ""
        host = f"[{host}]" if ":" in host else host
        return f"{host}:{self.url.port}" if self.url.port else host


def endpoint_of(base_url: str, model: str, api_key_env: str | None) -> Endpoint:
    """The endpoint at an address such as http://127.0.0.1:11434/v1."""
    return Endpoint(urlsplit(base_url), model, api_key_env)
