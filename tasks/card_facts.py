"""What the data card of a run says, gathered by a few counting statements.

In:   EXPERIMENTS, TICKETS, COMPLETIONS, REVIEWS
Out:  CardFacts
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cortex_distill.agreement import Agreement
from cortex_distill.card_facts import CardFacts, Served
from cortex_distill.comparison import Accuracy
from cortex_distill.metrics import Interval
from cortex_distill.scores import ROLES, SETS
from cortex_distill.session import execute
from cortex_distill.sql import Sql

if TYPE_CHECKING:
    from cortex_distill.session import Session
    from tasks.pick_one import PickedRun

KEYS = ("completion_key", "judge_key", "vote_key")  # of TICKETS: the calls behind a ticket


def card_facts(session: Session, run: PickedRun) -> CardFacts:
    """Everything but the files. Older tables may lack columns, and the table of reviews."""
    there = {
        (str(table), str(column).lower())
        for table, column in execute(
            session,
            Sql("SELECT table_name, column_name FROM INFORMATION_SCHEMA.COLUMNS WHERE table_schema = CURRENT_SCHEMA()"),
        )
    }
    keys = [key for key in KEYS if ("TICKETS", key) in there]
    ended_at = execute(session, Sql("SELECT MAX(created_at) FROM EXPERIMENTS WHERE run_id = ?", (run.run_id,)))[0][0]
    served = execute(session, served_sql(run.run_id, keys))
    return CardFacts(
        run.run_id,
        run.experiment,
        run.engine,
        f"{ended_at:%Y-%m-%d}",
        run.config_hash,
        run.git_commit,
        run.config,
        [Served(step, model, by, int(calls)) for step, model, by, calls in served],
        *_ticket_counts(session, run.run_id, has_votes=("TICKETS", "vote") in there),
        _reviewed(session, run.run_id) if ("REVIEWS", "human_kept") in there else None,
        _arms(execute(session, arms_sql(run.run_id))),
    )


class _Tickets(NamedTuple):
    shares: dict[tuple[str, str], int]  # (category, split) → kept tickets
    dropped: list[tuple[str, int]]
    voted: tuple[int, int]


def _ticket_counts(session: Session, run_id: str, *, has_votes: bool) -> _Tickets:
    def rows(text: str) -> list[Any]:
        return execute(session, Sql(text, (run_id,)))

    shares = rows("SELECT category, COALESCE(split, ''), COUNT(*) FROM TICKETS WHERE run_id = ? AND kept GROUP BY 1, 2")
    dropped = rows(
        """SELECT COALESCE(dropped_because, 'not kept'), COUNT(*) FROM TICKETS
        WHERE run_id = ? AND NOT COALESCE(kept, FALSE) GROUP BY 1 ORDER BY 2 DESC, 1"""
    )
    votes = "COUNT(vote), COUNT(vote = category OR NULL)" if has_votes else "0, 0"
    voted, agreed = rows(f"SELECT {votes} FROM TICKETS WHERE run_id = ?")[0]
    return _Tickets(
        {(str(category), str(split)): int(count) for category, split, count in shares},
        [(str(reason), int(count)) for reason, count in dropped],
        (int(voted), int(agreed or 0)),
    )


def arms_sql(run_id: str) -> Sql:
    """evaluation_set, then the fields of Accuracy that every table of experiments has."""
    return Sql(
        """SELECT evaluation_set, role, variant, model, served_by, n, correct, accuracy_low, accuracy_high, macro_f1
        FROM EXPERIMENTS WHERE run_id = ?""",
        (run_id,),
    )


def _arms(rows: list[Any]) -> dict[str, list[Accuracy]]:
    """By evaluation set, the most trustworthy first; the tuned student first, then teacher and base student."""
    found: dict[str, list[Accuracy]] = {}
    order = sorted(rows, key=lambda row: (SETS.index(row[0]), (ROLES.index(row[1]) + 1) % len(ROLES), row[2]))
    for name, role, variant, model, served_by, n, correct, low, high, f1 in order:
        interval = Interval(float(low), float(high))
        arm = Accuracy(role, variant, model, served_by, int(n), int(correct), interval, float(f1), 1.0)
        found.setdefault(name, []).append(arm)
    return found


def served_sql(run_id: str, keys: list[str]) -> Sql:
    """step, model, who answered, and the calls behind the tickets of a run, whichever run paid for them."""
    used = " UNION ".join(f"SELECT {key} AS key FROM TICKETS WHERE run_id = ?" for key in keys)
    return Sql(
        f"""SELECT c.step, c.model, c.answer:value:model::STRING, COUNT(DISTINCT c.key)
        FROM COMPLETIONS c JOIN ({used}) u ON u.key = c.key
        WHERE c.answer:value:model IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
        (run_id,) * len(keys),
    )


def _reviewed(session: Session, run_id: str) -> Agreement | None:
    counted = execute(
        session,
        Sql(
            """SELECT COUNT(judge_kept AND human_kept OR NULL), COUNT(judge_kept AND NOT human_kept OR NULL),
                COUNT(NOT judge_kept AND human_kept OR NULL), COUNT(NOT judge_kept AND NOT human_kept OR NULL)
            FROM REVIEWS WHERE run_id = ?""",
            (run_id,),
        ),
    )[0]
    found = Agreement(*(int(count or 0) for count in counted))
    return found if found.n else None
