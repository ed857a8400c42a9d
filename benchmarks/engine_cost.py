"""What the local engine costs beside the model: a trivial statement, and 10,000 completions, on both transports.

    .venv/bin/python benchmarks/engine_cost.py [--write docs/benchmarks.md]

The model is a sleep of one millisecond a call, so its own time is known; a real one takes hundreds of them.
"""

import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import click
from snowflake.connector import SnowflakeConnection, connect

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.beside.page import WRITE, Result, publish
from cortex_distill.local.engine import Engine
from cortex_distill.local.providers import Answer
from cortex_distill.local.service.door import Door
from cortex_distill.local.service.server import Service

SECONDS_PER_CALL = 0.001
COLUMNS = ("what", "SELECT 1, ms", "completions", "model, s", "statement, s", "engine's share")
ASK = "CREATE OR REPLACE TABLE said AS SELECT n, AI_COMPLETE('llama3.1-8b', p, show_details => TRUE) AS a FROM prompts"


class Sleeper:
    """A provider that sleeps and knows how long it did."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def complete(self, calls, stop=None, heard=None):
        started = time.perf_counter()
        answers = []
        for place, call in enumerate(calls):
            time.sleep(SECONDS_PER_CALL)
            answers.append(Answer(f"reply to {call.messages[0]['content']}", 9, 5, "sleeper"))
            self.seconds += time.perf_counter() - started
            heard(place, answers[-1])  # which is the engine's work, not the model's
            started = time.perf_counter()
        return answers

    def finetune(self, job):
        raise NotImplementedError

    def count_tokens(self, text: str, model: str = "", *, asked: bool = False) -> int:
        return len(text.split())

    def served_by(self, model: str) -> str:
        return "sleeper"

    def close(self) -> None:
        """Nothing to release."""


def trivial(connection: SnowflakeConnection, times: int) -> float:
    """Median milliseconds of SELECT 1."""
    cursor, spent = connection.cursor(), []
    for _ in range(times):
        started = time.perf_counter()
        cursor.execute("SELECT 1").fetchall()
        spent.append(1000 * (time.perf_counter() - started))
    return statistics.median(spent)


def completions(connection: SnowflakeConnection, model: Sleeper, rows: int) -> tuple[float, float]:
    """Seconds of the statement, and seconds of them inside the model."""
    cursor = connection.cursor()
    cursor.execute(
        f"""CREATE OR REPLACE TABLE prompts AS
            SELECT SEQ4() AS n, 'Which category has ticket ' || SEQ4() || '?' AS p
            FROM TABLE(GENERATOR(ROWCOUNT => {rows}))"""
    )
    model.seconds, started = 0.0, time.perf_counter()
    cursor.execute(ASK)
    total = time.perf_counter() - started
    assert cursor.execute("SELECT COUNT(DISTINCT a:choices[0]:messages::STRING) FROM said").fetchall() == [(rows,)]
    return total, model.seconds


@click.command()
@click.option("--statements", default=300, show_default=True)
@click.option("--rows", default=10_000, show_default=True)
@WRITE
def main(statements: int, rows: int, write: Path | None) -> None:
    """Measure, and print one line for each transport."""
    lines, load = [], os.getloadavg()[0]
    model = Sleeper()
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Path(folder), model)
        service = Service(engine, "sleeper", 600)
        serving = threading.Thread(target=service.serve)
        serving.start()
        port = connect(**Door(service.port, "LOCAL", service.token).parameters("B", "PORT"))
        service.engine.protocol.password = None  # an in-process client has none
        for name, connection in (("in-process", engine.connect("B", "INSIDE")), ("loopback", port)):
            trivial(connection, 20)
            milliseconds = trivial(connection, statements)
            total, own = completions(connection, model, rows)
            share = f"{100 * (total - own) / own:.1f} %"
            lines.append([name, f"{milliseconds:.1f}", f"{rows:,}", f"{own:.2f}", f"{total:.2f}", share])
        service.stop(0)
        serving.join()
        engine.close()
    notes = ["the model sleeps 1 ms a call, so that its own time is known"]
    publish(Result("engine", "The engine beside its model", COLUMNS, lines, notes), write, load)


if __name__ == "__main__":
    main()
