"""Step 0: everything that would go wrong later is said now, all of it at once, before the first model is asked.

Source: ours; the quickstart finds out halfway. No model is called, nothing is written.
In:   the experiment file, the account (cortex_distill/account.py), the holdout, the requests of `source:`
Out:  Preflight; problems end the run, warnings are shown
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from prefect import get_run_logger, task
from prefect.exceptions import MissingContextError

from cortex_distill.account import Account, account_of
from cortex_distill.errors import ConfigError, SetupError
from cortex_distill.findings import Finding, first_line, problems, warnings
from cortex_distill.model_catalogue import MODELS
from cortex_distill.model_checks import STUDENT, Known, model_findings
from cortex_distill.problem_list import Problems
from cortex_distill.rights_check import AT, rights_findings
from cortex_distill.run import Run
from cortex_distill.session import SqlError, obstacle, who_answers
from cortex_distill.sql import identifier, literal
from cortex_distill.training_size import size_findings
from cortex_distill.yaml_reader import read_yaml
from tasks.holdout_check import check_holdout
from tasks.longest_prompts import context_findings
from tasks.source_check import check_source
from tasks.step import ON_CORTEX

# Whoever wants to show warnings in this process, e.g. the command line. Prefect gets a line in the run's log.
listeners: list[Callable[[str], None]] = []


class Preflight(NamedTuple):
    """What was said; a run with problems has none, as it ended."""

    warnings: list[str]


@task(name="preflight", **ON_CORTEX)
def check_everything(run: Run) -> Preflight:
    """Check, show the warnings. Raises SetupError with every problem, one a line."""
    return _said(run, findings(run))


def _said(run: Run, found: list[Finding]) -> Preflight:
    said = lines(run, warnings(found))
    for warning in said:
        for listener in listeners:
            listener(warning)
        with suppress(MissingContextError):
            get_run_logger().warning("preflight: %s", warning)
    if wrong := lines(run, problems(found)):
        what = "1 problem" if len(wrong) == 1 else f"{len(wrong)} problems"
        raise SetupError("\n".join([f"{what} on engine '{run.engine}'; no model was asked, nothing was paid", *wrong]))
    return Preflight(said)


def findings(run: Run) -> list[Finding]:
    """Everything that is wrong or doubtful, in the order of the steps. Raises SqlError for what may pass."""
    account = account_of(run.session)
    named = run.config.asked | (run.config.messages.models if run.config.messages else {})
    found = [*rights_findings(account), *check_models(run, account, named)]
    holdout = check_holdout(run, account.here.role)
    requests = check_source(run, account.here.role)
    longest = max(holdout.longest, requests.longest, key=len)
    found += [*requests.found, *holdout.found, *context_findings(run, longest, account.here.region)]
    examples = sum(map(len, run.experiment.examples.values()))
    return [*found, *size_findings(run.config, examples, requests.usable), *_doubts(run)]


def check_models(run: Run, account: Account, named: dict[str, str]) -> list[Finding]:
    """Whether each can be called; `named`: key of the file → model, the student's among them."""
    known = {model: _known(run, account, model) for model in dict.fromkeys(named.values())}
    found = list(model_findings(named, account, known, datetime.now(UTC).date()))
    wrong = {name for key, name in named.items() for one in problems(found) if key in one.at.split(", ")}
    return [*found, *_nobody_answers(run, {key: name for key, name in named.items() if name not in wrong})]


@task(name="preflight", **ON_CORTEX)
def check_message_models(run: Run) -> Preflight:
    """The models that answer an inbox; the file's others are not called. Raises SetupError, as check_everything."""
    mine = run.config.messages.models if run.config.messages else {}
    named = {"models.student": run.config.models.student, **mine}
    found = check_models(run, account_of(run.session), named)
    return _said(run, [one for one in found if one.at == "models" or set(one.at.split(", ")) & mine.keys()])


