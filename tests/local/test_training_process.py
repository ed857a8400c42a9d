"""A training's process and its parent: what each does when the other dies, and that no folder has two."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from cortex_distill.local.engine import Engine
from cortex_distill.local.providers import CallError, Cancelled, Training
from cortex_distill.local.providers.gguf.finetune import PROCESS, Trainer
from cortex_distill.local.providers.training.files import JOB, LOCK
from tests.local.tiny_llama import TinyProvider, bytewise, write_tiny

ROOT = Path(__file__).parents[2]
LONG = 1000  # epochs: it is never done before it is killed
ROWS = [(f"{word} {number}", label) for number in range(4) for word, label in (("lost", "A"), ("bill", "B"))]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture
def trainer():
    trainer = Trainer()
    yield trainer
    trainer.close()


@pytest.fixture
def train(trainer, tiny, tmp_path):
    def run(progress=lambda now: None, epochs=2, rows=ROWS, source=tiny):
        job = Training("llama3.1-8b", rows, rows[:2], epochs, tmp_path, progress)
        return trainer.run(job, bytewise, source, "tiny")

    return run


def running(trainer):
    """The training's process; None while there is none."""
    return next(iter(trainer._processes._running), None)


def until(condition, seconds=60):
    give_up = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    return found


def killer(trainer, deaths):
    """Kills as many processes, each as soon as it says its first word."""
    killed = set()

    def progress(now):
        process = running(trainer)
        if process and process.pid not in killed and len(killed) < deaths:
            killed.add(process.pid)
            process.kill()

    return progress, killed


def test_a_training_leaves_its_model_and_a_report_and_nothing_else(train, tmp_path):
    said = []
    trained = train(said.append)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.gguf", "training.json"]
    report = json.loads((tmp_path / "training.json").read_text())
    assert trained == (report["training_loss"], report["validation_loss"], report["trained_tokens"])
    assert (report["served_by"], report["base_model"], report["rows"]) == ("tiny", "llama3.1-8b", 8)
    assert said[-1].share == 1 and said[-1].training_loss == report["losses"][-1]


def test_a_process_that_dies_is_started_once_more(train, trainer):
    progress, killed = killer(trainer, 1)
    assert train(progress).trained_tokens > 0 and len(killed) == 1


def test_a_process_that_dies_again_is_an_error(train, trainer):
    progress, killed = killer(trainer, 2)
    with pytest.raises(CallError, match="died 2 times, at last with exit status -9: it was killed"):
        train(progress, epochs=LONG)
    assert len(killed) == 2


def test_what_the_process_cannot_do_is_said_and_not_tried_again(train, trainer, tmp_path):
    (tmp_path / "no.gguf").write_text("no model")
    seen = set()
    with pytest.raises(CallError, match=r"fine-tuning failed: .*no.gguf cannot be read as a GGUF file"):
        train(lambda now: seen.add(running(trainer)), source=tmp_path / "no.gguf")
    assert len(seen - {None}) <= 1


def test_cancelling_ends_the_process(train, trainer):
    def cancel(now):
        if process := running(trainer):
            seen.append(process)
            raise Cancelled

    seen = []
    with pytest.raises(Cancelled):
        train(cancel)
    assert seen[0].poll() is not None and running(trainer) is None


def test_closing_ends_a_training(train, trainer):
    closed = []

    def close(now):
        if running(trainer) and not closed:
            closed.append(trainer.close())

    with pytest.raises(CallError, match="has been closed"):
        train(close, epochs=LONG)
    assert running(trainer) is None


def test_a_training_waits_while_another_process_is_in_its_folder_and_ends_when_nobody_listens(train, trainer, tmp_path):
    def cancel(now):
        if running(trainer):
            raise Cancelled

    with pytest.raises(Cancelled):  # which leaves the job file
        train(cancel)
    with FileLock(tmp_path / LOCK):
        command = [sys.executable, "-m", PROCESS, str(tmp_path / JOB)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        assert [process.stdout.readline() for _ in range(3)] == [b"{}\n"] * 3
        process.stdout.close()
        assert process.wait(30) == 1


HOST = """
import sys, time
from pathlib import Path
from snowflake.snowpark import Session
from cortex_distill.local.engine import Engine
from tests.local.tiny_llama import TinyProvider
engine = Engine(Path(sys.argv[1]), TinyProvider(Path(sys.argv[2])))
session = Session.builder.configs({"connection": engine.connect("D", "S")}).create()
rows = "SELECT seq4()::STRING AS prompt, 'c' AS completion FROM TABLE(GENERATOR(ROWCOUNT => 9))"
session.sql(f"CREATE TABLE t AS {rows}").collect()
create = "SELECT SNOWFLAKE.CORTEX.FINETUNE('CREATE', 'm', 'llama3.1-8b', 'SELECT * FROM t')"
print(session.sql(create).collect()[0][0], flush=True)
time.sleep(600)
"""


def test_after_kill_minus_nine_of_the_engine_the_next_one_finishes_the_training(tiny, tmp_path):
    host = subprocess.Popen([sys.executable, "-c", HOST, tmp_path, tiny], stdout=subprocess.PIPE, cwd=ROOT, text=True)
    job_id = host.stdout.readline().strip()
    folder = tmp_path / "models" / job_id
    until((folder / JOB).exists)
    host.kill()
    host.wait()
    host.stdout.close()
    engine = Engine(tmp_path, TinyProvider(tiny))
    until(lambda: not engine.unfinished_jobs())
    job = json.loads(engine._jobs.call(["DESCRIBE", job_id], "D.S", None))
    engine.close()
    assert (job["status"], job["model"], job.get("error")) == ("SUCCESS", "D.S.M", None)
    assert sorted(path.name for path in folder.iterdir()) == ["model.gguf", "training.json"]
