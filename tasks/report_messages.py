"""Messages, step 5: what came of the inbox, as a Prefect artifact.

In:   MESSAGE_INBOX, MESSAGES, what the steps returned
Out:  a Markdown artifact `messages-<experiment>`, and the MessageSummary that the command line prints
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from prefect import task
from prefect.artifacts import create_markdown_artifact

from cortex_distill.funnel import Stage
from cortex_distill.ledger import Asked
from cortex_distill.markup import escaped
from cortex_distill.message_summary import Duel, Judged, Kept, MessageSummary, Shown
from cortex_distill.pair_tests import Pair
from cortex_distill.report_messages import key, markdown
from cortex_distill.run import Run
from cortex_distill.sql import Sql
from cortex_distill.verdicts import verdicts
from tasks.classify import Classified
from tasks.inbox import Read, messages_of
from tasks.messages import Written
from tasks.report_rows import what_was_spent
from tasks.step import ON_CORTEX, log
from tasks.student import Student

EXAMPLES, MARKED = 2, 20  # messages shown: of each variant and channel; of those that are marked


class Answered(NamedTuple):
    """What the steps before returned."""

    student: Student
    read: Read
    classified: Classified
    written: Written
    compare: Asked | None
    duels: Sequence[Duel]


@task(name="report the messages", **ON_CORTEX)
def report_messages(run: Run, found: Answered) -> MessageSummary:
    """Gather, write the artifact, return the summary."""
    config, kept = messages_of(run), counted(run)
    asked = [found.classified.calls, found.written.calls, found.written.again]
    summary = MessageSummary(
        experiment=run.config.name,
        run_id=run.id,
        engine=run.engine,
        inbox=found.read.place,
        student=found.student.told,
        stages=stages(found, kept),
        same_id=found.read.same_id,
        by_category=found.classified.by_category,
        kept=kept,
        compared=judged(found.duels),
        examples=shown(run, examples_sql(run.id)),
        marked=shown(run, marked_sql(run.id)),
        calls=[*asked, *([found.compare] if found.compare else [])],
        spent=what_was_spent(run),
        served_by=[
            str(row[0])
            for row in run.sql(
                """SELECT DISTINCT served_by FROM MESSAGES WHERE run_id = ? AND served_by IS NOT NULL ORDER BY 1""",
                run.id,
            )
        ],
        redacted=list(config.redact),
        prompts=dict(config.prompts),
        model=config.model,
    )
    page: Any = create_markdown_artifact(
        markdown(summary), key=key(summary.experiment), description=escaped(summary.headline)
    )
    log("%s", summary.headline)
    return summary._replace(artifact=str(page))


def judged(duels: Sequence[Duel]) -> list[Judged]:
    """Each pair of variants with its test, corrected after Holm over all; pairs that nobody judged are left out."""
    real = [duel for duel in duels if duel.n]
    pairs = [Pair(one.first, one.second, one.ties, one.first_better, one.second_better, 0) for one in real]
    return [Judged(duel, verdict) for duel, verdict in zip(real, verdicts(pairs), strict=True)]


def stages(found: Answered, kept: Sequence[Kept]) -> list[Stage]:
    """From the tickets of the inbox to messages that nobody has to look at again."""
    read, classified = found.read, found.classified
    lost = [f"{classified.failed} calls failed"] if classified.failed else []
    lost += [f"{classified.no_category} answers name no category"] if classified.no_category else []
    lost += [f"{classified.other} of other categories"] if classified.other else []
    asked = sum(one.messages for one in kept)
    silent, long, flagged = (sum(getattr(one, what) for one in kept) for what in ("no_answer", "too_long", "flagged"))
    variants = len({one.variant for one in kept})
    per = f" ({variants} variants each)" if variants > 1 else ""
    return [
        Stage("in the inbox", read.tickets, ""),
        Stage("with a request", read.tickets - read.left_out, f"{read.left_out} without" * bool(read.left_out)),
        Stage("sorted", classified.answered, ", ".join(lost)),
        Stage(f"messages asked for{per}", asked, ""),
        Stage("written", asked - silent, f"{silent} without an answer" * bool(silent)),
        Stage("short enough", asked - silent - long, f"{long} too long" * bool(long)),
        Stage("without a flag", asked - silent - long - flagged, f"{flagged} flagged" * bool(flagged)),
    ]


def counted(run: Run) -> list[Kept]:
    """A line per variant and channel, in the order of the file."""
    rows = run.sql(
        """SELECT variant, channel, COUNT(*), COUNT(status = 'ok' OR NULL), COUNT(status = 'too long' OR NULL),
            COUNT(status = 'flagged' OR NULL), COUNT(status = 'no answer' OR NULL),
            COUNT(first_words > most_words OR NULL),
            MAX(most_words), COALESCE(MAX(words), 0), COALESCE(AVG(IFF(message IS NULL, NULL, words)), 0)
        FROM MESSAGES WHERE run_id = ? GROUP BY variant, channel ORDER BY channel DESC""",
        run.id,
    )
    order = list(messages_of(run).prompts)
    found = [Kept._make((str(row[0]), str(row[1]), *map(int, row[2:10]), float(row[10]))) for row in rows]
    return sorted(found, key=lambda one: order.index(one.variant))


_FIELDS = """m.ticket_id, m.variant, m.category, m.channel, LEFT(i.request, 300), LEFT(COALESCE(m.message, m.error, ''),
    2000), m.words, m.status, m.flags"""


def examples_sql(run_id: str) -> Sql:
    """Some sound messages of each variant and channel, the same in every run."""
    return Sql(
        f"""SELECT {_FIELDS} FROM MESSAGES m JOIN MESSAGE_INBOX i ON i.run_id = m.run_id AND i.row_key = m.row_key
        WHERE m.run_id = ? AND m.status = 'ok'
        QUALIFY ROW_NUMBER() OVER (PARTITION BY m.variant, m.channel ORDER BY SHA2(m.row_key, 256)) <= {EXAMPLES}
        ORDER BY m.variant, m.channel DESC, m.ticket_id, m.row_key""",
        (run_id,),
    )


def marked_sql(run_id: str) -> Sql:
    """Messages that somebody has to look at, flagged ones first."""
    return Sql(
        f"""SELECT {_FIELDS} FROM MESSAGES m JOIN MESSAGE_INBOX i ON i.run_id = m.run_id AND i.row_key = m.row_key
        WHERE m.run_id = ? AND m.status <> 'ok'
        ORDER BY DECODE(m.status, 'flagged', 1, 'no answer', 2, 3), m.ticket_id, m.row_key, m.variant
        LIMIT {MARKED}""",
        (run_id,),
    )


def shown(run: Run, statement: Sql) -> list[Shown]:
    """The rows of such a statement, their remarks in words."""
    found = []
    for ticket_id, variant, category, channel, request, message, words, status, flags in run.query(statement):
        said = [f"{kind.replace('_', ' ')}: {text}" for kind, text in sorted(json.loads(flags or "{}").items())]
        remark = "; ".join([str(status), *said])
        cells = (str(cell or "") for cell in (ticket_id, variant, category, channel, request, message))
        found.append(Shown._make((*cells, int(words or 0), remark)))
    return found
