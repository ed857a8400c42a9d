"""`distill models`: who answers to the names of an experiment, tried with one small call each."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from cortex_distill.errors import SetupError
from cortex_distill.load import load_experiment
from cortex_distill.session import SqlError, execute, local_models, open_session
from cortex_distill.sql import Sql, literal
from flows.starting import ENGINE

if TYPE_CHECKING:
    from cortex_distill.session import Session

_ROLES = {"judge": "judge", "vote": "vote"}  # beside those of models
PROMPT = "You are called {}. Say in one sentence what a SIM card is."
MOST_TOKENS = 32


class Tried(NamedTuple):
    """What one call of a model came to."""

    model: str
    roles: str
    served_by: str  # who really answered; '' if nobody did
    seconds: float
    tokens: int  # of the reply
    error: str  # '' if it answered

    @property
    def pace(self) -> str:
        """Tokens per second of the whole call, or nothing."""
        return f"{self.tokens / self.seconds:.1f}" if self.served_by and self.seconds else ""


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@ENGINE
def models(files: tuple[Path, ...], engine: str) -> None:
    """Try the models of experiment FILES (default: configs/*.yaml), one call of 32 tokens each."""
    from flows.terminal import console, show_models  # noqa: PLC0415

    names = names_in(files or sorted(Path("configs").glob("*.yaml")))
    session = open_session(engine)
    try:
        with console.status(f"asking {len(names)} models on {engine} …"):
            tried = [try_model(session, model, ", ".join(roles)) for model, roles in names.items()]
    finally:
        session.close()
    show_models(tried, f"{engine}, models from {local_models().split('#')[0]}" if engine == "local" else engine)
    if not all(one.served_by for one in tried):
        raise click.exceptions.Exit(1)


def names_in(files: Iterable[Path]) -> dict[str, list[str]]:
    """Model → its roles, in the order of the files. Raises ConfigError, or SetupError if there is no file."""
    names: dict[str, list[str]] = {}
    for file in files:
        for key, model in load_experiment(file, without_fetched=True).config.asked.items():
            role = _ROLES.get(key.split(".")[0], key.removeprefix("models."))
            roles = names.setdefault(model, [])
            if role not in roles:
                roles.append(role)
    if not names:
        raise SetupError("no experiment file is given, and configs/ holds none: distill models my_experiment.yaml")
    return names


def try_model(session: Session, model: str, roles: str) -> Tried:
    """One call, which no ledger remembers: its point is to be made. A first call has the loading of the model in it."""
    started = time.monotonic()
    try:
        rows = execute(session, probe_sql(model))
    except SqlError as error:
        return Tried(model, roles, "", time.monotonic() - started, 0, str(error))
    served_by, tokens, error_text = rows[0]
    seconds = time.monotonic() - started
    return Tried(model, roles, served_by or "", seconds, int(tokens or 0), error_text or "")


def probe_sql(model: str) -> Sql:
    """served_by, tokens of the reply, error."""
    return Sql(
        f"""SELECT answer:value:model::STRING, answer:value:usage:completion_tokens::NUMBER, answer:error::STRING
        FROM (SELECT AI_COMPLETE(model => {literal(model)}, prompt => ?,
            model_parameters => {{'temperature': 0, 'max_tokens': {MOST_TOKENS}}},
            show_details => TRUE, return_error_details => TRUE) AS answer)""",
        (PROMPT.format(model),),
    )
