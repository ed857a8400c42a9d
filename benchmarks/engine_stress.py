"""Whether the local engine keeps its word when many use it at once, and when processes are killed.

    .venv/bin/python benchmarks/engine_stress.py                 # 8 processes × 12 threads, then 50 × kill -9
    .venv/bin/python benchmarks/engine_stress.py --processes 3 --threads 4 --rounds 3 --kills 6

Every thread writes rows, reads its own back, makes model calls, and shares counters with all others; afterwards each
row is accounted for. Then clients and the engine are killed at random, and no row whose INSERT was answered may be
missing. Ends with status 1 if anything is wrong.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import click

from cortex_distill.local import connect
from cortex_distill.local.service import client, door
from cortex_distill.session import SqlError, execute, open_session
from cortex_distill.sql import Sql

SETUP = (
    "CREATE TABLE log (p INT, t INT, r INT)",
    "CREATE TABLE counter AS SELECT 0 AS n",
    "CREATE TABLE totals (p INT, n INT)",
    "CREATE TABLE said (p INT, t INT, r INT, k INT, prompt VARCHAR, reply VARCHAR)",
    "CREATE TABLE kept (id VARCHAR)",
)
PROMPT = "Is ticket {p}-{t}-{r} about a lost phone? Answer with yes or no."


def at_once(home: Path, process: int, threads: int, rounds: int) -> list[str]:
    """One client process: half of its threads share a session. What went wrong, as texts."""
    shared = connect(home, "simulated", database="DISTILL", schema="PUBLIC")
    problems: list[str] = []

    def work(thread: int) -> None:
        own = thread % 2 == 0
        connection = connect(home, "simulated", database="DISTILL", schema="PUBLIC") if own else shared
        for number in range(rounds):
            try:
                _round(connection, process, thread, number)
            except Exception as error:  # noqa: BLE001  all of them are wanted
                problems.append(f"{process}-{thread}-{number}: {error}")

    running = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    return problems


def _round(connection, p: int, t: int, r: int) -> None:
    cursor = connection.cursor()
    cursor.execute("INSERT INTO log VALUES (?, ?, ?)", (p, t, r))
    cursor.execute(f"CREATE OR REPLACE TEMPORARY TABLE mine_{t} AS SELECT ? AS p, ? AS t, ? AS r", (p, t, r))
    cursor.execute(
        f"""INSERT INTO said SELECT p, t, r, k, prompt, AI_COMPLETE('llama3.1-8b', prompt)
            FROM (SELECT p, t, r, SEQ4() AS k, ? || SEQ4() AS prompt FROM mine_{t}, TABLE(GENERATOR(ROWCOUNT => 3)))""",
        (PROMPT.format(p=p, t=t, r=r),),
    )
    cursor.execute("UPDATE counter SET n = n + 1")
    cursor.execute(
        """MERGE INTO totals USING (SELECT ? AS p) s ON totals.p = s.p
           WHEN MATCHED THEN UPDATE SET n = totals.n + 1 WHEN NOT MATCHED THEN INSERT (p, n) VALUES (s.p, 1)""",
        (p,),
    )
    _expect(cursor.execute(f"SELECT p, t, r FROM mine_{t}").fetchall(), [(p, t, r)])
    _expect(cursor.execute("SELECT COUNT(*) FROM log WHERE p = ? AND t = ?", (p, t)).fetchall(), [(r + 1,)])
    _expect(cursor.execute("SELECT COUNT(reply) FROM said WHERE p = ? AND t = ?", (p, t)).fetchall(), [(3 * r + 3,)])


def _expect(found: object, wanted: object) -> None:
    if found != wanted:
        raise AssertionError(f"wrong rows: {found}, not {wanted}")


def accounted_for(home: Path, processes: int, threads: int, rounds: int) -> list[str]:
    """What is missing, doubled or mixed up after all clients are done."""
    cursor, total = (
        connect(home, "simulated", database="DISTILL", schema="PUBLIC").cursor(),
        processes * threads * rounds,
    )
    wanted = {
        "SELECT COUNT(*) FROM log": total,
        "SELECT COUNT(*) FROM (SELECT DISTINCT p, t, r FROM log)": total,
        "SELECT n FROM counter": total,
        "SELECT SUM(n) FROM totals": total,
        "SELECT COUNT(*) FROM totals": processes,
        "SELECT COUNT(*) FROM (SELECT DISTINCT p, t, r, k FROM said)": 3 * total,
        "SELECT COUNT(*) FROM said WHERE NOT STARTSWITH(prompt, 'Is ticket '||p||'-'||t||'-'||r||' ')": 0,
        """SELECT COUNT(*) FROM (SELECT reply, AI_COMPLETE('llama3.1-8b', prompt) AS again FROM said)
           WHERE EQUAL_NULL(reply, again) IS NOT TRUE""": 0,
    }
    found = {sql: int(cursor.execute(sql).fetchall()[0][0]) for sql in wanted}
    return [f"{sql}: {found[sql]}, not {wanted[sql]}" for sql in wanted if found[sql] != wanted[sql]]


def writer(home: Path, name: str, answered: Path) -> None:
    """One client process: insert rows for ever, and note those whose INSERT was answered."""
    os.environ |= {"DISTILL_MODELS": "simulated", "DISTILL_IN_PROCESS": "0"}
    session = open_session("local", home=home)
    with answered.open("a") as notes:
        number = 0
        while True:
            number += 1
            row = f"{name}-{number}"
            try:
                execute(session, Sql("INSERT INTO kept VALUES (?)", (row,)))
            except SqlError as error:
                if not error.transient:
                    raise
                continue  # nobody knows whether it was committed: not noted, not repeated
            notes.write(row + "\n")
            notes.flush()


def kill_at_random(home: Path, folder: Path, kills: int, writers: int, dice: random.Random) -> list[str]:
    """Kill -9 a writer or the engine, `kills` times. What was lost or doubled."""
    running: list[subprocess.Popen] = []

    def start(number: int) -> subprocess.Popen:
        name = f"w{number}"
        return _client("writer", home, name, folder / name)

    for number in range(writers):
        running.append(start(number))
    engines = 0
    for turn in range(kills):
        time.sleep(dice.uniform(0.5, 2.0))
        status = _status(home)
        if status and (turn % 2 or dice.random() < 0.3):
            os.kill(status["pid"], signal.SIGKILL)
            engines += 1
        else:
            place = dice.randrange(writers)
            running[place].kill()
            running[place].wait()
            running[place] = start(writers + turn)
    _wait_until_all_write(folder, running)
    died = [one.args for one in running if one.poll() is not None]
    for one in running:
        one.kill()
        one.wait()
    noted = [line for file in folder.glob("w*") for line in file.read_text().splitlines()]
    rows = [
        row
        for (row,) in connect(home, "simulated", database="DISTILL", schema="PUBLIC")
        .cursor()
        .execute("SELECT id FROM kept")
    ]
    lost, doubled = set(noted) - set(rows), len(rows) - len(set(rows))
    click.echo(f"kill -9: {kills} ({engines} of the engine), {len(noted):,} rows answered, {len(rows):,} there")
    problems = [f"{len(lost)} answered rows are lost, e.g. {sorted(lost)[:3]}"] if lost else []
    problems += [f"{doubled} rows are there twice"] if doubled else []
    return problems + [f"a writer ended by itself: {one}" for one in died]


def _wait_until_all_write(folder: Path, running: list[subprocess.Popen]) -> None:
    """After the last kill every writer must get on by itself."""
    names = [one.args[-2] for one in running]
    before = {name: _size(folder / name) for name in names}
    give_up = time.monotonic() + 60
    alive = all(one.poll() is None for one in running)
    while alive and time.monotonic() < give_up and any(_size(folder / name) == before[name] for name in names):
        time.sleep(0.1)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _status(home: Path) -> dict | None:
    found = door.read(home)
    return client.ask(found, "status") if found else None


def _client(role: str, home: Path, *arguments: object) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, __file__, "--role", role, str(home), *map(str, arguments)])


@click.command()
@click.option("--role", default="all", hidden=True)
@click.argument("given", nargs=-1)
@click.option("--processes", default=8, show_default=True)
@click.option("--threads", default=12, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--kills", default=50, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(role: str, given: tuple[str, ...], processes: int, threads: int, rounds: int, kills: int, seed: int) -> None:
    """Stress, then kill."""
    if role == "writer":
        writer(Path(given[0]), given[1], Path(given[2]))
    if role == "at-once":
        problems = at_once(Path(given[0]), *map(int, given[1:]))
        click.echo("".join(f"{problem}\n" for problem in problems), nl=False, err=True)
        sys.exit(bool(problems))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        connection = connect(home, "simulated", database="DISTILL", schema="PUBLIC")
        for statement in SETUP:
            connection.cursor().execute(statement)
        started = time.monotonic()
        clients = [_client("at-once", home, number, threads, rounds) for number in range(processes)]
        failed = sum(one.wait() for one in clients)
        seconds = time.monotonic() - started
        problems = accounted_for(home, processes, threads, rounds)
        statements = processes * threads * rounds * 8
        click.echo(
            f"at once: {processes} processes × {threads} threads, {statements:,} statements in {seconds:.0f} s, "
            f"{failed} processes with errors, {len(problems)} wrong counts"
        )
        problems += [f"{failed} client processes met errors"] if failed else []
        problems += kill_at_random(home, Path(folder), kills, 4, random.Random(seed)) if kills else []
        client.stop(home, 0)
    for problem in problems:
        click.secho(problem, fg="red", err=True)
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
