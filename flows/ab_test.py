"""The flow behind an A/B test: runs of several configs, or over the values of a key, then one verdict about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from prefect import flow, tags
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from cortex_distill.comparison import MOST, TUNED
from cortex_distill.errors import ConfigError, StepError
from cortex_distill.load import load_experiment
from cortex_distill.markup import artifact_key
from cortex_distill.session import open_session
from flows.ablation import removed
from flows.cancelled import cancel_runs_below
from flows.distill import distill
from tasks.compare import compare_runs


class Try(NamedTuple):
    """One run of the test."""

    config: str
    overrides: dict[str, Any]


def run_name() -> str:
    """Which files, and what is swept."""
    given = flow_run.parameters
    swept = [f"{key}={','.join(map(str, values))}" for key, values in (given.get("sweep") or {}).items()]
    swept += [f"without {part}" for part in given.get("without") or ()]
    names = [Path(config).stem for config in given["configs"]]
    return f"A/B {', '.join([*names, *swept])} on {given['engine']}"


def tries(
    configs: Sequence[str],
    sweep: Mapping[str, Sequence[Any]] | None,
    overrides: Mapping[str, Any] | None,
    without: Sequence[str] = (),
) -> list[Try]:
    """Every config with every combination of swept values, and then without each part (flows/ablation.py); each is
    read, so that a typo costs nothing.

    Raises ConfigError for what no file accepts, or if there are fewer than two or more than MOST.
    """
    keys = list(sweep or {})
    found = [
        Try(config, {**(overrides or {}), **dict(zip(keys, values, strict=True))})
        for config in configs
        for values in product(*(sweep or {}).values())
    ]
    found += [
        Try(one.config, {**one.overrides, **removed(load_experiment(*one).config, part)})
        for one in list(found)
        for part in without
    ]
    if not 2 <= len(found) <= MOST:
        raise ConfigError(
            f"an A/B test compares 2 to {MOST} runs, got {len(found)};"
            " name several configs, or values of a key, such as --sweep judge.thresholds.valid=3,4,5"
        )
    hashes = [load_experiment(*one).hash for one in found]
    if len(set(hashes)) < len(hashes):
        raise ConfigError("two runs of this A/B test would have the same config, so there is nothing to compare")
    return found


@flow(name="ab_test", flow_run_name=run_name, on_cancellation=[cancel_runs_below])
def ab_test(
    configs: list[str],
    engine: str = "local",
    sweep: dict[str, list[Any]] | None = None,
    overrides: dict[str, Any] | None = None,
    without: list[str] | None = None,
    role: str = TUNED,
) -> State[Any]:
    """Run each, then compare those that ended well; the artifact `ab-test-<experiment>` has the verdict.

    Raises StepError if a run failed, after the others were compared.

    One run after the other, on purpose: what two of them ask alike is then asked, and paid, once.

    Args:
        configs: Experiment files, from the folder that the worker runs in.
        engine: local, a connection name of connections.toml, or block:<name> for a block of Prefect's.
        sweep: One key and the values that it takes in turn, such as {"fine_tune.max_epochs": [1, 3, 6]}.
        overrides: Values in the place of the files', such as {"split.train": 0.7}.
        without: Parts that are left out in turn, such as ["judge", "vote"].
        role: Whose answers are tested: those of `tuned student`, or with their prompts `base student` or `teacher`.
    """
    asked = tries(configs, sweep, overrides, without or ())
    done: list[State[Any]] = []
    failed: list[State[Any]] = []
    with tags("ab-test"):
        for one in asked:
            state: State[Any] = distill(one.config, engine, one.overrides or None, return_state=True)
            (done if state.is_completed() else failed).append(state)
    if len(done) < 2:
        raise StepError(f"{len(failed)} of {len(asked)} runs failed, so there is nothing to compare: {_why(failed)}")
    session = open_session(engine)
    try:
        ids = [str(state.result().run_id) for state in done]
        title = f"A/B test of {', '.join(dict.fromkeys(Path(one.config).stem for one in asked))}"
        key = artifact_key("ab-test", *(Path(config).stem for config in configs))
        found = compare_runs(session, engine, ids, title=title, key=key, role=role)
    finally:
        session.close()
    if failed:
        ended = f"{len(failed)} of {len(asked)} runs failed: {_why(failed)}"
        raise StepError(f"{ended}; of the others: {found.headline}")
    return Completed(message=found.headline, data=found)


def _why(failed: Sequence[State[Any]]) -> str:
    return "; ".join(dict.fromkeys(str(state.message) for state in failed))