def _known(run: Run, account: Account, model: str) -> Known:
    """What only some models need: a look into the history, or among the models of the schema."""
    shown = (account.models or {}).get(model.lower())
    if shown is not None and shown.status == "LEGACY":
        try:
            calls = run.count(
                """SELECT COUNT(*) FROM SNOWFLAKE.ACCOUNT_USAGE.CORTEX_AI_FUNCTIONS_USAGE_HISTORY
                WHERE LOWER(MODEL_NAME) = ?""",
                shown.name,
            )
        except SqlError as error:
            return Known(None, first_line(str(error)))
        return Known(calls > 0)
    if shown is None and model.lower() not in MODELS:
        return Known(tuned=_is_tuned(run, account, model))
    return Known()


def _is_tuned(run: Run, account: Account, model: str) -> bool:
    """Whether it is the name of a fine-tuned model, with or without database and schema."""
    here = account.here
    try:
        *place, name = identifier(model).upper().split(".")
        schema = identifier(".".join([here.database, here.schema][: 2 - len(place)] + place))
        shown = run.sql(f"SHOW MODELS LIKE {literal(name)} IN SCHEMA {schema}")
    except (SqlError, ConfigError):
        return False
    return any(row.as_dict()["name"] == name for row in shown)


def _nobody_answers(run: Run, named: dict[str, str]) -> Iterator[Finding]:
    """Models of which the engine itself knows that nobody will answer, or that they cannot be trained."""
    for model in dict.fromkeys(named.values()):
        at = ", ".join(key for key, name in named.items() if name == model)
        try:
            who_answers(run.session, model)
        except SqlError as error:
            if error.transient:
                raise
            yield Finding(at, first_line(str(error)))
            continue
        if silent := obstacle(run.session, model, "COMPLETE"):
            yield Finding(at, silent, stops=False)  # what was answered before needs nobody
        if STUDENT in at and (untrained := obstacle(run.session, model, "FINETUNE")):
            yield Finding(STUDENT, untrained)


def _doubts(run: Run) -> Iterator[Finding]:
    models = run.config.models
    if models.judge == models.teacher:
        own = "tickets" if run.config.is_synthetic else "labels"
        what = f"'{models.judge}' judges its own {own} (models.teacher); another model would be a better judge"
        yield Finding("models.judge", what, stops=False)
    yield from _dependent(run)
    if models.teacher == models.student:
        yield Finding("models.student", "is the teacher, too: it has nobody better to learn from", stops=False)


def _dependent(run: Run) -> Iterator[Finding]:
    """Further judges and votes that are worth less than they cost: one model's second opinion is its first."""
    config = run.config
    own = f"its own {'tickets' if config.is_synthetic else 'labels'} (models.teacher)"
    for place, model in enumerate(config.judge.also):
        if model == config.models.teacher:
            what = f"'{model}' judges {own}; another model would be a better judge"
            yield Finding(f"judge.also.{place}", what, stops=False)
    if config.vote is not None and config.vote.model == config.models.teacher:
        what = f"'{config.vote.model}' votes on {own}: it repeats its own mistakes"
        yield Finding("vote.model", f"{what}; another model would be a better voter", stops=False)
    elif config.vote is not None and config.vote.model in config.judges:
        what = f"'{config.vote.model}' is a judge, too: what it misses as one it may miss again"
        yield Finding("vote.model", f"{what}; another model would be a better voter", stops=False)


def lines(run: Run, found: Sequence[Finding]) -> list[str]:
    """Each with its place: `file:line: key: …`, `override: key: …`, or `engine: …`."""
    placed = Problems(str(run.experiment.path), set())
    data = read_yaml(run.experiment.path, placed)
    config = run.config.model_dump(mode="json")
    return [_line(run, one, placed, data, config) for one in found]


def _line(run: Run, one: Finding, placed: Problems, data: object, config: object) -> str:
    if one.at == AT:
        return f"{AT} '{run.engine}': {one.what}"
    key = tuple(one.at.split(", ")[0].split("."))
    written = _value(data, key)
    if isinstance(written, str) and written != _value(config, key):
        return f"override: {one.at}: {one.what}"
    line = next((placed.lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in placed.lines), 1)
    return f"{run.experiment.path}:{line}: {one.at}: {one.what}"


def _value(data: object, key: Sequence[str]) -> object:
    for part in key:
        data = data.get(part) if isinstance(data, dict) else None
    return data
