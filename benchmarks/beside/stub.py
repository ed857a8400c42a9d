"""A server with OpenAI's chat API that takes 50 ms a reply, answers the same to the same, and counts what it is asked.

    python benchmarks/beside/stub.py          # prints its port

A reply depends on the messages and the seed alone: a ticket, a rating or a category, by the words of the prompt.
GET /seen: calls, repeats (same messages, same seed), most at once, seconds from the first arrival to the last reply.
POST /forget begins to count anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from aiohttp import web

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.beside.texts import CATEGORIES, LATENCY


class Count:
    """What the stub was asked since the last /forget."""

    def __init__(self) -> None:
        self.asked: Counter[bytes] = Counter()
        self.first = self.last = 0.0
        self.under_way = self.most = 0

    def seen(self) -> dict[str, Any]:
        calls = self.asked.total()
        return {
            "calls": calls,
            "repeats": calls - len(self.asked),
            "peak": self.most,
            "window": self.last - self.first,
            "first": self.first,
            "last": self.last,
        }


class Stub:
    """The server's one handler: no router, which costs as much as the rest."""

    def __init__(self) -> None:
        self.count = Count()

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer a chat, or tell what was seen."""
        if request.path.endswith("/chat/completions"):
            return await self._chat(request)
        if request.path == "/forget":
            self.count = Count()
        if request.path.endswith("/models"):
            return _reply({"object": "list", "data": [{"id": "stub", "object": "model"}]})
        return _reply(self.count.seen())

    async def _chat(self, request: web.BaseRequest) -> web.Response:
        now, count = time.time(), self.count
        body = json.loads(await request.read())
        key = hashlib.sha256(json.dumps([body["messages"], body.get("seed")]).encode()).digest()
        count.first = count.first or now
        count.asked[key] += 1
        count.under_way += 1
        count.most = max(count.most, count.under_way)
        await asyncio.sleep(LATENCY)
        count.under_way -= 1
        count.last = time.time()
        return _reply(_completion(body, key))


def _completion(body: dict[str, Any], key: bytes) -> dict[str, Any]:
    prompt = body["messages"][-1]["content"] if body["messages"] else ""  # curator first asks with none
    prompt = prompt if isinstance(prompt, str) else " ".join(str(part.get("text", "")) for part in prompt)
    text = _text(prompt, key.hex())
    usage = {"prompt_tokens": len(prompt) // 4 + 1, "completion_tokens": len(text) // 4 + 1}
    return {
        "id": f"chatcmpl-{key.hex()[:24]}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": usage | {"total_tokens": sum(usage.values())},
    }


def _text(prompt: str, digest: str) -> str:
    if "keys scenario and request" in prompt:
        words = " ".join(digest[at : at + 8] for at in range(0, 64, 8))
        return json.dumps({"scenario": f"A customer is in case {digest[:8]}.", "request": f"Please help with {words}."})
    if "keys realistic and valid" in prompt:
        return json.dumps({"realistic": 4, "valid": 5})
    return CATEGORIES[int(digest[:8], 16) % len(CATEGORIES)]


def _reply(document: dict[str, Any]) -> web.Response:
    return web.Response(body=json.dumps(document).encode(), content_type="application/json")


async def serve() -> None:
    """Print the port, and serve until killed."""
    runner = web.ServerRunner(web.Server(Stub().handle, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
