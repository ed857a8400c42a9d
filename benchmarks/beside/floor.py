"""The least that a client can do: aiohttp, 32 rows at once, each row's calls one after the other, nothing kept.

python benchmarks/beside/floor.py w3 1000 http://127.0.0.1:PORT
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import aiohttp

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.beside.texts import CONCURRENCY, category, given, rate, sort, write


async def main(workload: str, rows: int, address: str) -> None:
    """Make all calls."""
    left = iter(range(rows))

    async def ask(session: aiohttp.ClientSession, prompt: str) -> str:
        body = {"model": "stub", "messages": [{"role": "user", "content": prompt}]}
        async with session.post(f"{address}/v1/chat/completions", data=json.dumps(body)) as response:
            return json.loads(await response.read())["choices"][0]["message"]["content"]

    async def work(session: aiohttp.ClientSession) -> None:
        for number in left:
            request = given(number)
            if workload == "w3":
                request = json.loads(await ask(session, write(number)))["request"]
                await ask(session, rate(request, category(number)))
            await ask(session, sort(request))

    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector, headers={"Content-Type": "application/json"}) as session:
        await asyncio.gather(*[work(session) for _ in range(CONCURRENCY)])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
