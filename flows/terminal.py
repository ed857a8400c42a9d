"""What a run looks like in a terminal when it is done: tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from cortex_distill.asking import per_model
from cortex_distill.errors import StepError
from cortex_distill.gate import check_gate
from cortex_distill.metrics import figure
from cortex_distill.planned import ABOUT, HEADER, cells
from cortex_distill.programs import typed
from cortex_distill.report_diversity import in_short, repeats
from cortex_distill.report_quota import advice, header, table_rows
from cortex_distill.session import execute
from cortex_distill.sql import Sql
from cortex_distill.tables import create_sql
from cortex_distill.verdicts import p_text
from flows.console import console as console
from flows.plain_table import plain as plain

if TYPE_CHECKING:
    from cortex_distill.asking import Asked
    from cortex_distill.config_gate import Gate
    from cortex_distill.quotas import Quotas
    from cortex_distill.session import Session
    from cortex_distill.summary import Summary
    from flows.models import Tried

WEAK = 3  # pairs said in a line


def show_summary(summary: Summary) -> None:
    """Warnings first, then results, verdicts, tickets, calls, and where to look next."""
    for warning in summary.warnings:
        console.print(Text(f"! {warning}", style="yellow"))
    console.print()
    console.print(_results(summary))
    if summary.holdout_about:
        console.print(Text(f"  holdout: {summary.holdout_about}", style="dim"))
    console.print(Text(f"  {summary.training}", style="dim"))
    console.print(
        f"\n[bold]A/B[/bold]: the prompts on the same rows ({summary.best_set}), exact McNemar, Holm-corrected",
        highlight=False,
    )
    for line in _verdicts(summary):
        console.print(Text(f"  {line}"))
    console.print(f"\n[bold]Tickets[/bold]: {_funnel(summary)}", highlight=False)
    if summary.quotas and summary.quotas.is_shown:
        console.print(quota_table(summary.quotas))
    if summary.diversity:
        console.print(Text(f"Diversity: {in_short(summary.diversity)}; {repeats(summary.diversity)}"))
    if summary.judge_can_tell:
        console.print(Text(f"Judge: {summary.judge_check}"))
    if summary.trust and summary.trust.vote:
        console.print(Text(f"Vote: {summary.trust.vote}"))
    if summary.review:
        console.print(Text(f"Review: {summary.review}"))
    for line in _weak(summary):
        console.print(Text(line))
    console.print(calls_table(summary.calls, summary.calls_made))
    if summary.planned:
        console.print(_planned(summary))
    console.print(f"\nrun {summary.run_id}", highlight=False)
    for what, meaning in _next(summary):
        console.print(f"  {what:<33}  {meaning}", highlight=False, soft_wrap=True)


def show_gate(bars: Sequence[Gate], summary: Summary) -> bool:
    """Each bar and what came of it; whether all are reached. Raises StepError if nobody was measured so."""
    checked = check_gate(bars, summary.scores)
    for one in checked:
        console.print(Text(one.text, style="red" if one.missing else "green"), soft_wrap=True)
    return not any(one.missing for one in checked)


def _next(summary: Summary) -> Iterator[tuple[str, str]]:
    """Where to look: a command or an address, and what is there."""
    yield f"{typed('distill')} show", "every run in EXPERIMENTS"
    if address := address_of(summary.artifact):
        yield address, "the report"
    else:
        yield "make up", "then http://127.0.0.1:4200/v2/artifacts: the reports of runs from then on"


def address_of(artifact: str) -> str:
    """Where the UI shows an artifact; an empty text without a server that outlives the command."""
    from prefect.settings import get_current_settings  # noqa: PLC0415  loaded by the flow, and slow without one

    url = get_current_settings().api.url
    return f"{url.removesuffix('/api')}/v2/artifacts/artifact/{artifact}" if url and artifact else ""


def _results(summary: Summary) -> Table:
    columns = [("model", ""), ("prompt", ""), ("n", "right"), ("accuracy (95 %)", "right"), ("F1", "right")]
    columns += [("off list", "right"), ("silent", "right"), ("tokens", "right")]
    names = {score.role: score.model for score in summary.scores}
    models = f"teacher {names.get('teacher')}, student {names.get('base student')}"
    table = plain(f"{summary.experiment} on {summary.engine}: {models}", columns, spare=["tokens"])
    last = ""
    for score in summary.scores:
        if score.evaluation_set != last:
            if last:
                table.add_section()
            table.add_row(Text(f"{score.evaluation_set}:", style="italic"))
        tokens = f"{score.prompt_tokens + score.completion_tokens:,}"
        figures = (score.figure, f"{score.macro_f1(summary.categories):.2f}", str(score.off_list))
        cells = (score.role, score.variant, str(score.n), *figures, str(score.unanswered), tokens)
        style = "bold" if score.role == "tuned student" else ""
        table.add_row(*(Text(cell, style=style) for cell in cells))
        last = score.evaluation_set
    table.caption = "F1: macro; off list: answers that name no category; silent: no answer"
    table.caption_justify = "left"
    return table


def _verdicts(summary: Summary) -> Iterator[str]:
    """On the most trustworthy set: a line for each difference that is shown, one per role for all that are not."""
    for role in dict.fromkeys(compared.role for compared in summary.compared):
        mine = [c.verdict for c in summary.compared if (c.role, c.evaluation_set) == (role, summary.best_set)]
        yield from (f"{role}: {verdict.text}" for verdict in mine if verdict.is_shown)
        if same := [f"{one.first}/{one.second} (p {p_text(one.p_value)})" for one in mine if not one.is_shown]:
            yield f"{role}: no difference shown: {', '.join(same)}"


def _weak(summary: Summary) -> Iterator[str]:
    """The first pairs on each set, and the command that asks for more tickets there."""
    for found in summary.weak:
        more = f"; {len(found.pairs) - WEAK} more pairs" if len(found.pairs) > WEAK else ""
        if found.pairs:
            said = "; ".join(pair.text for pair in found.pairs[:WEAK])
            yield f"Weak spots ({found.evaluation_set}, {found.wrong} of {found.n} wrong): {said}{more}"
    if any(found.evaluation_set == "validation" and found.pairs for found in summary.weak):
        yield f"  more tickets there, and a comparison: {typed('distill')} refine {summary.run_id[:8]}"


def _funnel(summary: Summary) -> str:
    return " → ".join(
        f"{stage.tickets} {stage.name}{f' ({stage.lost})' if stage.lost else ''}" for stage in summary.stages
    )


def quota_table(quotas: Quotas) -> Table:
    """Each category from asked to kept, the short ones first; below, what to change."""
    names = header(quotas)
    table = plain(
        f"Quotas, after round {quotas.rounds}", [(name, "right" if place else "") for place, name in enumerate(names)]
    )
    for row in table_rows(quotas):
        table.add_row(*map(Text, row))
    table.caption, table.caption_justify = Text("\n".join(advice(quotas))), "left"
    return table


def calls_table(calls: Iterable[Asked], made: int) -> Table:
    """What was asked of each model in each step; `made`: calls that were paid for, in all."""
    columns = [("step", ""), ("model", ""), ("rows", "right"), ("calls made", "right"), ("failed", "right")]
    table = plain(f"Model calls made: {made:,}", [*columns, ("seconds", "right")])
    for asked in per_model(calls):
        cells = (asked.step, asked.model.rsplit(".", 1)[-1] if asked.model.count(".") > 1 else asked.model)
        numbers = (f"{asked.rows:,}", f"{asked.made:,}", f"{asked.failed:,}", f"{asked.seconds:.1f}")
        table.add_row(*(Text(cell) for cell in (*cells, *numbers)))
    return table


def _planned(summary: Summary) -> Table:
    table = plain("Planned against actual", [(name, "right" if place > 1 else "") for place, name in enumerate(HEADER)])
    for one in summary.planned:
        table.add_row(*map(Text, cells(one)))
    table.caption, table.caption_justify = ABOUT, "left"
    return table


def show_models(tried: Sequence[Tried], where: str) -> None:
    """Who answered to which name and how fast; below, what to do about those to whom nobody did."""
    columns = [("model", ""), ("role", ""), ("answered by", ""), ("seconds", "right"), ("tokens/s", "right")]
    table = plain(f"Models on {where}", columns)
    for one in tried:
        answered = Text(one.served_by) if one.served_by else Text("nobody", style="red")
        table.add_row(Text(one.model), one.roles, answered, f"{one.seconds:.1f}", one.pace)
    console.print(table)
    console.print(Text("  the first call of a model on this machine includes its loading", style="dim"))
    for one in tried:
        if one.error:
            console.print(Text(f"! {one.model}: {one.error}", style="yellow"))


def show_experiments(session: Session, run_id: str | None, last: int) -> None:
    """The rows of EXPERIMENTS, newest run first. Raises StepError if there are none."""
    execute(session, Sql(create_sql("EXPERIMENTS")))
    rows = execute(session, experiments_sql(run_id, last))
    if not rows:
        wanted = f"a run that begins with '{run_id}'" if run_id else "a run"
        start = f"{typed('distill')} run configs/support_tickets.yaml"
        raise StepError(f"EXPERIMENTS has no row of {wanted}; start one with: {start}")
    columns = [("set", ""), ("model", ""), ("prompt", ""), ("n", "right"), ("accuracy (95 %)", "right")]
    for run, mine in groupby(rows, key=lambda row: row[0]):
        scores = list(mine)
        table = plain(f"{run[:8]}  {scores[0][1]}, {scores[0][10]:%d %b %H:%M}", columns)
        answered: dict[str, list[str]] = {}
        for _, _, evaluation_set, role, variant, served_by, n, accuracy, low, high, _ in scores:
            cells = (evaluation_set, role, variant, f"{n:,}", figure(accuracy, low, high))
            table.add_row(*map(Text, cells), style="bold" if role == "tuned student" else "")
            if role not in answered.setdefault(served_by, []):
                answered[served_by].append(role)
        console.print(table)
        for name, roles in answered.items():
            console.print(Text(f"  {', '.join(roles)}: answered by {name}", style="dim"))
        console.print()


def experiments_sql(run_id: str | None, last: int) -> Sql:
    """The newest runs' rows; or those of the runs whose id begins with `run_id`."""
    return Sql(
        """SELECT e.run_id, e.experiment, e.evaluation_set, e.role, e.variant, e.served_by, e.n, e.accuracy,
            e.accuracy_low, e.accuracy_high, e.created_at
        FROM EXPERIMENTS e JOIN (
            SELECT run_id, MAX(created_at) AS newest FROM EXPERIMENTS WHERE STARTSWITH(run_id, ?)
            GROUP BY run_id ORDER BY newest DESC LIMIT ?) runs ON runs.run_id = e.run_id
        ORDER BY runs.newest DESC, e.run_id, e.evaluation_set, e.role DESC, e.variant""",
        (run_id or "", last),
    )
