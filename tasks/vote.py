"""Step 3a: a second model is asked, blind, which category a ticket belongs to; one that it puts elsewhere is dropped.

Source: ours; the quickstart believes its teacher. Tickets of a neighbouring category are the ones to catch.
In:   TICKETS (those that the judge kept), CATEGORIES
Out:  TICKETS.vote, vote_key, kept, dropped_because
A vote that names nothing on the list says nothing about the ticket: it is counted, and the ticket stays unless
`vote.unreadable` is drop. Nor does an answer count that stands in the ticket itself, word for word, as JSON: whoever
wrote the ticket wrote that answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cortex_distill.asking import in_all
from cortex_distill.config_rows import NONE_OF_THESE
from cortex_distill.config_tickets import Vote
from cortex_distill.ledger import Ask, Asked
from cortex_distill.lost_replies import Lost, by_reason_sql, lost_in, lost_in_all, need
from cortex_distill.prompts import to_sql
from cortex_distill.replies import BLANK, normal_sql, object_schema, only_object_sql
from cortex_distill.reply_grammar import DEEP
from cortex_distill.rounds import Round
from cortex_distill.run import Run
from cortex_distill.sql import Sql
from tasks.evaluate import JSON_TOKENS
from tasks.judge import of_round
from tasks.step import ON_CORTEX, named_by_round, progress, task

SAYS, UNREAD = "vote: says ", "vote: no answer on the list: "
FAILED, EMPTY, ECHO, OFF_LIST = (
    "the call failed",
    "empty",
    "repeats an answer from the ticket",
    "off the list",
)


class Voted(NamedTuple):
    """What the vote left."""

    calls: Asked
    other: int  # tickets for which another category, or none, was named; dropped
    unreadable: int  # votes that name nothing on the list
    kept: int
    lost: Sequence[Lost] = ()  # the unreadable ones, by reason
    drops_unreadable: bool = False

    @property
    def lost_words(self) -> str:
        """For the funnel: why tickets were dropped; '' if none was."""
        unread = f"{self.unreadable} votes unreadable" if self.drops_unreadable and self.unreadable else ""
        return ", ".join(filter(None, [f"{self.other} put elsewhere" if self.other else "", unread]))

    @property
    def text(self) -> str:
        """One sentence with the counts."""
        unread = f"{self.unreadable} votes name nothing on the list, and their tickets"
        return (
            f"of {self.calls.rows} tickets that the judge kept, {self.calls.model} puts {self.other} elsewhere, which"
            f" are dropped; {unread} {'are dropped, too' if self.drops_unreadable else 'stay'}"
        )


@task(name="vote", task_run_name=named_by_round("vote"), **ON_CORTEX)
def vote_on_tickets(run: Run, now: Round | None = None) -> Voted | None:
    """Ask about a round's tickets (without a round, about all) and drop; None without a `vote` section.

    Safe to repeat. Raises StepError if the run has no kept ticket after it.
    """
    config, number = run.config.vote, now.number if now else None
    if config is None:
        return None
    with progress(now.title("vote") if now else "vote") as report:
        asked = run.ask(vote_ask(run, config, number), report)
    run.query(drop_sql(run, config, asked.replies))
    return _count(run, config, asked, number)


def all_voted(rounds: Sequence[Voted | None]) -> Voted | None:
    """All rounds as one; None without a `vote` section."""
    voted = [one for one in rounds if one is not None]
    if not voted:
        return None
    calls = in_all([one.calls for one in voted])
    other, unreadable, kept = (sum(numbers) for numbers in zip(*(one[1:4] for one in voted), strict=True))
    lost = lost_in_all([lost for one in voted for lost in one.lost], calls.rows)
    return Voted(calls, other, unreadable, kept, lost, voted[0].drops_unreadable)


def vote_ask(run: Run, config: Vote, number: int | None = None) -> Ask:
    """What the voter is asked about every ticket that is to be voted on, of a round or of all."""
    most = config.max_tokens + (JSON_TOKENS if config.constrained else 0)
    options = [*run.config.categories, *([NONE_OF_THESE] if config.abstain else [])]
    schema = object_schema({"category": {"type": "string", "enum": options}}) if config.constrained else None
    return Ask("vote", prompts_sql(run, config, number), config.model, {"temperature": 0, "max_tokens": most}, schema)


def prompts_sql(run: Run, config: Vote, number: int | None = None) -> Sql:
    """One prompt per ticket that is kept so far, or was voted on before: those cost nothing."""
    values = {"categories": run.config.categories} | ({"none_of_these": NONE_OF_THESE} if config.abstain else {})
    prompt = to_sql(config.prompt, values, {"request": "t.request"})
    in_round = of_round(number, "t.")
    return Sql(
        f"""SELECT t.ticket_id AS row_key, {prompt.text} AS prompt, 0 AS draw FROM TICKETS t
        WHERE t.run_id = ? AND t.duplicate_of IS NULL AND (t.kept OR t.vote_key IS NOT NULL){in_round.text}""",
        (*prompt.binds, run.id, *in_round.binds),
    )


def votes_sql(run: Run, config: Vote, replies: str) -> Sql:
    """row_key, completion_key, said, vote, unread: the category that a reply names, or why it names none.

    In normal form, as answers are read everywhere. An object counts where it is the only one in the reply and stands
    in the ticket nowhere; a reply that repeats the ticket is off the list.
    """
    category = Sql("r.reply")
    echo = Sql("FALSE")
    if config.constrained:
        label = only_object_sql("r.reply")
        category = Sql(f"COALESCE({label.text}:category::STRING, r.reply)", label.binds)
        squeezed = "LOWER(REGEXP_REPLACE({}, ?, ''))"
        object_ = squeezed.format("REGEXP_SUBSTR(r.reply, ?)")
        echo = Sql(f"COALESCE(CONTAINS({squeezed.format('t.request')}, {object_}), FALSE)", (r"\s+", DEEP, r"\s+"))
    answer = normal_sql(f"COALESCE({category.text}, '')")
    named = Sql("c.category")
    if config.abstain:
        named = Sql("COALESCE(c.category, IFF(a.answer = ?, ?, NULL))", (NONE_OF_THESE, NONE_OF_THESE))
    return Sql(
        f"""SELECT row_key, completion_key, said, IFF(echo, NULL, named) AS vote,
            CASE WHEN reply IS NULL THEN '{FAILED}' WHEN TRIM(reply, ?) = '' THEN '{EMPTY}' WHEN echo THEN '{ECHO}'
                WHEN named IS NULL THEN '{OFF_LIST}' END AS unread
        FROM (
            SELECT a.row_key, a.completion_key, a.reply, a.said, a.echo, {named.text} AS named
            FROM (
                SELECT r.row_key, r.completion_key, r.reply, COALESCE(r.reply, r.error, '') AS said,
                    {echo.text} AS echo, {answer.text} AS answer
                FROM {replies} r JOIN TICKETS t ON t.run_id = ? AND t.ticket_id = r.row_key
            ) a LEFT JOIN CATEGORIES c ON c.run_id = ? AND c.matches = a.answer
        )""",
        (BLANK, *named.binds, *echo.binds, *category.binds, *answer.binds, run.id, run.id),
    )


def drop_sql(run: Run, config: Vote, replies: str) -> Sql:
    """Store each vote; keep a ticket whose vote names its own category. What was dropped before the vote stays so."""
    votes = votes_sql(run, config, replies)
    unread = "CONCAT(?, votes.unread)" if config.unreadable == "drop" else "NULL"
    because = (
        f"IFF(votes.unread IS NOT NULL, {unread}, IFF(votes.vote = TICKETS.category, NULL, CONCAT(?, votes.vote)))"
    )
    binds = ((UNREAD,) if config.unreadable == "drop" else ()) + (SAYS,)
    open_ = "TICKETS.kept OR COALESCE(STARTSWITH(TICKETS.dropped_because, 'vote: '), FALSE)"
    return Sql(
        f"""UPDATE TICKETS SET vote = votes.vote, vote_key = votes.completion_key,
            kept = IFF({open_}, ({because}) IS NULL, TICKETS.kept),
            dropped_because = IFF({open_}, {because}, TICKETS.dropped_because)
        FROM ({votes.text}) votes WHERE TICKETS.run_id = ? AND TICKETS.ticket_id = votes.row_key""",
        (*binds, *binds, *votes.binds, run.id),
    )


def _count(run: Run, config: Vote, asked: Asked, number: int | None) -> Voted:
    in_round = of_round(number)
    counted = Sql(
        f"""SELECT COUNT(STARTSWITH(dropped_because, ?) OR NULL), COUNT(vote_key IS NOT NULL AND vote IS NULL OR NULL),
            COUNT(kept OR NULL) FROM TICKETS WHERE run_id = ?{in_round.text}""",
        (SAYS, run.id, *in_round.binds),
    )
    other, unreadable, kept = (int(cell or 0) for cell in run.query(counted)[0])  # NULL of no row
    votes = votes_sql(run, config, asked.replies)
    unread = Sql(f"SELECT said, unread AS reason, COUNT(*) OVER () AS rows_read FROM ({votes.text})", votes.binds)
    lost = lost_in("vote", asked.model, run.query(by_reason_sql(unread)))
    need(
        f"vote: left {kept} of {asked.rows} tickets ({other} put elsewhere, {unreadable} votes unreadable)",
        {"left by the vote": kept or run.count("SELECT COUNT(kept OR NULL) FROM TICKETS WHERE run_id = ?", run.id)},
        lost,
        f"read column vote of TICKETS where run_id = '{run.id}'; mend vote.prompt or name another vote.model",
    )
    return Voted(asked, other, unreadable, kept, lost, config.unreadable == "drop")
