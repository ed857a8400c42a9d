"""`distill plan`: what a run would cost, before it costs anything."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import click

from cortex_distill.errors import DistillError
from cortex_distill.load import Experiment, load_experiment
from cortex_distill.plan import Plan
from cortex_distill.run import Run
from cortex_distill.session import SqlError, open_statements
from flows.starting import ENGINE, parsed


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@ENGINE
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="change one value, e.g. split.train=0.7")
@click.option("--sql", "with_sql", is_flag=True, help="print the statements of every step as they would be sent")
@click.option("--json", "as_json", is_flag=True, help="print the plan as JSON")
def plan(file: Path, engine: str, overrides: tuple[str, ...], with_sql: bool, as_json: bool) -> None:
    """Say what a run of FILE would ask for and cost. Makes no model call and changes no table."""
    experiment = load_experiment(file, parsed(overrides))
    from tasks.plan import plan_run  # noqa: PLC0415  the other commands need no step

    session = open_statements(engine)
    try:
        run = Run(session, str(uuid4()), experiment, engine)
        found = plan_run(run)
        if with_sql:
            from tasks.statements import statements  # noqa: PLC0415

            for title, statement in statements(run, found.served_by):
                click.echo(f"-- {title}\n{statement}\n")
    finally:
        session.close()
    answers = None if with_sql or experiment.config.messages is None else _messages(experiment, engine)
    if as_json:
        more = {} if answers is None else {"messages": answers if isinstance(answers, str) else _data(answers)}
        click.echo(json.dumps(_data(found) | more, ensure_ascii=False, indent=2))
    elif not with_sql:
        from flows.plan_table import show_plan  # noqa: PLC0415

        show_plan(found)
        if isinstance(answers, str):
            click.echo(f"\nmessages: no plan: {answers}")
        elif answers is not None:
            show_plan(answers)


def _messages(experiment: Experiment, engine: str) -> Plan | str:
    """What `distill messages` would ask for, a run of its own; or why that cannot be said."""
    from tasks.plan_messages import plan_messages  # noqa: PLC0415  the other commands need no step

    session = open_statements(engine)  # its own: a plan hides the tables that the steps write to
    try:
        return plan_messages(Run(session, str(uuid4()), experiment, engine))
    except (SqlError, DistillError) as error:
        if isinstance(error, SqlError) and error.transient:
            raise
        return str(error)
    finally:
        session.close()


def _data(found: Plan) -> dict[str, object]:
    return {
        "headline": found.headline,
        "calls": found.calls,
        "free": found.free,
        "credits": found.credits,
        "without_price": found.without_price,
        "is_over_budget": found.is_over_budget,
        "prices": dict(found.prices),
        "parts": [part._asdict() for part in found.parts],
        "training": found.training and found.training._asdict() | {"credits": found.credits_of(found.training)},
        "differences": [one._asdict() for one in found.differences],
        "served_by": found.served_by,
        "refills": found.refills,
    }
