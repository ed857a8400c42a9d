"""Which tuned model goes by which alias: the gate of a run's own config, and the table PROMOTIONS.

The newest row of an alias counts; rows are only ever added, so the table is also the history. A model in Snowflake's
registry has aliases of its own, but they name versions of one model, and every fine-tuning makes a new model: such an
alias cannot move from one run's student to the next one's. A row of a table can, on every engine.
"""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING, NamedTuple

from cortex_distill.answered import is_local
from cortex_distill.config import Promote
from cortex_distill.errors import StepError
from cortex_distill.session import LOCAL, execute
from cortex_distill.sql import Sql, literal
from cortex_distill.tables import create_sql

if TYPE_CHECKING:
    from cortex_distill.session import Session

WRITE_A_GATE = "write promote: {alias: …, min_accuracy: …} into its file and run it again; answered calls are not paid"


class Candidate(NamedTuple):
    """The tuned student of one run on the evaluation set of its gate, as EXPERIMENTS has it."""

    run_id: str
    experiment: str
    engine: str
    model: str
    served_by: str
    n: int
    accuracy: float
    low: float
    high: float
    gate: Promote

    @property
    def figures(self) -> str:
        """Accuracy with interval, set and n."""
        return f"{self.accuracy:.3f} ({self.low:.3f}–{self.high:.3f}) on {self.gate.set}, n = {self.n}"

    @property
    def missing(self) -> list[str]:
        """What the gate wants and the figures have not; empty if it is passed."""
        return self.gate.missing(self.accuracy, self.low)


class Promotion(NamedTuple):
    """A row of PROMOTIONS, and whether it was added just now."""

    alias: str
    model: str
    run_id: str
    is_new: bool


def candidate(session: Session, beginning: str) -> Candidate:
    """The tuned student of the run whose id begins so.

    Raises StepError, saying what to do, if there is none or more than one such run, no gate in its recorded config,
    no tuned student, or no row of it on the gate's evaluation set.
    """
    execute(session, Sql(create_sql("EXPERIMENTS")))
    runs = execute(
        session,
        Sql(
            """SELECT run_id, ANY_VALUE(config:promote)::STRING FROM EXPERIMENTS WHERE STARTSWITH(run_id, ?)
            GROUP BY run_id ORDER BY run_id LIMIT 5""",
            (beginning.lower(),),
        ),
    )
    if len(runs) != 1:
        found = f"{len(runs)} runs begin so ({', '.join(row[0][:13] for row in runs)})" if runs else "no run begins so"
        raise StepError(f"run '{beginning}': {found}; `distill show` lists the runs, write more of the id")
    run_id, gate = runs[0]
    if not gate:
        raise StepError(f"run {run_id}: its recorded config has no gate; {WRITE_A_GATE}")
    return _tuned(session, run_id, Promote.model_validate(json.loads(gate)))


def _tuned(session: Session, run_id: str, gate: Promote) -> Candidate:
    rows = execute(
        session,
        Sql(
            """SELECT evaluation_set, run_id, experiment, engine, model, served_by, n, accuracy, accuracy_low,
                accuracy_high FROM EXPERIMENTS WHERE run_id = ? AND role = 'tuned student'""",
            (run_id,),
        ),
    )
    if not rows:
        raise StepError(f"run {run_id}: has no tuned student; retry it in Prefect, or start it again with distill run")
    for evaluation_set, *cells in rows:
        if evaluation_set == gate.set:
            return Candidate._make((*cells[:5], int(cells[5]), *map(float, cells[6:9]), gate))
    had = ", ".join(sorted(row[0] for row in rows))
    raise StepError(f"run {run_id}: its tuned student was not measured on {gate.set} (only on {had}); {WRITE_A_GATE}")


def promote(session: Session, engine: str, chosen: Candidate) -> Promotion:
    """Give the gate's alias to the model; a second time changes nothing.

    Raises StepError if the gate is not met, if the figures are a local engine's and `engine` is not local, or if the
    engine has no such model.
    """
    if engine != LOCAL and (chosen.engine == LOCAL or is_local(chosen.served_by)):
        raise StepError(
            f"run {chosen.run_id}: {chosen.served_by} answered on engine {chosen.engine}; that says nothing about a"
            f" model of '{engine}'; run the experiment there: distill run … --engine {engine}"
        )
    if chosen.missing:
        gate = f"{chosen.gate.alias} needs {chosen.gate.wanted}"
        raise StepError(
            f"not promoted: {chosen.model} has {chosen.figures}; {'; '.join(chosen.missing)} ({gate}).\n"
            "More training rows or more epochs may raise the accuracy, more evaluation rows the lower end."
        )
    if not model_exists(session, chosen.model):
        raise StepError(
            f"not promoted: {chosen.model} is not on '{engine}' (SHOW MODELS); was it dropped? run it again"
        )
    execute(session, Sql(create_sql("PROMOTIONS")))
    alias = chosen.gate.alias
    if newest(session, alias) == (chosen.model, chosen.run_id):
        return Promotion(alias, chosen.model, chosen.run_id, is_new=False)
    _add(session, chosen)
    return Promotion(alias, chosen.model, chosen.run_id, is_new=True)


def model_exists(session: Session, model: str) -> bool:
    """Whether the engine has a tuned model of that name, with or without database and schema."""
    *scope, name = model.upper().split(".")
    where = f" IN SCHEMA {'.'.join(scope)}" if scope else ""
    shown = execute(session, Sql(f"SHOW MODELS LIKE {literal(name)}{where}"))
    return any(str(row["name"]).upper() == name for row in shown)


def _add(session: Session, chosen: Candidate) -> None:
    """Snowflake's user is who is accountable; beside it the one of this machine, as every local user has one name."""
    execute(
        session,
        Sql(
            """INSERT INTO PROMOTIONS (alias, model, run_id, experiment, evaluation_set, n, accuracy, accuracy_low,
                gate, promoted_by, promoted_at)
            SELECT ?, ?, ?, ?, ?, ?, ?, ?, PARSE_JSON(?), CONCAT(CURRENT_USER(), ?),
                CURRENT_TIMESTAMP()::TIMESTAMP_NTZ""",
            (
                *(chosen.gate.alias, chosen.model, chosen.run_id, chosen.experiment, chosen.gate.set),
                *(chosen.n, chosen.accuracy, chosen.low, chosen.gate.model_dump_json(), f" ({getpass.getuser()})"),
            ),
        ),
    )


def newest(session: Session, alias: str) -> tuple[str, str] | None:
    """(model, run) that goes by the alias now; None if nothing does."""
    execute(session, Sql(create_sql("PROMOTIONS")))
    rows = execute(
        session,
        Sql("SELECT model, run_id FROM PROMOTIONS WHERE alias = ? ORDER BY promoted_at DESC LIMIT 1", (alias,)),
    )
    return (str(rows[0][0]), str(rows[0][1])) if rows else None


def promoted(session: Session, alias: str) -> str:
    """The model that goes by the alias. Raises StepError if none does."""
    found = newest(session, alias)
    if found is None:
        raise StepError(f"nothing goes by the alias '{alias}'; promote a run that has that gate: distill promote RUN")
    return found[0]
