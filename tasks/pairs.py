"""Which arms answered the same rows, and who was right where: counted in the engine.

In:   PREDICTIONS, TICKETS (which call wrote a row)
Out:  counts for `cortex_distill.verdicts`; two arms may belong to one run or to two
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cortex_distill.bootstrap import Cells
from cortex_distill.pair_tests import Apart, Group, Pair
from cortex_distill.sql import Sql, join

Query = Callable[[Sql], Sequence[Any]]


class Answers(NamedTuple):
    """What one arm of one run answered on the evaluation set at hand."""

    name: str  # as verdicts call it
    run_id: str
    role: str
    variant: str
    correct: int = 0  # from here on: for arms that share no row
    n: int = 0
    design_effect: float = 1.0


Wanted = Sequence[tuple[Answers, Answers]]


def count_pairs(query: Query, wanted: Wanted, evaluation_set: str) -> list[Pair | Apart]:
    """One entry per pair, in the order of `wanted`.

    A row is the same in two runs if its request and category are, wherever it stands in their files; of a request
    that occurs twice, the first meets the first.
    """
    if not wanted:
        return []
    groups: dict[int, list[list[int]]] = {}
    for place, *counts in query(groups_sql(wanted, evaluation_set)):
        groups.setdefault(int(place), []).append([int(count) for count in counts])
    return [_pair(first, second, groups.get(place, [])) for place, (first, second) in enumerate(wanted)]


def count_cells(query: Query, wanted: Wanted, evaluation_set: str) -> list[Cells]:
    """Each pair's answers by category, for F1, in the order of `wanted`; {} for arms that share no row."""
    cells: dict[int, dict[tuple[str, str, str], int]] = {}
    for place, category, first, second, rows in query(cells_sql(wanted, evaluation_set)) if wanted else ():
        cells.setdefault(int(place), {})[category, first, second] = int(rows)
    return [cells.get(place, {}) for place in range(len(wanted))]


def _pair(first: Answers, second: Answers, groups: Sequence[Sequence[int]]) -> Pair | Apart:
    if not groups:
        likeness = max(first.design_effect, second.design_effect)
        return Apart(first.name, second.name, first.correct, first.n, second.correct, second.n, likeness)
    both, only_first, only_second, neither = (sum(group[place] for group in groups) for place in range(3, 7))
    calls = [Group(*group[:3]) for group in groups]
    return Pair(first.name, second.name, both, only_first, only_second, neither, calls)


def groups_sql(wanted: Wanted, evaluation_set: str) -> Sql:
    """place of the pair, net, rows, calls; then in sum: both right, only the first, only the second, neither."""
    shared = _shared_sql(wanted, evaluation_set)
    return Sql(
        f"""SELECT place, only_first - only_second AS net, n, COUNT(*), SUM(both), SUM(only_first), SUM(only_second),
            SUM(neither)
        FROM (
            SELECT place, written_by, COUNT(*) AS n,
                COUNT(a_correct AND b_correct OR NULL) AS both,
                COUNT(a_correct AND NOT b_correct OR NULL) AS only_first,
                COUNT(b_correct AND NOT a_correct OR NULL) AS only_second,
                COUNT(NOT a_correct AND NOT b_correct OR NULL) AS neither
            FROM ({shared.text}) GROUP BY place, written_by
        ) GROUP BY place, net, n ORDER BY place, net, n""",
        shared.binds,
    )


def cells_sql(wanted: Wanted, evaluation_set: str) -> Sql:
    """place of the pair, category, what the first said, what the second said, rows."""
    shared = _shared_sql(wanted, evaluation_set)
    return Sql(
        f"""SELECT place, category, COALESCE(a_said, ''), COALESCE(b_said, ''), COUNT(*)
        FROM ({shared.text}) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""",
        shared.binds,
    )


def _shared_sql(wanted: Wanted, evaluation_set: str) -> Sql:
    """A line for each pair and each row that both answered. A holdout row stands alone, a ticket with its call."""
    asked = join((_wanted_sql(place, *pair) for place, pair in enumerate(wanted)), " UNION ALL ")
    runs = sorted({arm.run_id for pair in wanted for arm in pair})
    answered = f"""SELECT p.run_id, p.role, p.variant, p.category, p.request, p.correct, p.prediction,
            COALESCE(t.completion_key, p.row_key) AS written_by, ROW_NUMBER() OVER (
                PARTITION BY p.run_id, p.role, p.variant, p.category, p.request ORDER BY p.row_key) AS nth
        FROM PREDICTIONS p LEFT JOIN TICKETS t
            ON t.run_id = p.run_id AND t.ticket_id = p.row_key AND p.evaluation_set <> 'holdout'
        WHERE p.evaluation_set = ? AND p.run_id IN ({", ".join("?" * len(runs))})"""
    return Sql(
        f"""SELECT w.place, a.written_by, a.category, a.correct AS a_correct, b.correct AS b_correct,
            a.prediction AS a_said, b.prediction AS b_said
        FROM ({asked.text}) w
        JOIN ({answered}) a ON a.run_id = w.a_run AND a.role = w.a_role AND a.variant = w.a_variant
        JOIN ({answered}) b ON b.run_id = w.b_run AND b.role = w.b_role AND b.variant = w.b_variant
            AND b.category = a.category AND b.request = a.request AND b.nth = a.nth""",
        (*asked.binds, evaluation_set, *runs, evaluation_set, *runs),
    )


def _wanted_sql(place: int, first: Answers, second: Answers) -> Sql:
    names = ("a_run", "a_role", "a_variant", "b_run", "b_role", "b_variant")
    binds = (place, *first[1:4], *second[1:4])
    return Sql(f"SELECT ? AS place, {', '.join(f'? AS {name}' for name in names)}", binds)
