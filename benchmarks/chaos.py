"""Whether a run that is killed at any moment ends as if nothing had happened, and what that costs.

    .venv/bin/python benchmarks/chaos.py                              # 100 × kill -9; some 30 minutes on two cores
    .venv/bin/python benchmarks/chaos.py --kills 5 --seed 3           # a minute

The real flow runs on the local engine; teacher and judge are models behind an OpenAI-compatible server that counts
what it is asked, so that "paid again" is what a provider would bill, not what the ledger believes. A run is killed
eight to ten times: its client, its worker and client at once, its worker alone, or the engine, each at a random
moment of a random stage. Then the same command runs again, or the same flow run is retried, until it has ended, and
all of its tables are compared with those of a run that nobody disturbed (chaos_tables.py says what may differ).
Ends with status 1 if a table differs, a training was started twice, or more was paid again than was in flight.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.chaos_retries import Retry, prefect
from benchmarks.chaos_runs import Command, Notes, Nursery, Place, kill, note_stages, nursery
from benchmarks.chaos_tables import differences, failed_jobs, jobs_started, read_tables
from cortex_distill.local.service import client, door
from tests.conftest import SMALL
from tests.flows.test_distill import HOLDOUT
from tests.flows.test_endpoint import simulated
from tests.local.endpoint import Reply, Server, completion, routes, serving

ROWS_PER_STATEMENT = 6  # several statements for each step, so that kills fall between them, too
LATENCY = 0.3  # seconds a call: long enough that engines die while calls are in the air
VICTIMS = {"client": 0.35, "engine": 0.35, "worker and client": 0.2, "worker": 0.1}
PATIENCE = 240.0  # seconds until a stage that does not come is a failure
ATTEMPTS = 25  # of one run that is killed ten times at most; more means that it cannot go on

os.environ |= {
    "DISTILL_IN_PROCESS": "0",  # tests/conftest.py says otherwise, also to the processes of runs
    "DISTILL_ROWS_PER_STATEMENT": str(ROWS_PER_STATEMENT),
    "DISTILL_ENGINE_IDLE": "60",
    "PREFECT_LOGGING_LEVEL": "INFO",  # stages are noted from the log
}


class Stuck(Exception):
    """A run does not get on."""


class Chaos:
    """All kills: what was hit, what was paid, what differs."""

    def __init__(self, folder: Path, server: Server, dice: random.Random) -> None:
        self.folder, self.server, self.dice = folder, server, dice
        self.kills: Counter[tuple[str, str]] = Counter()
        self.problems: list[str] = []
        self.made = self.needed = self.paid_again = self.in_flight = self.in_the_air = self.runs = self.attempts = 0
        self.stages: list[str] = []
        self.durations: list[float] = []
        self.undisturbed: dict[str, list[tuple]] = {}
        self.calls: set[str] = set()

    def first(self, place: Place) -> None:
        """The run that nobody disturbs."""
        self.server.calls.clear()
        way = Command(place, self.nursery)
        notes = way.start()
        notes = self._until(way, notes, None)
        self.stages, self.durations = notes.stages(), notes.durations()
        self.undisturbed = read_tables(place.home, place.models, notes.run_id())
        self.calls = set(map(json.dumps, self.server.calls))
        client.stop(place.home, 0)

    def disturbed(self, number: int, kills: int, worker: Retry | None) -> int:
        """One run with up to that many kills; how many there were."""
        place = self._place(f"run{number}")
        way = worker.at(place) if worker else Command(place, self.nursery)
        self.server.calls.clear()
        victims = [name for name in VICTIMS if worker or "worker" not in name]
        targets = sorted(self.dice.randrange(len(self.stages)) for _ in range(kills))
        notes, done = way.start(), 0
        self.attempts = 0
        for target in targets:
            notes = self._until(way, notes, target)
            if way.state() == "ended":
                break
            time.sleep(self.dice.random() * min(self.durations[target], 5.0))
            victim = self.dice.choices(victims, [VICTIMS[name] for name in victims])[0]
            if way.state() == "ended":
                break
            stage = self.stages[min(len(notes.stages()), len(self.stages) - 1)]
            self._strike(way, notes, victim, stage, place)
            done += 1
        while way.state() != "ended":
            notes = self._until(way, notes, None)
        self._account(place, notes, number)
        client.stop(place.home, 0)
        shutil.rmtree(place.home, ignore_errors=True)
        return done

    def _place(self, name: str) -> Place:
        return Place(self.folder / name, self.folder / "shoes.yaml", str(self.folder / "local.toml"))

    def _revived(self, way: Command | Retry, notes: Notes) -> Notes:
        """The same command or retry, if what ran has died or failed."""
        if way.state() != "died":
            return notes
        self.attempts += 1
        if self.attempts > ATTEMPTS:
            raise Stuck(f"the run does not end after {ATTEMPTS} attempts; it said:\n{way.said()}")
        return way.start()

    def _until(self, way: Command | Retry, notes: Notes, finished: int | None) -> Notes:
        """Wait until so many stages of an attempt have ended, or it has; one that died by itself is made again."""
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            state = way.state()
            if state == "ended":
                return notes
            if state == "died":
                notes = self._revived(way, notes)
            elif finished is not None and len(notes.stages()) >= finished:
                return notes
            time.sleep(0.02)
        raise Stuck(f"nothing happened for {PATIENCE:.0f} s; the run said:\n{way.said()}")

    def _strike(self, way: Command | Retry, notes: Notes, victim: str, stage: str, place: Place) -> None:
        asking = stage.startswith(("generate", "judge", "check", "evaluate"))
        if victim == "engine":
            found = door.read(place.home)
            status = client.ask(found, "status") if found else None
            if status is None:
                victim = "client"  # there is no engine yet, or it is starting
            else:
                self.in_the_air += self.server.under_way
                kill(status["pid"])
        if victim != "engine":
            way.kill(victim)
        self.kills[victim, stage] += 1
        self.in_flight += ROWS_PER_STATEMENT if asking else 0
        click.echo(f"  {time.strftime('%H:%M:%S')} kill -9 {victim} in '{stage}'")

    def _account(self, place: Place, notes: Notes, number: int) -> None:
        tables = read_tables(place.home, place.models, notes.run_id())
        found = [f"run {number}: {text}" for text in differences(self.undisturbed, tables)]
        jobs = jobs_started(place.home, place.models)
        found += [f"run {number}: {name} was trained {count} times" for name, count in jobs.items() if count > 1]
        found += [f"run {number}: a training failed: {said}" for said in failed_jobs(place.home, place.models)]
        asked = list(map(json.dumps, self.server.calls))
        found += [f"run {number}: other calls than in the undisturbed run"] if set(asked) != self.calls else []
        self.runs, self.needed, self.made = self.runs + 1, self.needed + len(self.calls), self.made + len(asked)
        self.paid_again += len(asked) - len(set(asked))
        self.problems += found
        click.echo(f"run {number}: {len(asked)} calls, {len(self.calls)} needed; {len(found)} differences")
        for text in found:
            click.secho(f"  {text}", fg="red")


@contextmanager
def _served(folder: Path) -> Iterator[Server]:
    """The models' server, and the files of the experiment."""
    with serving() as server:
        server.behave = lambda body, number: Reply(completion(simulated(body), body), seconds=LATENCY)
        (folder / "local.toml").write_text(routes(server.base_url), encoding="utf-8")
        (folder / "rows.csv").write_text(HOLDOUT, encoding="utf-8")
        data = yaml.safe_load(SMALL) | {"holdout": {"file": "rows.csv"}}
        del data["prompts"]["with_definitions"]
        (folder / "shoes.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        yield server


def _report(chaos: Chaos, kills: int, seconds: float) -> list[str]:
    by_victim, by_stage = Counter(), Counter()
    for (victim, stage), count in chaos.kills.items():
        by_victim[victim] += count
        by_stage[stage] += count
    click.echo(f"\nkill -9: {kills} in {chaos.runs} runs, {seconds / 60:.1f} minutes")
    click.echo("  by victim: " + ", ".join(f"{name} {count}" for name, count in by_victim.most_common()))
    click.echo("  by stage:  " + ", ".join(f"{name} {by_stage[name]}" for name in dict.fromkeys(chaos.stages)))
    click.echo(
        f"calls of teacher and judge: {chaos.needed} needed, {chaos.made} made, {chaos.paid_again} paid again"
        f" ({chaos.in_the_air} were in the air when an engine was killed, at most {chaos.in_flight} in the batches in"
        " flight)"
    )
    problems = list(chaos.problems)
    if chaos.paid_again > chaos.in_flight:
        problems.append(f"{chaos.paid_again} calls were paid again, but at most {chaos.in_flight} were in flight")
    click.echo("tables: " + ("as in the undisturbed run, every time" if not chaos.problems else "they differ"))
    return problems


@click.command()
@click.option("--role", default="all", hidden=True)
@click.argument("given", nargs=-1)
@click.option("--kills", default=100, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--worker-runs", default=4, show_default=True, help="every so manieth run is a worker's; 0: none")
@click.option("--minutes", default=120.0, show_default=True, help="no new run begins after that")
def main(role: str, given: tuple[str, ...], kills: int, seed: int, worker_runs: int, minutes: float) -> None:
    """Kill, go on, compare."""
    if role == "run":
        return note_stages(given)
    if role == "nursery":
        return nursery()
    dice, started = random.Random(seed), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos") as name, _served(Path(name)) as server:
        folder = Path(name)
        chaos = Chaos(folder, server, dice)
        with prefect(folder, with_worker=worker_runs > 0) as worker:
            chaos.nursery = Nursery()
            chaos.first(chaos._place("undisturbed"))
            done = number = 0
            try:
                while done < kills and time.monotonic() - started < 60 * minutes:
                    number += 1
                    way = worker if worker_runs and number % worker_runs == 0 else None
                    done += chaos.disturbed(number, min(dice.choice((8, 9, 10)), kills - done), way)
            except Stuck as stuck:
                chaos.problems.append(str(stuck))
                done = chaos.kills.total()
            chaos.nursery.close()
        problems = _report(chaos, done, time.monotonic() - started)
    for problem in problems:
        click.secho(problem, fg="red", err=True)
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
