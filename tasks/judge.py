"""Step 3: the judge rates each ticket of a round; those below a threshold are dropped, with the reason.

Source: quickstart, "Rating and Filtering Synthetic Data with an LLM as a Judge".
In:   TICKETS (those that are no repeats)
Out:  TICKETS.rating, judge_key, kept, dropped_because; with `judge.also` RATINGS (see tasks/judges.py)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from cortex_distill.asking import in_all
from cortex_distill.ledger import Ask, Asked
from cortex_distill.lost_replies import Lost, by_reason_sql, lost_in, lost_in_all, need, unread_ratings_sql
from cortex_distill.prompts import to_sql
from cortex_distill.ratings import misses_sql, ratings_sql
from cortex_distill.replies import object_schema
from cortex_distill.rounds import Round
from cortex_distill.run import Run
from cortex_distill.sql import Sql
from tasks import judges
from tasks.step import ON_CORTEX, named_by_round, progress, task

COLUMNS = {name: f"t.{name}" for name in ("category", "scenario", "request")} | {"definition": "c.definition"}
UNREADABLE = f"judge: {judges.UNREAD}"


class Judged(NamedTuple):
    """What the judge left."""

    calls: Asked
    unreadable: int  # replies without all ratings: their tickets are dropped and counted, never scored 0
    below: int  # tickets under a threshold
    kept: int
    lost: Sequence[Lost] = ()  # the unreadable ones, by reason
    further: Sequence[Asked] = ()  # calls of judge.also


@task(name="judge", task_run_name=named_by_round("judge"), **ON_CORTEX)
def judge_tickets(run: Run, now: Round | None = None) -> Judged:
    """Rate a round's tickets (without a round, all), then keep what reaches every threshold. Safe to repeat.

    Raises StepError if the run has no kept ticket after it.
    """
    asked, number = [], now.number if now else None
    title = now.title("judge") if now else "judge"
    for place, model in enumerate(run.config.judges):
        with progress(title if not place else f"{title}, {model}") as report:
            asked.append(run.ask(rating_ask(run, "judge", prompts_sql(run, number), model), report))
    for statement in settle_sql(run, [one.replies for one in asked], number):
        run.query(statement)
    return _count(run, asked, of_round(number))


def rating_ask(run: Run, step: str, rows: Sql, model: str = "") -> Ask:
    """What a judge, the first one unless named, is asked about prompts for ratings, in whichever step."""
    config = run.config.judge
    parameters = {"temperature": config.temperature, "max_tokens": config.max_tokens}
    schema = rating_schema(config.thresholds) if config.structured_output else None
    return Ask(step, rows, model or run.config.models.judge, parameters, schema)


def settle_sql(run: Run, replies: Sequence[str], number: int | None = None) -> list[Sql]:
    """What is done with the replies of each judge, models.judge first; of a round, or of all."""
    config = run.config.judge
    rate = rate_sql(run.id, replies[0], config.thresholds)
    if len(replies) == 1:
        return [rate, keep_sql(run.id, config.thresholds, number)]
    each = zip(run.config.judges, replies, strict=True)
    ratings = [
        judges.rate_sql(run.id, place, model, table, config.thresholds) for place, (model, table) in enumerate(each)
    ]
    keep = judges.keep_sql(run.id, replies[0], len(replies), config.agree)
    return [rate, judges.forget_sql(run.id, replies[0]), *ratings, keep]


def _count(run: Run, calls: Sequence[Asked], in_round: Sql) -> Judged:
    counted = Sql(
        f"""SELECT COUNT(STARTSWITH(dropped_because, ?) OR NULL), COUNT(dropped_because LIKE 'judge: % < %' OR NULL),
            COUNT(kept OR NULL)
        FROM TICKETS WHERE run_id = ?{in_round.text}""",
        (UNREADABLE, run.id, *in_round.binds),
    )
    unreadable, below, kept = (int(cell or 0) for cell in run.query(counted)[0])  # NULL of no row
    asked, *further = calls
    lost = []
    for one in calls:
        unread = judges.unread_sql(one.replies, run.id, one.model) if further else None
        rows = run.query(by_reason_sql(unread or unread_ratings_sql(asked.replies, run.id, UNREADABLE)))
        lost += lost_in("judge", one.model, rows)
    thresholds = ", ".join(f"{name}: {bar:g}" for name, bar in run.config.judge.thresholds.items())
    need(
        f"judge: kept {kept} of {asked.rows} tickets ({below} below a threshold, {unreadable} ratings unreadable)",
        {"kept by the judge": kept or run.count("SELECT COUNT(kept OR NULL) FROM TICKETS WHERE run_id = ?", run.id)},
        lost,
        f"lower judge.thresholds (now {thresholds}) or read column rating of TICKETS where run_id = '{run.id}'",
    )
    return Judged(asked, unreadable, below, kept, lost, further)


def all_judged(rounds: Sequence[Judged]) -> Judged:
    """All rounds as one."""
    calls = in_all([one.calls for one in rounds])
    unreadable, below, kept = (sum(numbers) for numbers in zip(*(one[1:4] for one in rounds), strict=True))
    lost = lost_in_all([lost for one in rounds for lost in one.lost], calls.rows)
    further = [in_all(asked) for asked in zip(*(one.further for one in rounds), strict=True)]
    return Judged(calls, unreadable, below, kept, lost, further)


def prompts_sql(run: Run, number: int | None = None) -> Sql:
    """One prompt per ticket of a round that is no repeat; without a number, of every round."""
    values = {"categories": run.config.categories, "criteria": list(run.config.judge.thresholds)}
    prompt = to_sql(run.config.judge.prompt, values, COLUMNS)
    in_round = of_round(number, "t.")
    return Sql(
        f"""SELECT t.ticket_id AS row_key, {prompt.text} AS prompt, 0 AS draw
        FROM TICKETS t JOIN CATEGORIES c ON c.run_id = t.run_id AND c.category = t.category
        WHERE t.run_id = ? AND t.duplicate_of IS NULL{in_round.text}""",
        (*prompt.binds, run.id, *in_round.binds),
    )


def of_round(number: int | None, table: str = "") -> Sql:
    """A further condition on TICKETS: that they are of this round; none without a number."""
    return Sql("") if number is None else Sql(f" AND {table}round = ?", (number,))


def rating_schema(criteria: Iterable[str]) -> dict[str, object]:
    """JSON schema of a rating: a whole number from 1 to 5 for each criterion."""
    return object_schema({name: {"type": "integer", "minimum": 1, "maximum": 5} for name in criteria})


def rate_sql(run_id: str, replies: str, criteria: Iterable[str]) -> Sql:
    """Store each rating as it was given; where it cannot be read NULL, and why in dropped_because."""
    rated = ratings_sql(replies, criteria)
    return Sql(
        f"""UPDATE TICKETS SET judge_key = rated.completion_key, rating = rated.rating,
            dropped_because = IFF(rated.unreadable IS NULL, NULL, CONCAT(?, ': ', rated.unreadable))
        FROM ({rated.text}) rated
        WHERE TICKETS.run_id = ? AND TICKETS.ticket_id = rated.row_key""",
        (UNREADABLE, *rated.binds, run_id),
    )


def keep_sql(run_id: str, thresholds: Mapping[str, float], number: int | None = None) -> Sql:
    """Keep a ticket that reaches every threshold; else name the first one that it misses, with both numbers.

    Of one round, so that what later steps made of earlier rounds stands; without a number, of every round.
    """
    misses, in_round = misses_sql(thresholds, "judge: "), of_round(number)
    case = f"CASE WHEN rating IS NULL THEN COALESCE(dropped_because, ?) {misses.text} END"
    return Sql(
        f"""UPDATE TICKETS SET dropped_because = {case}, kept = ({case}) IS NULL
        WHERE run_id = ? AND duplicate_of IS NULL{in_round.text}""",
        (UNREADABLE, *misses.binds, UNREADABLE, *misses.binds, run_id, *in_round.binds),
    )
