"""Asks one endpoint over kept connections. Everything in here runs on one event loop."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import aiohttp
import stamina

from cortex_distill.local.providers import CANCELED, Answer, Call, CallError, Heard
from cortex_distill.local.providers.openai.endpoint import Endpoint
from cortex_distill.local.providers.openai.failures import Asked, Passing, Unreachable, of_error, of_status
from cortex_distill.local.providers.openai.reply import answer_of
from cortex_distill.local.providers.openai.request import body_of

ATTEMPTS = 5  # at one call; what still fails then, the ledger asks again some seconds later
CONNECTING = 10.0  # seconds until an address where nobody answers is given up

_TRIED = f"; tried {ATTEMPTS} times"


class Batch:
    """The calls that one caller waits for."""

    def __init__(self, calls: Sequence[Call], stopped: Callable[[], bool], heard: Heard) -> None:
        self.stopped, self.heard = stopped, heard
        self.answers: list[Answer | CallError] = [CallError(CANCELED)] * len(calls)
        self.workers: list[asyncio.Task[None]] = []
        self._left = deque(enumerate(calls))

    def left(self) -> Iterator[tuple[int, Call]]:
        """Take one call after the other, unless stopped; several may take at once, each gets others."""
        while self._left and not self.stopped():
            yield self._left.popleft()

    def give_up(self) -> None:
        """Break off the calls under way."""
        for worker in self.workers:
            worker.cancel()


class Client:
    """At most `concurrency` calls are under way, whoever asks."""

    def __init__(self, endpoint: Endpoint, concurrency: int, timeout: float) -> None:
        """On the loop: the session and the semaphore belong to the one that runs now."""
        self._endpoint, self._concurrency, self._timeout = endpoint, concurrency, timeout
        self._address, self._proxy = endpoint.chat, endpoint.proxy  # to look these up takes as long as half a call
        self._slots = asyncio.Semaphore(concurrency)
        self._again = 0.0  # before that time of the loop the server wants to be left alone
        self._patiently = stamina.AsyncRetryingCaller(
            attempts=ATTEMPTS, timeout=None, wait_initial=0.5, wait_jitter=0.5, wait_max=30.0
        ).on(Passing)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=concurrency),
            timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECTING),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Content-Type": "application/json"},
        )

    async def close(self) -> None:
        """Give the connections back."""
        await self._session.close()

    async def answer(self, batch: "Batch") -> list[Answer | CallError]:
        """An answer or a failure for each call, in order. What the batch gives up has failed as CANCELED."""
        async with asyncio.TaskGroup() as group:
            for _ in range(min(len(batch.answers), self._concurrency)):
                batch.workers.append(group.create_task(self._work(batch)))
        return batch.answers

    async def _work(self, batch: "Batch") -> None:
        """Take calls until none is left. The first that finds nobody there ends the batch for all."""
        for place, call in batch.left():
            async with self._slots:
                try:
                    batch.answers[place] = answer = await self._ask(call)
                    batch.heard(place, answer)
                except Unreachable as error:
                    batch.answers[place] = error
                    for other, _ in batch.left():
                        batch.answers[other] = error
                except CallError as error:
                    batch.answers[place] = error

    async def _ask(self, call: Call) -> Answer:
        body, key = body_of(call, self._endpoint.model), self._endpoint.key()
        asked = Asked(self._endpoint, key, self._timeout)
        try:
            document = await self._post(body, asked)
        except Passing as failure:
            document = await self._again_and_again(failure, body, asked)
        return answer_of(document, call, self._endpoint)

    async def _again_and_again(self, failure: Passing, body: bytes, asked: Asked) -> bytes:
        """After a first failure: the retries count it as theirs. Their machinery is a fifth of what a call costs, and
        most calls need none. Raises CallError."""
        failures = [failure]

        async def attempt() -> bytes:
            if failures:
                raise failures.pop()
            return await self._post(body, asked)

        try:
            return await self._patiently(attempt)
        except Passing as error:
            raise CallError(f"{error}{_TRIED}") from error

    async def _post(self, body: bytes, asked: Asked) -> bytes:
        """One attempt: the document of a reply with status 200. Raises Passing or CallError."""
        loop = asyncio.get_running_loop()
        if self._again > loop.time():
            await asyncio.sleep(self._again - loop.time())
        headers = {"Authorization": f"Bearer {asked.key}"} if asked.key else None
        try:
            async with self._session.post(
                self._address, data=body, headers=headers, proxy=self._proxy, allow_redirects=False
            ) as response:
                document = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            failure = of_error(error, asked)
            raise failure from error
        if response.status == 200:
            return document
        failure = of_status(response.status, response.headers, document, asked)
        if isinstance(failure, Passing):
            self._again = max(self._again, loop.time() + failure.wait)
        raise failure
