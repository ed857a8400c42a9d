"""W3: a thousand tickets written, judged and classified through an endpoint that takes 50 ms a call.

    .venv/bin/python benchmarks/endpoint_w3.py                  # what the product adds to the endpoint's own time
    .venv/bin/python benchmarks/endpoint_w3.py --kill-at 0.5    # engine and client are killed -9 halfway, and run again

The real steps (prepare, generate, judge, split, evaluate) on the local engine, which is a process of its own, with the
ledger, Snowpark and SQL; the endpoint is a stub in a third process. Without Prefect's engine: the steps are called as
functions. The serving window is from the first call's arrival at the stub to the last reply, ideal is calls × latency /
concurrency, CPU is that of client and engine. The floor is a bare aiohttp client against the same stub. A killed run
must end with the tickets and predictions of one that was not.

2026-11-26, two idle cores, 2 runs: window 7.77 and 7.44 s, 1.66 and 1.59 × ideal (floor 1.09 and 1.11); CPU 1.59 and
1.50 ms a call for the steps, 2.7 and 2.6 with start-up; peak 217 and 308 MiB; killed at 0.5: 32 paid twice.
The same day, busy with other work as well (load 1 to 10), so only CPU, counts and minima say something there:
- 2,995 calls, 12 runs: CPU 1.5 to 1.9 ms a call for the steps (2.9 to 3.2 with start-up); window 1.7 × ideal at best,
  when the floor was 1.2, and up to 3.1 under load; peak memory of client and engine 217 and 300 MiB.
- 29,990 calls (--rows 10000), 1 run: 1.07 ms a call, 230 and 388 MiB.
- --kill-at, 7 runs, killed at 0.1 to 0.8 of the calls: 14 to 32 paid twice, the same tickets and predictions each time.
- --latency 1 --spread 0.5 --rows 500, 1 run: 1.35 × ideal. What is lost is mostly the end of each statement, when the
  last calls leave the places of the others empty.
"""

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

MODEL = "llama3.3-70b"
CATEGORIES = ["Roaming fees", "Slow data speed", "Lost phone", "Add new line", "Closing account"]
EXPERIMENT = """
name: w3
categories: {categories}
models: {{teacher: {model}, judge: {model}, student: llama3.1-8b}}
generate:
  per_category: {per_category}
  per_call: 1
  prompt: |
    Please write an example of a customer service request to a telecom provider of the category {{{{ category }}}}.
    Answer with a JSON object that has the keys scenario and request.
judge:
  thresholds: {{realistic: 3, valid: 3}}
  prompt: |
    Rate this customer service request of the category {{{{ category }}}}: {{{{ request }}}}
    Answer with JSON that has the keys realistic and valid, from 1 to 5.
split: {{train: 0.001, validation: 0.999}}
prompts:
  list_only: |
    Categories: {{% for category in categories %}}{{{{ category }}}}, {{% endfor %}}
    Answer with the category only. request: {{{{ request }}}}
"""
ROUTE = '[[models]]\nprovider = "openai"\nbase_url = "{}"\nmodel = "stub"\nconcurrency = {}\n'
OUTCOME = (
    "SELECT ticket_id, category, request, split FROM TICKETS WHERE run_id = ? ORDER BY 1",
    "SELECT row_key, response, prediction FROM PREDICTIONS WHERE run_id = ? ORDER BY 1",
)


