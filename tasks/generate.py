"""Step 2: the teacher writes the tickets of a round.

Source: quickstart, "Generate Synthetic Training Data".
In:   the experiment file (categories, prompt, examples, vary); a Round; TICKETS of the rounds before
Out:  TICKETS (the rows of this round), one per ticket that could be read
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from cortex_distill.asking import in_all
from cortex_distill.errors import StepError
from cortex_distill.generation import GenerationCall, generation_calls, wave_bounds, waves
from cortex_distill.labelled import Labelled
from cortex_distill.ledger import Ask, Asked
from cortex_distill.load import Experiment
from cortex_distill.lost_replies import Lost, by_reason_sql, lost_in, lost_in_all, need, unread_tickets_sql
from cortex_distill.replies import object_schema, objects_sql, text_sql
from cortex_distill.rounds import Round, first_round
from cortex_distill.run import Run
from cortex_distill.sql import Sql
from cortex_distill.transient import is_transient_text
from cortex_distill.upload import upload
from cortex_distill.written import written_of, written_sql
from tasks.step import ON_CORTEX, named_by_round, progress, task

TEXT = {"type": "string"}
TICKET = object_schema({"scenario": TEXT, "request": TEXT})
TICKETS = object_schema({"tickets": {"type": "array", "items": TICKET}})


class Generated(NamedTuple):
    """The top of the funnel, of one round or of all of them."""

    asked: int  # tickets asked for
    calls: Asked
    unreadable: int  # replies without a single ticket in them
    written: int  # tickets read from the replies
    lost: Sequence[Lost] = ()  # replies with less tickets than they name, by reason
    wanted: Mapping[str, int] = MappingProxyType({})  # category → tickets asked for
    rounds: int = 1


@task(name="generate", task_run_name=named_by_round("generate"), **ON_CORTEX)
def generate_tickets(run: Run, now: Round | None = None) -> Generated:
    """Ask and read; without a round, the first. Safe to repeat, also when later rounds were made.

    Raises StepError if the run has no ticket after it.
    """
    now = now or first_round(run.config)
    run.sql("DELETE FROM TICKETS WHERE run_id = ? AND COALESCE(round, 1) >= ?", run.id, now.number)
    asked, lost = [], []
    for wave in waves(run.experiment, now):
        one = _ask(run, now, wave)
        asked.append(one)
        read = Sql("SELECT completion_key FROM TICKETS WHERE run_id = ?", (run.id,))
        lost += lost_in("generate", one.model, run.query(by_reason_sql(unread_tickets_sql(one.replies, read))))
    calls = in_all(asked)
    return _count(run, now, calls, lost_in_all(lost, calls.rows))


def _ask(run: Run, now: Round, wave: int) -> Asked:
    plan = f"CALLS_{run.id.replace('-', '')[:12]}"
    run.query(calls_sql(plan))
    written = written_before(run, wave)
    upload(run.session, plan, GenerationCall._fields, generation_calls(run.experiment, now, wave, written))
    with progress(now.title("generate")) as report:
        asked = run.ask(generation_ask(run.experiment, plan), report)
    run.query(insert_sql(run.id, plan, asked.replies, now.number))
    return asked


def calls_sql(plan: str) -> Sql:
    """The table of the calls of a wave."""
    return Sql(
        f"""CREATE OR REPLACE TEMPORARY TABLE {plan}
        (row_key STRING, category STRING, draw NUMBER, attributes STRING, prompt STRING)"""
    )


def written_before(run: Run, wave: int) -> dict[str, list[str]]:
    """Category → tickets that the calls of a wave show; {} without `not_again`."""
    tokens = run.config.generate.not_again
    before, _ = wave_bounds(run.experiment, wave)
    return written_of(run.query(written_sql(run.id, before, tokens)), tokens) if tokens and before else {}


def _count(run: Run, now: Round, asked: Asked, lost: Sequence[Lost]) -> Generated:
    written, useful = map(
        int,
        run.sql(
            """SELECT COUNT(*), COUNT(DISTINCT completion_key) FROM TICKETS
            WHERE run_id = ? AND round = ?""",
            run.id,
            now.number,
        )[0],
    )
    in_all_rounds = written or run.count("SELECT COUNT(*) FROM TICKETS WHERE run_id = ?", run.id)
    if not in_all_rounds:
        error, reply = run.sql(f"SELECT MIN(error), MIN(reply) FROM {asked.replies}")[0]
        if reply is None and is_transient_text(str(error)):  # the model had no say
            raise StepError(f"generate: none of {asked.rows} calls of {asked.model} was answered: {str(error)[:600]}")
    need(
        f"generate: {in_all_rounds} tickets in {asked.rows} replies of {asked.model}",
        {"written by the teacher": in_all_rounds},
        lost,
        "generate.prompt must ask for JSON with scenario and request",
    )
    wanted = {category: one.tickets for category, one in now.wanted.items()}
    return Generated(now.tickets, asked, asked.rows - useful, written, lost, wanted)


def all_generated(found: Sequence[Generated | Labelled]) -> Generated | Labelled:
    """All rounds as one; real requests have one."""
    rounds = [one for one in found if isinstance(one, Generated)]
    if not rounds:
        return found[-1]
    calls = in_all([one.calls for one in rounds])
    asked, unreadable, written = (sum(ns) for ns in zip(*(one[:1] + one[2:4] for one in rounds), strict=True))
    lost = lost_in_all([lost for one in rounds for lost in one.lost], calls.rows)
    wanted = {category: sum(one.wanted.get(category, 0) for one in rounds) for category in rounds[0].wanted}
    return Generated(asked, calls, unreadable, written, lost, wanted, len(rounds))


def generation_ask(experiment: Experiment, plan: str) -> Ask:
    """What the teacher is asked about the calls in a table."""
    config = experiment.config.generate
    return Ask(
        step="generate",
        rows=Sql(f"SELECT row_key, prompt, draw FROM {plan}"),
        model=experiment.config.models.teacher,
        parameters={"temperature": config.temperature, "max_tokens": config.max_tokens},
        schema=(TICKET if config.per_call == 1 else TICKETS) if config.structured_output else None,
    )


def insert_sql(run_id: str, plan: str, replies: str, number: int = 1) -> Sql:
    """One ticket per JSON object with a request that is a text; its id says which reply it stands in, and where."""
    tickets = objects_sql(replies, Sql(f"{text_sql('request')} IS NOT NULL"))
    return Sql(
        f"""INSERT INTO TICKETS (run_id, ticket_id, category, scenario, request, attributes, completion_key,
            round)
        SELECT ?, LEFT(o.completion_key, 16) || '-' || o.position, p.category, {text_sql("scenario", "o.entry")},
            {text_sql("request", "o.entry")}, PARSE_JSON(p.attributes), o.completion_key, ?
        FROM {plan} p JOIN ({tickets.text}) o ON o.row_key = p.row_key""",
        (run_id, number, *tickets.binds),
    )
