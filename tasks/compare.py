"""Several runs of one engine, compared: picked from EXPERIMENTS, tested on the rows that they share.

In:   EXPERIMENTS, PREDICTIONS, TICKETS, TRAINING_ROWS
Out:  a Markdown artifact, and the Comparison that the command line prints
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from prefect import task
from prefect.artifacts import create_markdown_artifact

from cortex_distill.bootstrap import Cells, f1_difference
from cortex_distill.comparison import LETTERS, TUNED, Accuracy, Comparison, Side, Tested, changes, special_names
from cortex_distill.comparison_page import markdown
from cortex_distill.errors import StepError
from cortex_distill.markup import escaped
from cortex_distill.metrics import Interval
from cortex_distill.pair_tests import Apart, Pair, likeness
from cortex_distill.scores import SETS
from cortex_distill.session import execute
from cortex_distill.sql import Sql
from cortex_distill.verdicts import verdicts
from tasks.asked_once import each_once
from tasks.cautions import cautions
from tasks.live_links import live
from tasks.pairs import Answers, count_cells, count_pairs
from tasks.step import ON_CORTEX, log

if TYPE_CHECKING:
    from cortex_distill.session import Session


class Recorded(NamedTuple):
    """A run as EXPERIMENTS has it: its arms by evaluation set."""

    run_id: str
    experiment: str
    ended_at: datetime
    config: Mapping[str, Any]
    trained_rows: int
    arms: dict[str, list[Accuracy]]


@task(name="compare runs", **ON_CORTEX)
def compare_runs(
    session: Session, engine: str, run_ids: Sequence[str], *, title: str, key: str, role: str = TUNED
) -> Comparison:
    """Compare in the order of `run_ids`, write the artifact `key`. Raises StepError where nothing can be compared."""
    found = recorded(session, run_ids)
    evaluation_set = _shared_set(found, role)
    differ = changes([run.config for run in found])
    names = special_names([run.experiment for run in found], differ)
    sides = [
        Side(letter, *run[:3], run.config, run.arms[evaluation_set], run.trained_rows, special)
        for letter, run, special in zip(LETTERS, found, names, strict=False)
    ]
    wanted = list(combinations(_arms(sides, role), 2))  # of two runs or of one
    counted = count_pairs(partial(execute, session), wanted, evaluation_set)
    cells = count_cells(partial(execute, session), wanted, evaluation_set)
    if role != TUNED:
        counted, cells = each_once(sides, wanted, counted, cells)
    tested = _tested(counted, cells, list(dict.fromkeys(label for run in found for label in run.config["categories"])))
    said = cautions(sides, counted, role, evaluation_set)
    comparison = Comparison(title, engine, evaluation_set, role, sides, tested, differ, said)
    page: Any = create_markdown_artifact(live(markdown(comparison)), key=key, description=escaped(comparison.headline))
    log("%s", comparison.headline)
    return comparison._replace(artifact=str(page))


def _shared_set(found: Sequence[Recorded], role: str) -> str:
    """The most trustworthy evaluation set on which every run measured the role."""
    for name in SETS:
        if all(any(arm.role == role for arm in run.arms.get(name, ())) for run in found):
            return name
    measured = {run.run_id for run in found for arms in run.arms.values() for arm in arms if arm.role == role}
    without = ", ".join(run.run_id[:8] for run in found if run.run_id not in measured)
    what = f"no row of role '{role}' in EXPERIMENTS for {without}" if without else "no evaluation set is in all of them"
    raise StepError(f"these runs cannot be compared: {what}; leave some out, or wait until they are done")


def _arms(sides: Sequence[Side], role: str) -> list[Answers]:
    return [
        Answers(
            side.name if role == TUNED else f"{side.letter} {arm.variant}",
            *(side.run_id, role, arm.variant, arm.correct, arm.n, arm.design_effect),
        )
        for side in sides
        for arm in side.arms
        if arm.role == role
    ]


def _tested(counted: Sequence[Pair | Apart], cells: Sequence[Cells], categories: Sequence[str]) -> list[Tested]:
    f1 = [
        f1_difference(answers, categories, likeness(pair)) if isinstance(pair, Pair) else None
        for pair, answers in zip(counted, cells, strict=True)
    ]
    return [Tested(verdict, difference) for verdict, difference in zip(verdicts(counted), f1, strict=True)]


def recorded(session: Session, run_ids: Sequence[str]) -> list[Recorded]:
    """The runs in the order asked for. Raises StepError for one that EXPERIMENTS does not have."""
    marks = ", ".join("?" * len(run_ids))
    arms: dict[str, dict[str, list[Accuracy]]] = {}
    for run_id, evaluation_set, *row in execute(session, arms_sql(run_ids)):
        role, variant, model, served_by, n, correct, low, high, f1, design_effect = row
        interval = Interval(float(low), float(high))
        arm = Accuracy(role, variant, model, served_by, int(n), int(correct), interval, float(f1), float(design_effect))
        arms.setdefault(run_id, {}).setdefault(evaluation_set, []).append(arm)
    trained = execute(
        session,
        Sql(
            f"SELECT run_id, COUNT(*) FROM TRAINING_ROWS WHERE split = 'train' AND run_id IN ({marks}) GROUP BY 1",
            tuple(run_ids),
        ),
    )
    rows = {run_id: int(count) for run_id, count in trained}
    heads = {row[0]: row for row in execute(session, heads_sql(run_ids))}
    if missing := [run_id for run_id in run_ids if run_id not in heads]:
        raise StepError(f"EXPERIMENTS has no row of {', '.join(missing)}; `distill show` lists the runs that it has")
    return [
        Recorded._make((*heads[run_id][:3], json.loads(heads[run_id][3]), rows.get(run_id, 0), arms[run_id]))
        for run_id in run_ids
    ]


def heads_sql(run_ids: Sequence[str]) -> Sql:
    """run_id, experiment, when it recorded last, config."""
    return Sql(
        f"""SELECT run_id, ANY_VALUE(experiment), MAX(created_at), ANY_VALUE(config)
        FROM EXPERIMENTS WHERE run_id IN ({", ".join("?" * len(run_ids))}) GROUP BY run_id""",
        tuple(run_ids),
    )


def arms_sql(run_ids: Sequence[str]) -> Sql:
    """run_id, evaluation_set, then the fields of Accuracy; by role and variant."""
    return Sql(
        f"""SELECT run_id, evaluation_set, role, variant, model, served_by, n, correct, accuracy_low, accuracy_high,
            macro_f1, COALESCE(design_effect, 1) FROM EXPERIMENTS
        WHERE run_id IN ({", ".join("?" * len(run_ids))}) ORDER BY run_id, evaluation_set, role, variant""",
        tuple(run_ids),
    )
