"""What Prefect itself adds to a run: the same steps as a flow on a server that is up, and called as functions.

    .venv/bin/python benchmarks/prefect_cost.py [--runs 5] [--write docs/benchmarks.md]

Each run is of the sample experiment with simulated models that answer at once, on the local engine inside this process,
with a config of its own (another draw of tickets), so that each makes all its calls. The two kinds alternate. The
steps alone are the functions behind the tasks, in the order of flows/distill.py, with the report and the leaderboard.
The flow has its heartbeat as in production, of which Prefect waits up to a second at the end of a run
(docs/decisions.md). A worker that starts the run as a process adds that process: shown as its own line.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.beside.page import WRITE, Result, publish

CONFIG = "configs/support_tickets.yaml"
GOAL = 5.0  # seconds


def prepared(folder: str) -> dict[str, str]:
    """Settings that count only before the first import of Prefect."""
    return {
        "PREFECT_HOME": folder,
        "DISTILL_HOME": f"{folder}/engine",
        "DISTILL_MODELS": "simulated",
        "DISTILL_IN_PROCESS": "1",
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "DO_NOT_TRACK": "1",
    }


def overrides(number: int) -> dict[str, Any]:
    """Another temperature makes every call another call."""
    return {"generate.temperature": round(0.5 + number / 1000, 3)}


def as_flow(number: int) -> float:
    """Seconds of a run as a flow."""
    from flows.distill import distill

    started = time.perf_counter()
    distill(CONFIG, "local", overrides(number))
    return time.perf_counter() - started


def as_functions(config: str, changes: dict[str, Any]) -> float:
    """Seconds of the steps without Prefect, in the order of flows/distill.py; artifacts are rendered and not sent."""
    from unittest import mock
    from uuid import uuid4

    from cortex_distill.load import load_experiment
    from cortex_distill.run import Run
    from cortex_distill.session import open_session
    from tasks.check_judge import check_judge
    from tasks.deduplicate import deduplicate_tickets
    from tasks.evaluate import base_arms, evaluate_arm, tuned_arm
    from tasks.fine_tune import start_fine_tuning, wait_for_fine_tuning
    from tasks.generate import all_generated, generate_tickets
    from tasks.judge import all_judged, judge_tickets
    from tasks.leaderboard import update_leaderboard
    from tasks.planned import write_plan
    from tasks.preflight import check_everything
    from tasks.prepare import prepare_tables
    from tasks.quota import rounds
    from tasks.record import record_results
    from tasks.report import Found, report_run
    from tasks.split import split_tickets

    unsent = [f"{module}.create_markdown_artifact" for module in ("tasks.report", "tasks.leaderboard")]
    with mock.patch(unsent[0]), mock.patch(unsent[1]):
        started = time.perf_counter()
        experiment = load_experiment(config, changes)
        session = open_session("local")
        run = Run(session, str(uuid4()), experiment, "local", None, [])
        check_everything.fn(run)
        prepared = prepare_tables.fn(run)
        write_plan.fn(run)
        generated, judged = [], []
        for now in rounds(run):
            generated.append(generate_tickets.fn(run, now))
            repeats = deduplicate_tickets.fn(run)
            judged.append(judge_tickets.fn(run, now))
        checked = check_judge.fn(run)
        shares, job = split_tickets.fn(run), start_fine_tuning.fn(run)
        answers = [(arm, evaluate_arm.fn(run, arm)) for arm in base_arms(run)]
        record_results.fn(run, answers)
        tuned = wait_for_fine_tuning.fn(run, job)
        arm = tuned_arm(run, tuned.model)
        answers.append((arm, evaluate_arm.fn(run, arm)))
        scores = record_results.fn(run, answers)
        asked = [asked for _, asked in answers]
        report_run.fn(
            run,
            Found(
                *(all_generated(generated), all_judged(judged), checked, shares, tuned, asked, scores),
                prepared=prepared,
                repeats=repeats,
            ),
        )
        update_leaderboard.fn(run)
        session.close()
        return time.perf_counter() - started


def new_process(environment: dict[str, str]) -> float:
    """Seconds until a new process has imported the flow and greeted the server: what a worker adds per run."""
    code = "import flows.distill; from prefect import get_client as c\nwith c(sync_client=True) as one: one.hello()"
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    return time.perf_counter() - started


@click.command()
@click.option("--runs", default=5, show_default=True, help="of each kind")
@WRITE
def main(runs: int, write: Path | None) -> None:
    """Measure and print."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(prepared(folder))
        from prefect.settings import get_current_settings
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(server_startup_timeout=180):
            url = str(get_current_settings().api.url)
            as_flow(0), as_functions(CONFIG, overrides(1))  # the first of each imports and creates tables
            measured = [(as_flow(2 * n), as_functions(CONFIG, overrides(2 * n + 1))) for n in range(1, runs + 1)]
            processes = [new_process(os.environ | {"PREFECT_API_URL": url}) for _ in range(runs)]
            publish(result_of(measured, processes), write, load)
    from cortex_distill import local

    local.close()


def result_of(measured: list[tuple[float, float]], processes: list[float]) -> Result:
    """Medians and ranges, and the difference against the goal."""
    flows, functions = zip(*measured, strict=True)
    differences = [flow - function for flow, function in measured]
    named = {
        "as a flow, server up": flows,
        "steps as functions": functions,
        "Prefect's own cost (difference of pairs)": differences,
        "a new process, as a worker starts one": processes,
    }
    lines = [
        [name, f"{statistics.median(each):.2f}", f"{min(each):.2f} to {max(each):.2f}"] for name, each in named.items()
    ]
    cost = statistics.median(differences) + statistics.median(processes)
    ratio = statistics.median(flows) / statistics.median(functions)
    notes = [
        f"{CONFIG}, simulated models; n = {len(measured)} of each kind, in turn",
        f"flow / functions: {ratio:.2f}; with its process: {cost:.2f} s per run, goal under {GOAL:.0f} s",
    ]
    return Result("prefect", "Prefect's own cost", ("what", "median s", "range s"), lines, notes)


if __name__ == "__main__":
    main()