def stub(latency: float, spread: float) -> None:
    """An endpoint whose replies depend on nothing but the request. Says its port, counts, and answers GET /seen."""
    from aiohttp import web

    seen, times = Counter(), []
    peak = under_way = 0

    async def chat(request):
        nonlocal peak, under_way
        times.append(time.monotonic())
        text = await request.read()
        digest = hashlib.sha256(text).hexdigest()
        seen[digest] += 1
        under_way += 1
        peak = max(peak, under_way)
        await asyncio.sleep(latency * (1 + spread * (2 * int(digest[:8], 16) / 0xFFFFFFFF - 1)))
        under_way -= 1
        times.append(time.monotonic())
        return web.json_response(_completion(json.loads(text), digest))

    async def tell(request):
        window = max(times) - min(times) if times else 0.0
        calls = seen.total()
        return web.json_response({"calls": calls, "repeats": calls - len(seen), "window": window, "peak": peak})

    async def serve():
        app = web.Application()
        app.add_routes([web.post("/v1/chat/completions", chat), web.get("/seen", tell)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        click.echo(site._server.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(serve())


def _completion(body: dict, digest: str) -> dict:
    text = CATEGORIES[int(digest[:8], 16) % len(CATEGORIES)]
    if "response_format" in body:
        kinds = body["response_format"]["json_schema"]["schema"]["properties"]
        text = json.dumps({key: f"{key} {digest}" if kind["type"] == "string" else 4 for key, kind in kinds.items()})
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": len(json.dumps(body["messages"])) // 4, "completion_tokens": len(text) // 4}
    return {"object": "chat.completion", "model": body["model"], "choices": [choice], "usage": usage}


async def floor(address: str, calls: int, concurrency: int) -> float:
    """Seconds that a client takes that does nothing else."""
    import aiohttp

    left = iter(range(calls))

    async def work(session):
        for number in left:
            body = {"model": "floor", "messages": [{"role": "user", "content": f"{number} {'word ' * 60}"}]}
            async with session.post(f"{address}/v1/chat/completions", data=json.dumps(body)) as response:
                json.loads(await response.read())

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:
        started = time.monotonic()
        await asyncio.gather(*[work(session) for _ in range(concurrency)])
        return time.monotonic() - started


def run_steps(experiment: Path, home: Path) -> None:
    """The client: the steps one after the other. Prints what they cost and what came out, as one line of JSON."""
    from cortex_distill.load import load_experiment
    from cortex_distill.local.service import client, door
    from cortex_distill.run import Run
    from cortex_distill.session import open_session
    from tasks.deduplicate import deduplicate_tickets
    from tasks.evaluate import base_arms, evaluate_arm
    from tasks.generate import generate_tickets
    from tasks.judge import judge_tickets
    from tasks.prepare import prepare_tables
    from tasks.split import split_tickets

    session = open_session("local", home=home)
    run = Run(session, "w3", load_experiment(experiment), "local")
    engine = client.ask(door.read(home), "status")["pid"]
    before, started = (_cpu(os.getpid()), _cpu(engine)), time.monotonic()
    prepare_tables.fn(run)
    asked = [generate_tickets.fn(run).calls]
    deduplicate_tickets.fn(run)
    asked.append(judge_tickets.fn(run).calls)
    split_tickets.fn(run)
    asked.append(evaluate_arm.fn(run, base_arms(run)[0]))
    seconds = time.monotonic() - started
    outcome = hashlib.sha256(json.dumps([list(map(list, run.sql(sql, run.id))) for sql in OUTCOME]).encode())
    told = {"rows": [one.rows for one in asked], "failed": sum(one.failed for one in asked), "seconds": seconds}
    after = _cpu(os.getpid()), _cpu(engine)
    told |= {"cpu": [then - now for now, then in zip(before, after, strict=True)], "cpu_in_all": after}
    told |= {"peak": [_peak(os.getpid()), _peak(engine)], "outcome": outcome.hexdigest()}
    session.close()
    click.echo(json.dumps(told))


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> float:
    """Peak resident memory in MiB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


class Bench:
    """One stub, and runs against it."""

    def __init__(self, folder: Path, rows: int, concurrency: int, latency: float, spread: float) -> None:
        self.folder = folder
        self.server = _start("stub", latency, spread)
        self.address = f"http://127.0.0.1:{int(self.server.stdout.readline())}"
        self.routes, self.experiment = folder / "local.toml", folder / "w3.yaml"
        self.routes.write_text(ROUTE.format(f"{self.address}/v1", concurrency))
        text = EXPERIMENT.format(categories=json.dumps(CATEGORIES), model=MODEL, per_category=rows // len(CATEGORIES))
        self.experiment.write_text(text)

    def seen(self) -> dict:
        with urllib.request.urlopen(f"{self.address}/seen") as reply:
            return json.load(reply)

    def client(self, home: Path) -> subprocess.Popen:
        return _start("client", self.experiment, home, DISTILL_MODELS=str(self.routes), DISTILL_IN_PROCESS="0")

    def finished(self, client: subprocess.Popen, home: Path) -> dict:
        from cortex_distill.local.service.client import stop

        said = client.communicate()[0]
        stop(home, 0)
        if client.returncode:
            raise SystemExit(f"the client ended with status {client.returncode}")
        return json.loads(said)

    def close(self) -> None:
        self.server.kill()
        self.server.communicate()


def _start(role: str, *arguments: object, **environment: str) -> subprocess.Popen:
    paths = {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, __file__, "--role", role, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **paths, **environment})


def _killed(bench: Bench, home: Path, at: int) -> dict:
    """A run whose engine and client are killed once the stub has seen that many calls, and its second try."""
    from cortex_distill.local.service import client, door

    first = bench.client(home)
    while bench.seen()["calls"] < at:
        time.sleep(0.005)
    os.kill(client.ask(door.read(home), "status")["pid"], signal.SIGKILL)
    first.kill()
    first.communicate()
    click.echo(f"killed -9, client and engine, at {bench.seen()['calls']} calls")
    return bench.finished(bench.client(home), home)


def _report(told: dict, seen: dict, ideal: float) -> None:
    table, calls = Table("W3", "", box=None, show_header=False), seen["calls"]
    cpu, everything = sum(told["cpu"]), sum(told["cpu_in_all"])
    table.add_row("calls", f"{calls:,} ({' + '.join(map(str, told['rows']))}), {told['failed']} failed")
    table.add_row("at once", f"{seen['peak']}")
    table.add_row("serving window", f"{seen['window']:.2f} s, {seen['window'] / ideal:.2f} × ideal {ideal:.2f} s")
    table.add_row("all steps", f"{told['seconds']:.2f} s")
    table.add_row("CPU of the steps", f"{1000 * cpu / calls:.2f} ms a call (client, engine: {_both(told['cpu'])} s)")
    table.add_row("with start-up", f"{1000 * everything / calls:.2f} ms a call ({_both(told['cpu_in_all'])} s)")
    table.add_row("peak memory", f"client, engine: {_both(told['peak'])} MiB")
    Console().print(table)


def _both(pair: list[float]) -> str:
    return ", ".join(f"{one:.1f}" for one in pair)


@click.command()
@click.option("--role", default="all", hidden=True)
@click.argument("given", nargs=-1)
@click.option("--rows", default=1000, show_default=True)
@click.option("--concurrency", default=32, show_default=True)
@click.option("--latency", default=0.05, show_default=True, help="Seconds that the stub takes.")
@click.option("--spread", default=0.0, show_default=True, help="Share by which that varies from call to call.")
@click.option("--kill-at", default=0.0, help="Share of the calls after which engine and client are killed.")
def main(role: str, given: tuple[str, ...], rows: int, concurrency: int, latency: float, spread: float, kill_at: float):
    """Measure one run; then, with --kill-at, another one that is killed and run again."""
    if role == "stub":
        stub(*map(float, given))
    if role == "client":
        run_steps(*map(Path, given))
    if role != "all":
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(folder, rows, concurrency, latency, spread)
        try:
            told = bench.finished(bench.client(folder / "home"), folder / "home")
            seen = bench.seen()
            _report(told, seen, seen["calls"] * latency / concurrency)
            if kill_at:
                needed = seen["calls"]
                again = _killed(bench, folder / "killed", needed + int(kill_at * needed))
                made = bench.seen()["calls"] - needed
                same = "the same as" if again["outcome"] == told["outcome"] else "NOT the same as"
                click.echo(f"{made:,} calls in all, {made - needed} paid twice; tickets and predictions {same} without")
            bare = asyncio.run(floor(bench.address, rows, concurrency))
            click.echo(f"floor: {bare / (rows * latency / concurrency):.2f} × ideal")
        finally:
            bench.close()


if __name__ == "__main__":
    main()
