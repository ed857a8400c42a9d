"""The flow: one YAML in, accuracies in EXPERIMENTS out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from cortex_distill.load import load_experiment
from cortex_distill.run import Run
from cortex_distill.session import open_session
from flows.cancelled import cancel_run
from flows.naming import rename, result_name, run_name, tags_of, tried
from flows.review import review_tickets
from tasks.cancel import query_tag
from tasks.check_judge import check_judge
from tasks.deduplicate import deduplicate_tickets
from tasks.evaluate import base_arms, evaluate_arm, tuned_arm
from tasks.fine_tune import start_fine_tuning, wait_for_fine_tuning
from tasks.generate import all_generated, generate_tickets
from tasks.judge import all_judged, judge_tickets
from tasks.label import label_requests
from tasks.leaderboard import update_leaderboard
from tasks.planned import write_plan
from tasks.preflight import check_everything
from tasks.prepare import prepare_tables
from tasks.quota import rounds
from tasks.record import record_results
from tasks.report import Found, report_run
from tasks.split import split_tickets
from tasks.vote import all_voted, vote_on_tickets


def run_url() -> str | None:
    """Where the run can be looked at; None without a server (Prefect then writes `None/flow-runs/…`)."""
    url = str(flow_run.ui_url or "")
    return url if url.startswith("http") else None


@contextmanager
def open_run(config: str, engine: str, overrides: dict[str, Any] | None) -> Iterator[Run]:
    """Read the file and open the session; the run's id is the flow run's."""
    experiment = load_experiment(config, overrides)
    tags = tags_of(experiment, engine)
    rename(tags=tags)
    run_id = str(flow_run.id)
    session = open_session(engine, tag=query_tag(run_id, experiment.config.name))
    try:
        yield Run(session, run_id, experiment, engine, run_url(), tags)
    finally:
        session.close()


@flow(name="distill", flow_run_name=run_name, on_cancellation=[cancel_run])
def distill(config: str, engine: str = "local", overrides: dict[str, Any] | None = None) -> State[Any]:
    """Distil the teacher of one experiment file into its student, score everyone, and return the Summary.

    Args:
        config: The experiment file, from the folder that the worker runs in.
        engine: local, a connection name of connections.toml, or block:<name> for a block of Prefect's.
        overrides: Values in the place of the file's, such as {"split.train": 0.7}.
    """
    with open_run(config, engine, overrides) as run:
        # Setup
        check_everything(run)
        prepared = prepare_tables(run)
        write_plan(run)

        # Generate synthetic training data (or label real requests), rate and filter it with an LLM as a judge
        generated, judged, voted = [], [], []
        for now in rounds(run):
            generated.append(generate_tickets(run, now) if run.config.is_synthetic else label_requests(run))
            repeats = deduplicate_tickets(run, now)
            judged.append(judge_tickets(run, now))
            voted.append(vote_on_tickets(run, now))
        checked = check_judge(run)
        reviewed = review_tickets(run)

        # Prepare the distillation data
        shares = split_tickets(run)

        # Fine-tune the student, and test the base models while the job runs
        job = start_fine_tuning(run)
        answers = [(arm, evaluate_arm(run, arm)) for arm in base_arms(run)]
        record_results(run, answers)
        tuned = wait_for_fine_tuning(run, job)

        # Inference with the distilled model
        arm = tuned_arm(run, tuned.model)
        answers.append((arm, evaluate_arm(run, arm)))

        # Record and report
        scores = record_results(run, answers)
        asked = [asked for _, asked in answers]
        tickets = (all_generated(generated), all_judged(judged))
        found = Found(*tickets, checked, shares, tuned, asked, scores, reviewed, prepared, all_voted(voted), repeats)
        summary = report_run(run, found)
        update_leaderboard(run)
        rename(result_name(summary, tried(flow_run.parameters)))
    return Completed(message=summary.headline, data=summary)
