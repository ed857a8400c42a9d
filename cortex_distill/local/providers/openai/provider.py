"""OpenAiProvider: puts the calls of statements, which are threads, to an endpoint, many at once."""

import threading
from collections.abc import Sequence

from cortex_distill.local.providers import NEVER, Answer, Call, CallError, Heard, Trained, Training, nobody
from cortex_distill.local.providers.openai.background import Background
from cortex_distill.local.providers.openai.client import Batch, Client
from cortex_distill.local.providers.openai.endpoint import endpoint_of
from cortex_distill.local.providers.openai.reply import served_by


class OpenAiProvider:
    """Implements `Provider`. One thread and one pool of connections, from the first call until `close`."""

    def __init__(
        self, base_url: str, model: str, api_key_env: str | None = None, concurrency: int = 32, timeout: float = 120.0
    ) -> None:
        """`api_key_env`: the environment variable that holds the key. `timeout`: seconds for one attempt at a call."""
        self._endpoint = endpoint_of(base_url, model, api_key_env)
        self._concurrency, self._timeout = concurrency, timeout
        self._changing = threading.Condition()
        self._opened: tuple[Background, Client] | None = None
        self._callers = 0
        self._closed = False

    def __repr__(self) -> str:
        return f"OpenAiProvider({self._endpoint})"

    def complete(
        self, calls: Sequence[Call], stop: threading.Event = NEVER, heard: Heard = nobody
    ) -> list[Answer | CallError]:
        """Answer every call, in order, at most `concurrency` at once over all statements.

        Once `stop` is set, calls under way are broken off, too. Tokens are 0 where the endpoint counts none.
        """
        with self._changing:
            if self._closed:
                return [CallError("500 the model provider has been closed")] * len(calls)
            background, client = self._open()
            self._callers += 1
        batch = Batch(calls, lambda: stop.is_set() or self._closed, heard)
        try:
            return background.run(client.answer(batch), batch.stopped, batch.give_up)
        finally:
            with self._changing:
                self._callers -= 1
                self._changing.notify_all()

    def finetune(self, job: Training) -> Trained:
        """Raises CallError: there is no training behind this API."""
        raise CallError(f"400 {self.obstacle(job.base_model, tuning=True)}")

    def obstacle(self, model: str, *, tuning: bool) -> str:
        """Why a call, or a training, would fail; '' if somebody listens there. Sends nothing to the endpoint."""
        if tuning:
            return (
                f"'{model}' is the model '{self._endpoint.model}' of {self._endpoint.shown}, which cannot be"
                f' trained through this API: name "{model}" in a [[models]] table of local.toml of its own,'
                ' with provider = "gguf" or "transformers", which can'
            )
        try:
            self._endpoint.key()
        except CallError as error:
            return str(error)
        return self._endpoint.deaf()

    def count_tokens(self, text: str, model: str = "", *, asked: bool = False) -> int:
        """Raises CallError: an endpoint tells what a call took, not what one would take."""
        raise CallError(f"400 the endpoint {self._endpoint.shown} counts no tokens before a call")

    def served_by(self, model: str) -> str:
        """The model that is asked for, and where; its server may tell a more precise name with each answer."""
        return served_by(self._endpoint.model, self._endpoint)

    def close(self) -> None:
        """Break off what runs, give back connections and thread. Safe to repeat."""
        with self._changing:
            self._closed = True
            self._changing.wait_for(lambda: not self._callers)
            if self._opened is not None:
                background, client = self._opened
                background.run(client.close())
                background.close()
                self._opened = None

    def _open(self) -> tuple[Background, Client]:
        if self._opened is None:
            background = Background(f"endpoint {self._endpoint.place}")

            async def client() -> Client:
                return Client(self._endpoint, self._concurrency, self._timeout)

            self._opened = background, background.run(client())
        return self._opened
