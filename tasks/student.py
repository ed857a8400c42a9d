"""Messages, step 0: which tuned student sorts the inbox: that of a run, of an alias, or the newest of the experiment.

In:   EXPERIMENTS, PROMOTIONS, CATEGORIES (of the run that trained it)
Out:  Student: the model with the prompt and the categories that it was trained on, whatever the file says today
"""

from __future__ import annotations

from typing import Any, NamedTuple

from cortex_distill.errors import ConfigError, StepError
from cortex_distill.metrics import figure
from cortex_distill.programs import typed
from cortex_distill.promotion import model_exists, newest
from cortex_distill.run import Run
from cortex_distill.sql import Sql
from cortex_distill.tables import THERE, complete_sql
from tasks.step import ON_CORTEX, task

FIELDS = """e.run_id, e.experiment, e.model, e.config:fine_tune:prompt::STRING, e.config:evaluate:max_tokens::NUMBER,
    e.accuracy, e.accuracy_low, e.accuracy_high, e.n, e.evaluation_set"""


class Student(NamedTuple):
    """Who sorts the inbox."""

    run_id: str
    experiment: str
    model: str
    alias: str  # '' if it was not chosen by one
    prompt: str  # the template that it was trained on
    max_tokens: int
    measured: str  # how good it was in its own run, in words
    categories: dict[str, str]  # label → definition, in the order of its prompts

    @property
    def told(self) -> str:
        """Model, run and figures in one sentence."""
        by = f" (alias {self.alias})" if self.alias else ""
        return f"{self.model}{by} of run {self.run_id[:8]}, {self.measured}"


@task(name="choose the student", **ON_CORTEX)
def choose_student(run: Run, beginning: str = "", alias: str = "") -> Student:
    """Raises ConfigError if both are given, StepError, saying what to do, if there is no such run, alias or model."""
    if beginning and alias:
        raise ConfigError("give either --run or --alias: an alias names the run that was promoted")
    for statement in complete_sql(run.sql(THERE)):
        run.sql(statement)
    rows = run.query(_wanted_sql(run, beginning, alias))
    if not rows:
        raise StepError(_nobody(run, beginning, alias))
    return _student(run, rows, beginning, alias)


def newest_student(run: Run) -> Student | None:
    """Of the experiment, where the tables are there; None if no run has trained one. Raises as choose_student."""
    rows = run.query(_wanted_sql(run, "", ""))
    return _student(run, rows) if rows else None


def _student(run: Run, rows: list[Any], beginning: str = "", alias: str = "") -> Student:
    if len({row[0] for row in rows}) > 1:
        ids = ", ".join(sorted({row[0][:13] for row in rows})[:5])
        raise StepError(f"run '{beginning}': several runs begin so ({ids}); write more of the id")
    run_id, experiment, model, prompt, max_tokens, accuracy, low, high, n, evaluation_set = rows[0]
    if not model_exists(run.session, model):
        raise StepError(f"{model} of run {run_id} is not on '{run.engine}' (SHOW MODELS); was it dropped? run it again")
    categories = run.sql("SELECT category, definition FROM CATEGORIES WHERE run_id = ? ORDER BY position", run_id)
    if not categories:
        raise StepError(f"CATEGORIES has no row of run {run_id}, so its student's answers cannot be read; run it again")
    measured = f"accuracy {figure(float(accuracy), float(low), float(high))} on {evaluation_set}, n = {int(n)}"
    asked = (str(run_id), str(experiment), str(model), alias, str(prompt), int(max_tokens), measured)
    return Student(*asked, {str(label): str(definition or "") for label, definition in categories})


def _wanted_sql(run: Run, beginning: str, alias: str) -> Sql:
    """FIELDS of the run, the most trustworthy evaluation set first; of several runs that begin so, all."""
    if alias:
        _, run_id = newest(run.session, alias) or ("", "")
        where, binds = "e.run_id = ?", (run_id,)
    elif beginning:
        where, binds = "STARTSWITH(e.run_id, ?)", (beginning.lower(),)
    else:
        where = """e.run_id IN (SELECT run_id FROM EXPERIMENTS WHERE experiment = ? AND role = 'tuned student'
            GROUP BY run_id ORDER BY MAX(created_at) DESC, run_id LIMIT 1)"""
        binds = (run.config.name,)
    return Sql(
        f"""SELECT {FIELDS} FROM EXPERIMENTS e WHERE e.role = 'tuned student' AND {where}
        ORDER BY DECODE(e.evaluation_set, 'holdout', 1, 'test', 2, 3), e.run_id""",
        binds,
    )


def _nobody(run: Run, beginning: str, alias: str) -> str:
    distill = typed("distill")
    if alias:
        return f"nothing goes by the alias '{alias}'; promote a run that has that gate: {distill} promote RUN"
    if beginning:
        return f"run '{beginning}': no run with a tuned student begins so; `{distill} show` lists the runs"
    start = f"{distill} run {run.experiment.path}" + (f" --engine {run.engine}" * (run.engine != "local"))
    return f"experiment '{run.config.name}' has no run with a tuned student on '{run.engine}'; start one: {start}"
