"""`distill messages`: answer the tickets of an inbox with a tuned student's categories and a model's words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from cortex_distill.errors import ConfigError
from cortex_distill.load import load_experiment
from flows.starting import ENGINE, parsed, prefect_started

if TYPE_CHECKING:
    from rich.table import Table

    from cortex_distill.message_summary import MessageSummary


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@ENGINE
@click.option("--run", "run_id", default="", metavar="RUN", help="whose student sorts: the beginning of a run's id")
@click.option("--alias", default="", help="or the student that was promoted to this alias; else the newest run's")
@click.option("--inbox", default="", metavar="PLACE", help="a CSV file or DB.SCHEMA.TABLE, instead of messages.inbox")
@click.option("--limit", default=0, type=click.IntRange(0), metavar="N", help="only the first N tickets by ticket_id")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="change one value in the file")
def messages(
    file: Path, engine: str, run_id: str, alias: str, inbox: str, limit: int, overrides: tuple[str, ...]
) -> None:
    """Write a text or an email for each ticket of an inbox, into MESSAGES. Nothing is sent to anyone."""
    values = parsed(overrides)
    config = load_experiment(file, values, without_fetched=True).config
    if config.messages is None:
        raise ConfigError(f"{file}: messages: is missing; write messages: {{model: …, prompts: {{plain: …}}}}")
    if run_id and alias:
        raise ConfigError("give either --run or --alias: an alias names the run that was promoted")
    with prefect_started(f"messages of {file} on {engine}"):
        from flows.messages import messages as flow  # noqa: PLC0415

        summary: Any = flow(str(file), engine, run_id, alias, inbox, limit, values or None)
    show_messages(summary)


def show_messages(summary: MessageSummary) -> None:
    """Warnings first, then counts, the comparison, some messages, calls, and where the rest is."""
    from flows.console import console  # noqa: PLC0415
    from flows.terminal import address_of, calls_table  # noqa: PLC0415

    for warning in summary.warnings:
        console.print(Text(f"! {warning}", style="yellow"))
    console.print()
    console.print(_counts(summary))
    console.print(Text(f"  sorted by {summary.student}", style="dim"))
    for judged in summary.compared:
        console.print(Text(f"A/B: {judged.text}", style="bold" if judged.verdict.is_shown else ""))
        if judged.bias:
            console.print(Text(f"  {judged.bias}", style="dim"))
    for one in (*summary.marked[:5], *summary.examples[:4]):
        head = f"\n{one.ticket_id} {one.category}, {one.channel} ({one.variant}): {one.remark}"
        console.print(Text(head, style="bold"))
        console.print(Text(one.message[:800] or "(no message)"))
    console.print(calls_table(summary.calls, summary.calls_made))
    console.print(Text(summary.headline, style="bold"))
    console.print(f"\nrun {summary.run_id}: SELECT * FROM MESSAGES WHERE run_id = '{summary.run_id}'", highlight=False)
    if address := address_of(summary.artifact):
        console.print(f"  {address}  the report", highlight=False, soft_wrap=True)


def _counts(summary: MessageSummary) -> Table:
    from flows.terminal import plain  # noqa: PLC0415

    names = ["messages", "ok", "too long", "flagged", "silent", "asked again", "limit", "longest"]
    columns = [("variant", ""), ("channel", ""), *((name, "right") for name in names)]
    table = plain(f"Messages of {summary.experiment} on {summary.engine}, from {summary.inbox}", columns)
    for one in summary.kept:
        table.add_row(Text(one.variant), Text(one.channel), *(Text(str(n)) for n in one[2:10]))
    return table
