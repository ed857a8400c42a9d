"""Step 3b: can the judge tell? It rates requests that people labelled, under their own category and under another.

Source: ours; the quickstart believes its judge.
In:   HOLDOUT, CATEGORIES
Out:  nothing but the counts: no ticket depends on them
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cortex_distill.ledger import Asked
from cortex_distill.prompts import to_sql
from cortex_distill.ratings import ratings_sql, score
from cortex_distill.run import Run
from cortex_distill.sql import Sql
from tasks.judge import COLUMNS, rating_ask
from tasks.step import ON_CORTEX, progress, task


class JudgeCheck(NamedTuple):
    """What the judge made of labelled requests."""

    calls: Asked
    rows: int  # requests, each rated twice
    own: int  # reached every threshold under the category that people gave them
    other: int  # reached every threshold under another one
    p_value: float  # exact McNemar over the pairs
    unreadable: int = 0  # ratings that could not be read; they keep nothing

    @property
    def can_tell(self) -> bool:
        """Whether it keeps more requests under their own category, beyond chance."""
        from cortex_distill.verdicts import SIGNIFICANT  # noqa: PLC0415  takes a second, which prompts_sql needs not

        return self.own > self.other and self.p_value < SIGNIFICANT

    @property
    def text(self) -> str:
        """One sentence with the counts."""
        from cortex_distill.verdicts import p_text  # noqa: PLC0415

        verdict = "it can tell" if self.can_tell else "it is not shown to tell right from wrong"
        lost = f"; {self.unreadable} of its {2 * self.rows} ratings could not be read" if self.unreadable else ""
        return (
            f"of {self.rows} labelled requests the judge keeps {self.own} under their own category and {self.other}"
            f" under another one (exact McNemar p {p_text(self.p_value)}): {verdict}{lost}"
        )


@task(name="check the judge", **ON_CORTEX)
def check_judge(run: Run) -> JudgeCheck | None:
    """Ask and count; None without a holdout, or if judge.check is 0. Safe to repeat."""
    from cortex_distill.pair_tests import Pair  # noqa: PLC0415
    from cortex_distill.verdicts import verdicts  # noqa: PLC0415

    config = run.config.judge
    if run.config.holdout is None or not config.check:
        return None
    with progress("check the judge") as report:
        asked = run.ask(rating_ask(run, "check", prompts_sql(run)), report)
    count = count_sql(asked.replies, config.thresholds)
    both, own, other, neither = map(int, run.sql(count.text, *count.binds)[0])
    rated = ratings_sql(asked.replies, config.thresholds)
    unreadable = run.count(f"SELECT COUNT(unreadable) FROM ({rated.text})", *rated.binds)
    [verdict] = verdicts([Pair("own", "other", both, own, other, neither)])
    return JudgeCheck(asked, verdict.rows, both + own, both + other, verdict.p_value, unreadable)


def prompts_sql(run: Run) -> Sql:
    """Two prompts per labelled request: `own` under its category, `other` under the next one of the file."""
    values = {"categories": run.config.categories, "criteria": list(run.config.judge.thresholds)}
    prompt = to_sql(run.config.judge.prompt, values, {**COLUMNS, "definition": "t.definition"})
    return Sql(
        f"""SELECT t.row_key, {prompt.text} AS prompt, 0 AS draw
        FROM (
            SELECT IFF(shift.places = 0, 'own ', 'other ') || h.row_key AS row_key, h.request, '' AS scenario,
                k.category, k.definition
            FROM ({rows_sql()}) h
            JOIN CATEGORIES c ON c.run_id = h.run_id AND c.category = h.category
            CROSS JOIN (SELECT 0 AS places UNION ALL SELECT 1) shift
            JOIN CATEGORIES k ON k.run_id = h.run_id AND k.position = MOD(c.position + shift.places, ?)
        ) t""",
        (*prompt.binds, run.id, run.config.judge.check, len(run.config.categories)),
    )


def rows_sql() -> str:
    """The first rows of a holdout, as many of each category as can be; binds: run, number of rows."""
    return """SELECT run_id, row_key, category, request FROM (
            SELECT run_id, row_key, category, request,
                ROW_NUMBER() OVER (PARTITION BY category ORDER BY SHA2(request, 256), row_key) AS turn
            FROM HOLDOUT WHERE run_id = ?
        ) QUALIFY ROW_NUMBER() OVER (ORDER BY turn, category) <= ?"""


def count_sql(replies: str, thresholds: Mapping[str, float]) -> Sql:
    """Requests kept under both categories, only under their own, only under another, under none."""
    rated = ratings_sql(replies, thresholds)
    reached = " AND ".join(f"{score(name)} >= ?" for name in thresholds)
    return Sql(
        f"""SELECT COUNT(own AND other OR NULL), COUNT(own AND NOT other OR NULL), COUNT(other AND NOT own OR NULL),
            COUNT(NOT own AND NOT other OR NULL)
        FROM (
            SELECT BOOLOR_AGG(STARTSWITH(row_key, 'own ') AND kept) AS own,
                BOOLOR_AGG(STARTSWITH(row_key, 'other ') AND kept) AS other
            FROM (SELECT row_key, COALESCE({reached}, FALSE) AS kept FROM ({rated.text}))
            GROUP BY SPLIT_PART(row_key, ' ', 2)
        )""",
        (*thresholds.values(), *rated.binds),
    )
