"""`distill promote`: give the alias of a gate to the tuned student of a run, if its figures pass the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cortex_distill.session import execute, open_session
from cortex_distill.sql import Sql
from cortex_distill.tables import create_sql
from flows.starting import ENGINE

if TYPE_CHECKING:
    from cortex_distill.session import Session


@click.command()
@click.argument("run_id", metavar="RUN", required=False)
@ENGINE
@click.option("--list", "listing", is_flag=True, help="show what goes by which alias, who promoted it, and when")
def promote(run_id: str | None, engine: str, listing: bool) -> None:
    """Give the alias of the run's gate (`promote:` in its file) to its tuned student, if it passes the gate.

    RUN is the beginning of a run's id. The gate is the one that the run recorded, not what the file says today.
    """
    if listing == bool(run_id):
        raise click.UsageError("give either RUN (`distill show` lists them) or --list")
    session = open_session(engine)
    try:
        if run_id:
            _promote(session, engine, run_id)
        else:
            _list(session)
    finally:
        session.close()


def _promote(session: Session, engine: str, run_id: str) -> None:
    from cortex_distill.promotion import candidate, promote, promoted  # noqa: PLC0415  pydantic is not for --help

    chosen = candidate(session, run_id)
    done = promote(session, engine, chosen)
    told = "is now" if done.is_new else "was promoted by this run before, nothing changed; it is"
    click.echo(f"{done.alias} {told} {promoted(session, done.alias)}: {chosen.figures} (run {chosen.run_id})")


def _list(session: Session) -> None:
    execute(session, Sql(create_sql("PROMOTIONS")))
    rows = execute(
        session,
        Sql(
            """SELECT alias, model, run_id, evaluation_set, n, accuracy, accuracy_low, promoted_by, promoted_at
            FROM PROMOTIONS QUALIFY ROW_NUMBER() OVER (PARTITION BY alias ORDER BY promoted_at DESC) = 1
            ORDER BY alias"""
        ),
    )
    for alias, model, run_id, evaluation_set, n, accuracy, low, by, at in rows:
        click.echo(f"{alias} → {model}")
        click.echo(f"    {accuracy:.3f} (lower end {low:.3f}) on {evaluation_set}, n = {n}; run {run_id}")
        click.echo(f"    promoted by {by}, {at:%Y-%m-%d %H:%M}")
    if not rows:
        click.echo("nothing is promoted; promote a run with: distill promote RUN")
