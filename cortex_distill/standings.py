"""How the runs of an engine stand: one row per run on the set that counts, picked and ranked by SQL.

Accuracies on different rows cannot be ranked against each other. A ranking is therefore of one experiment, one
evaluation set and one kind of models that answered (simulated, on this machine, Cortex), and within it only of runs
that were measured on the very rows of the newest one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from cortex_distill.answered import SIMULATED_SQL
from cortex_distill.differences import specials
from cortex_distill.session import execute
from cortex_distill.sql import Sql

if TYPE_CHECKING:
    from cortex_distill.session import Session

PLACES = 20  # configs shown in one ranking
RANKINGS = 12  # rankings shown on one page
_FIGURES = ("tuned student", "base student", "teacher")


class Figure(NamedTuple):
    """An accuracy with its 95 % interval; shares in [0, 1]."""

    value: float
    low: float
    high: float


class Standing(NamedTuple):
    """One run on the set that counts; of teacher and base student the best variant."""

    run_id: str
    experiment: str
    config_hash: str
    evaluation_set: str
    kind: str  # of the models that answered: simulated, local, cortex
    served_by: str  # who answered as the tuned student, else as the base student
    student: str
    teacher_model: str
    ended_at: datetime
    n: int
    tuned: Figure | None  # None while the run is under way, and if it failed
    base: Figure | None
    teacher: Figure | None
    place: int = 0  # 0: not ranked
    special: str = ""  # what differs from most runs of the experiment

    @property
    def gain(self) -> float | None:
        """Tuned over base student."""
        return self.tuned.value - self.base.value if self.tuned and self.base else None

    @property
    def kept(self) -> float | None:
        """Share of the teacher's accuracy that the tuned student has; None if the teacher did no better than the base
        student, as where one small model plays both: there is nothing to keep then, and 259 % of it says nothing."""
        if not self.tuned or not self.teacher or self.teacher.value <= (self.base.value if self.base else 0):
            return None
        return self.tuned.value / self.teacher.value


class Standings(NamedTuple):
    """What a leaderboard shows."""

    ranked: list[Standing]  # the newest run of each config; ranking by ranking, the most recently touched first
    newest: list[Standing]  # every run, newest first, as many as were asked for
    runs: int  # how many there are in all


def standings(session: Session, engine: str, last: int = 50) -> Standings:
    """The rankings of an engine and its newest runs. EXPERIMENTS and PREDICTIONS must exist."""
    ranked = execute(session, ranked_sql(engine))
    newest = execute(session, newest_sql(engine, last))
    what = _specials(session, engine, {row[2] for row in (*ranked, *newest)})
    return Standings(
        [_standing(row, what) for row in ranked],
        [_standing(row, what) for row in newest],
        int(newest[0][-1]) if newest else 0,
    )


def earlier_runs(session: Session, engine: str, experiment: str, run_id: str, last: int = 5) -> list[Standing]:
    """The newest other runs of an experiment, and what is special about each beside the run itself."""
    rows = execute(session, newest_sql(engine, last + 1, experiment))
    what = _specials(session, engine, {row[2] for row in rows})
    return [standing for standing in (_standing(row, what) for row in rows) if standing.run_id != run_id][:last]


def _standing(row: Sequence[Any], what: dict[str, str]) -> Standing:
    names, ended_at, n, figures, place = row[:8], row[8], row[9], row[10:19], row[19]
    thirds = (figures[start : start + 3] for start in (0, 3, 6))
    found = [None if third[0] is None else Figure(*map(float, third)) for third in thirds]
    return Standing._make((*names, ended_at, int(n), *found, int(place), what.get(names[2], "")))


def _specials(session: Session, engine: str, hashes: set[str]) -> dict[str, str]:
    """Config hash → what is special about it among the configs of its experiment."""
    if not hashes:
        return {}
    rows = execute(
        session,
        Sql(
            f"""SELECT experiment, config_hash, ANY_VALUE(config), MIN(created_at) AS met FROM EXPERIMENTS
            WHERE engine = ? AND config_hash IN ({", ".join("?" * len(hashes))}) GROUP BY 1, 2 ORDER BY met, 2""",
            (engine, *sorted(hashes)),
        ),
    )
    experiments: dict[str, dict[str, Any]] = {}
    for experiment, config_hash, config, _ in rows:
        experiments.setdefault(experiment, {})[config_hash] = json.loads(config)
    return {key: said for configs in experiments.values() for key, said in specials(configs).items()}


def _runs_sql() -> str:
    """Common tables: the best variant of each role, then one row per run on the set that counts."""
    figures = ",\n".join(
        f"MAX(IFF(role = '{role}', {column}, NULL)) AS {role.split()[0]}{suffix}"
        for role in _FIGURES
        for column, suffix in (("accuracy", ""), ("accuracy_low", "_low"), ("accuracy_high", "_high"))
    )
    return f"""arms AS (
        SELECT * FROM EXPERIMENTS WHERE engine = ? AND (? = '' OR experiment = ?)
        QUALIFY ROW_NUMBER() OVER (
            PARTITION BY run_id, evaluation_set, role ORDER BY accuracy DESC, variant) = 1
    ), runs AS (
        SELECT run_id, experiment, config_hash, evaluation_set,
            CASE WHEN {SIMULATED_SQL} = 1 THEN 'simulated'
                WHEN MAX(IFF(CONTAINS(served_by, ':'), 1, 0)) = 1 THEN 'local' ELSE 'cortex' END AS kind,
            COALESCE(MAX(IFF(role = 'tuned student', served_by, NULL)),
                MAX(IFF(role = 'base student', served_by, NULL)), '') AS answered_by,
            COALESCE(MAX(IFF(role = 'base student', model, NULL)), '') AS student,
            COALESCE(MAX(IFF(role = 'teacher', model, NULL)), '') AS teacher_model,
            MAX(created_at) AS ended_at, MAX(n) AS n, {figures}
        FROM arms GROUP BY run_id, experiment, config_hash, evaluation_set
        QUALIFY ROW_NUMBER() OVER (PARTITION BY run_id ORDER BY CASE evaluation_set
            WHEN 'holdout' THEN 0 WHEN 'test' THEN 1 ELSE 2 END) = 1
    )"""


_COLUMNS = ", ".join(
    [
        "run_id, experiment, config_hash, evaluation_set, kind, answered_by, student, teacher_model, ended_at, n",
        *(f"{role.split()[0]}, {role.split()[0]}_low, {role.split()[0]}_high" for role in _FIGURES),
    ]
)


def newest_sql(engine: str, last: int, experiment: str = "") -> Sql:
    """The newest runs, with no place; the last column says how many there are."""
    return Sql(
        f"""WITH {_runs_sql()} SELECT {_COLUMNS}, 0 AS place, COUNT(*) OVER () AS runs
        FROM runs ORDER BY ended_at DESC, run_id LIMIT {int(last)}""",
        (engine, experiment, experiment),
    )


def ranked_sql(engine: str) -> Sql:
    """The newest run of each config: best first, those that were measured on other rows last and without a place."""
    ranking = "PARTITION BY experiment, evaluation_set, kind"
    return Sql(
        f"""WITH {_runs_sql()}, configs AS (
            SELECT * FROM runs WHERE tuned IS NOT NULL
            QUALIFY ROW_NUMBER() OVER ({ranking}, config_hash ORDER BY ended_at DESC, run_id) = 1
        ), marked AS (
            SELECT c.*, COALESCE(p.mark, c.run_id) AS mark FROM configs c LEFT JOIN (
                SELECT run_id, evaluation_set, COUNT(*) || ' ' || BITXOR_AGG(HASH(row_key, category)) AS mark
                FROM PREDICTIONS WHERE role = 'tuned student' AND run_id IN (SELECT run_id FROM configs)
                GROUP BY run_id, evaluation_set
            ) p ON p.run_id = c.run_id AND p.evaluation_set = c.evaluation_set
        ), beside AS (
            SELECT *, MAX(ended_at) OVER ({ranking}) AS latest,
                IFF(mark = FIRST_VALUE(mark) OVER ({ranking} ORDER BY ended_at DESC, run_id), 1, 0) AS same_rows
            FROM marked
        )
        SELECT {_COLUMNS}, IFF(same_rows = 1, RANK() OVER ({ranking}, same_rows ORDER BY tuned DESC), 0) AS place
        FROM beside
        QUALIFY ROW_NUMBER() OVER ({ranking} ORDER BY same_rows DESC, tuned DESC, ended_at DESC) <= {PLACES}
            AND DENSE_RANK() OVER (ORDER BY latest DESC, experiment, evaluation_set, kind) <= {RANKINGS}
        ORDER BY latest DESC, experiment, evaluation_set, kind, same_rows DESC, tuned DESC, ended_at DESC, run_id""",
        (engine, "", ""),
    )
