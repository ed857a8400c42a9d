"""The flow behind `distill refine`: more tickets where a run's student confused categories, as a new run, compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import yaml
from prefect import flow, tags
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from cortex_distill.comparison import Comparison
from cortex_distill.config import ExperimentConfig
from cortex_distill.config_refine import MOST_PAIRS
from cortex_distill.errors import ConfigError, StepError
from cortex_distill.load import load_experiment, resolved
from cortex_distill.markup import artifact_key
from cortex_distill.same_again import overrides_of
from cortex_distill.scores import SETS
from cortex_distill.session import execute, open_session
from cortex_distill.weak_spots import WeakSpots
from flows.cancelled import cancel_runs_below
from flows.distill import distill
from tasks.compare import compare_runs
from tasks.pick_one import PickedRun, pick_run
from tasks.weak_spots import find_weak_spots

CONFIGS = Path("configs")
OPTIONAL = frozenset(name for name, field in ExperimentConfig.model_fields.items() if field.default is None)


class Refined(NamedTuple):
    """What was asked for and what came of it."""

    weak: WeakSpots  # of the old run: the pairs that the teacher was asked about
    found: Comparison  # the old run first


class Refinement(NamedTuple):
    """A run to be made: the old one's experiment, and more tickets."""

    after: str
    file: str
    overrides: dict[str, Any]
    weak: WeakSpots


def run_name() -> str:
    """Which run is refined, and by how much."""
    given = flow_run.parameters
    return f"refine {given['run'][:8] or 'the newest run'} on {given['engine']} ({given['evaluation_set']})"


@flow(name="refine", flow_run_name=run_name, on_cancellation=[cancel_runs_below])
def refine(
    run: str = "",
    file: str = "",
    engine: str = "local",
    pairs: int = 3,
    per_pair: int = 10,
    evaluation_set: str = "validation",
) -> State[Any]:
    """Ask the teacher for `per_pair` more tickets for each of the `pairs` that were confused most, as a new run, and
    compare it with the old one; the artifact `refine-<experiment>` has the verdict.

    Args:
        run: The beginning of a run's id, else the newest run.
        file: Its experiment file, else the one in configs/ with that name.
        engine: local, a connection name of connections.toml, or block:<name> for a block of Prefect's.
        pairs: How many pairs of categories get more tickets.
        per_pair: Tickets for each of these.
        evaluation_set: Whose rows show the pairs; after `holdout` its figures are not untouched, and the run says so.
    """
    wanted = planned_refinement(run, file, engine, pairs, per_pair, evaluation_set)
    with tags("refine"):
        summary: Any = distill(wanted.file, engine, wanted.overrides)
    session = open_session(engine)
    try:
        title = f"{summary.experiment}, refined on {len(wanted.weak.pairs)} pairs"
        ids = [wanted.after, summary.run_id]
        found = compare_runs(session, engine, ids, title=title, key=artifact_key("refine", summary.experiment))
    finally:
        session.close()
    return Completed(message=found.headline, data=Refined(wanted.weak, found))


def planned_refinement(run: str, file: str, engine: str, pairs: int, per_pair: int, evaluation_set: str) -> Refinement:
    """Nothing is asked yet. Raises ConfigError for a file that no longer says what the run recorded, StepError where
    the run is unknown or nothing was confused."""
    if evaluation_set not in SETS:
        raise ConfigError(f"'{evaluation_set}' is no evaluation set; write {', '.join(SETS)}")
    if pairs < 1 or per_pair < 1:
        raise ConfigError(f"{pairs} pairs with {per_pair} tickets each are nothing to ask for; write 1 or more of each")
    session = open_session(engine)
    try:
        old = pick_run(session, engine, run)
        weak = find_weak_spots(lambda statement: execute(session, statement), old.run_id, evaluation_set, pairs)
    finally:
        session.close()
    if not weak.pairs:
        raise StepError(_nothing(old, weak))
    path = Path(file) if file else file_of(old.experiment)
    overrides = same_overrides(old, path)
    section = dict(old.config.get("refine") or {})
    more = [
        {"category": pair.category, "unlike": pair.answer, "tickets": per_pair, "seen_on": evaluation_set}
        for pair in weak.pairs
    ]
    asked = [*section.get("pairs", []), *more]
    if len(asked) > MOST_PAIRS:
        raise ConfigError(
            f"run {old.run_id[:8]} was refined on {len(asked) - len(more)} pairs; {MOST_PAIRS} is the most"
        )
    overrides = {key: value for key, value in overrides.items() if key.split(".")[0] != "refine"}
    overrides["refine"] = {**section, "pairs": asked, "after": old.run_id}
    load_experiment(path, overrides)  # a mistake should not cost a run
    return Refinement(old.run_id, str(path), overrides, weak)


def _nothing(old: PickedRun, weak: WeakSpots) -> str:
    of = f"run {old.run_id[:8]} ({old.experiment})"
    if not weak.n:
        return f"{of}: its tuned student was not asked about the {weak.evaluation_set} set; name another one by --from"
    others = f"; its {weak.wrong} wrong answers name no category" if weak.wrong else ""
    return (
        f"{of}: its tuned student took no category for another on the {weak.evaluation_set} set, n = {weak.n}{others};"
        " a larger split.validation shows more; so may --from holdout, whose figures are then no longer untouched"
    )


def file_of(experiment: str) -> Path:
    """The file in configs/ that says that name; of several, as where somebody copied one, the one that is called so.

    Raises ConfigError if there is none, or if none of several is called so.
    """
    found = [path for path in sorted(CONFIGS.glob("*.yaml")) if _name_in(path) == experiment]
    called = [path for path in found if path.stem == experiment] or found
    if len(called) == 1:
        return called[0]
    several = ", ".join(path.name for path in called)
    what = f"{several} in {CONFIGS}/ have" if several else f"no file in {CONFIGS}/ has"
    raise ConfigError(f"{what} the name '{experiment}'; say which file by --file")


def _name_in(path: Path) -> str:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return ""
    return str(data.get("name", "")) if isinstance(data, dict) else ""


def same_overrides(old: PickedRun, path: Path) -> dict[str, Any]:
    """Overrides with which the file says what the run recorded. Raises ConfigError if that cannot be had."""
    overrides = overrides_of(old.config, resolved(load_experiment(path)), OPTIONAL)
    if load_experiment(path, overrides).hash != old.config_hash:
        raise ConfigError(
            f"{path}: it, or a file that it names, has changed since run {old.run_id[:8]}, so a comparison would show"
            f" more than the new tickets; run it again (answered calls are free), and refine that run"
        )
    return overrides
