"""Messages, step 4: variants side by side. A judge sees the two messages of a ticket, in both orders.

A judge that prefers whatever it reads first would decide nothing: where its two verdicts differ, the pair is a tie,
and is counted as order bias. Two messages that are equal are a tie that nobody is asked about.
In:   MESSAGES, MESSAGE_INBOX
Out:  nothing but the counts
"""

from __future__ import annotations

from itertools import combinations

from cortex_distill.config_messages import Messages, SideBySide
from cortex_distill.ledger import Ask, Asked
from cortex_distill.message_prompts import by_channel_sql
from cortex_distill.message_summary import Duel
from cortex_distill.replies import normal_sql, object_schema, only_object_sql
from cortex_distill.run import Run
from cortex_distill.sql import Sql, join
from tasks.inbox import messages_of
from tasks.messages import COLUMNS, shown_sql
from tasks.step import ON_CORTEX, progress, task
from tasks.student import Student

CHOICES = ("first", "second", "tie")


@task(name="compare the variants", **ON_CORTEX)
def compare_messages(run: Run, student: Student) -> tuple[Asked | None, list[Duel]]:
    """The calls, and a Duel for each pair of variants; (None, []) where none are compared. Safe to repeat."""
    compare = messages_of(run).compare
    if compare is None:
        return None, []
    pairs = pairs_of(messages_of(run))
    with progress("compare messages") as report:
        asked = run.ask(compare_ask(run, student, compare, pairs), report)
    counts = {int(row[0]): [int(cell or 0) for cell in row[1:]] for row in run.query(count_sql(asked.replies))}
    alike = [run.query(alike_sql(run.id, pair, compare.tickets))[0][0] for pair in pairs]
    rows = [(*pair, *counts.get(place, [0] * 7), int(alike[place] or 0)) for place, pair in enumerate(pairs)]
    return asked, [Duel._make(row) for row in rows]


def pairs_of(config: Messages) -> list[tuple[str, str]]:
    """Every two variants."""
    return list(combinations(config.prompts, 2))


def compare_ask(run: Run, student: Student, compare: SideBySide, pairs: list[tuple[str, str]]) -> Ask:
    """Two prompts per pair of different messages."""
    schema = object_schema({"winner": {"type": "string", "enum": list(CHOICES)}}) if compare.structured_output else None
    orders = [
        prompts_sql(run, student, compare, f"{place} {order}", first, second)
        for place, (one, two) in enumerate(pairs)
        for order, first, second in (("as", one, two), ("turned", two, one))
    ]
    parameters = {"temperature": 0, "max_tokens": compare.max_tokens}
    return Ask("compare", join(orders, " UNION ALL "), compare.judge, parameters, schema)


def prompts_sql(run: Run, student: Student, compare: SideBySide, name: str, first: str, second: str) -> Sql:
    """`name` and row_key, prompt, draw, for a pair of variants in one order."""
    shown, both = shown_sql(run, student.run_id), both_sql(run.id, first, second, compare.tickets)
    columns = {**COLUMNS, "first": "i.first_message", "second": "i.second_message"}
    prompt = by_channel_sql(compare.prompt, messages_of(run), {"categories": student.categories}, columns)
    return Sql(
        f"""SELECT ? || ' ' || i.row_key AS row_key, {prompt.text} AS prompt, 0 AS draw
        FROM (
            SELECT s.*, b.first_message, b.second_message FROM ({shown.text}) s
            JOIN ({both.text}) b ON b.row_key = s.row_key
        ) i WHERE i.first_message <> i.second_message""",
        (name, *prompt.binds, *shown.binds, *both.binds),
    )


def both_sql(run_id: str, first: str, second: str, tickets: int) -> Sql:
    """The messages of two variants to the same tickets; of many tickets some, the same in every run and order."""
    return Sql(
        """SELECT a.row_key, a.message AS first_message, b.message AS second_message
        FROM MESSAGES a JOIN MESSAGES b ON b.run_id = a.run_id AND b.row_key = a.row_key
        WHERE a.run_id = ? AND a.variant = ? AND b.variant = ? AND a.message IS NOT NULL AND b.message IS NOT NULL
        QUALIFY ROW_NUMBER() OVER (ORDER BY SHA2(a.row_key, 256), a.row_key) <= ?""",
        (run_id, first, second, tickets),
    )


def alike_sql(run_id: str, pair: tuple[str, str], tickets: int) -> Sql:
    """How many pairs are equal."""
    both = both_sql(run_id, *pair, tickets)
    return Sql(f"SELECT COUNT(first_message = second_message OR NULL) FROM ({both.text})", both.binds)


def count_sql(replies: str) -> Sql:
    """place of the pair of variants, then numbers of tickets: the first, the second, neither is better in both orders;
    with two verdicts; the one read first, or second, is always better; without two verdicts."""
    label = only_object_sql("r.reply")
    said = normal_sql(f"COALESCE({label.text}:winner::STRING, r.reply, '')")
    whole = "a IS NOT NULL AND b IS NOT NULL"
    return Sql(
        f"""SELECT place, COUNT(a = 'first' AND b = 'second' OR NULL), COUNT(a = 'second' AND b = 'first' OR NULL),
            COUNT(a = 'tie' AND b = 'tie' OR NULL), COUNT({whole} OR NULL),
            COUNT(a = 'first' AND b = 'first' OR NULL), COUNT(a = 'second' AND b = 'second' OR NULL),
            COUNT(NOT ({whole}) OR NULL)
        FROM (
            SELECT place, row_key, MAX(IFF(turn = 'as', said, NULL)) AS a, MAX(IFF(turn = 'turned', said, NULL)) AS b
            FROM (
                SELECT SPLIT_PART(row_key, ' ', 1) AS place, SPLIT_PART(row_key, ' ', 2) AS turn,
                    SPLIT_PART(row_key, ' ', 3) AS row_key, IFF(said IN (?, ?, ?), said, NULL) AS said
                FROM (SELECT r.row_key, {said.text} AS said FROM {replies} r)
            ) GROUP BY place, row_key
        ) GROUP BY place""",
        (*CHOICES, *label.binds, *said.binds),
    )
