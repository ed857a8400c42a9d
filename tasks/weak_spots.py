"""Which categories the tuned student takes for which, counted in the engine.

In:   PREDICTIONS
Out:  WeakSpots of one evaluation set; an answer that names no category is no pair
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cortex_distill.sql import Sql
from cortex_distill.weak_spots import SHOWN, WeakSpot, WeakSpots

Query = Callable[[Sql], Sequence[Any]]
EXAMPLES = 3


def find_weak_spots(query: Query, run_id: str, evaluation_set: str, most: int = SHOWN) -> WeakSpots:
    """The pairs with most rows, of equals those with the larger share of their category, then by name."""
    n, wrong = query(counts_sql(run_id, evaluation_set))[0]
    found: dict[tuple[str, str], WeakSpot] = {}
    for category, answer, rows, of, request in query(pairs_sql(run_id, evaluation_set, most)):
        before = found.get((category, answer))
        requests = (*(before.requests if before else ()), str(request or ""))
        found[category, answer] = WeakSpot(category, answer, int(rows), int(of), requests)
    return WeakSpots(evaluation_set, int(n), int(wrong or 0), list(found.values()))


def counts_sql(run_id: str, evaluation_set: str) -> Sql:
    """Rows that the tuned student was asked about, and wrong answers."""
    return Sql(
        """SELECT COUNT(*), COUNT(NOT correct OR NULL) FROM PREDICTIONS
        WHERE run_id = ? AND role = 'tuned student' AND evaluation_set = ?""",
        (run_id, evaluation_set),
    )


def pairs_sql(run_id: str, evaluation_set: str, most: int) -> Sql:
    """category, answer, rows, rows of the category, request: at most EXAMPLES lines for each of `most` pairs."""
    return Sql(
        f"""SELECT category, prediction, of_pair, of_category, request FROM (
            SELECT *, DENSE_RANK() OVER (ORDER BY of_pair DESC, of_category, category, prediction)
                AS place
            FROM (
                SELECT category, prediction, request,
                    COUNT(*) OVER (PARTITION BY category, prediction) AS of_pair,
                    COUNT(*) OVER (PARTITION BY category) AS of_category,
                    ROW_NUMBER() OVER (PARTITION BY category, prediction ORDER BY row_key) AS nth
                FROM PREDICTIONS WHERE run_id = ? AND role = 'tuned student' AND evaluation_set = ?
            ) WHERE prediction <> category AND nth <= {EXAMPLES}
        ) WHERE place <= ? ORDER BY place, nth""",
        (run_id, evaluation_set, most),
    )
