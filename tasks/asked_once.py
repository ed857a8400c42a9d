"""Runs that asked a model the same have one set of answers between them, and it is tested once.

The ledger asks once, so the second run's answers are those of the first. As a pair of its own they would say nothing,
and make Holm's correction stricter for all the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cortex_distill.bootstrap import Cells
from cortex_distill.comparison import Side
from cortex_distill.pair_tests import Apart, Pair
from tasks.pairs import Answers, Wanted


def each_once(
    sides: Sequence[Side], wanted: Wanted, counted: Sequence[Pair | Apart], cells: Sequence[Cells]
) -> tuple[list[Pair | Apart], list[Cells]]:
    """The pairs, and the cells of each, without arms that repeat one of an earlier run: `A, B short` is both.

    `wanted` are all pairs of arms of one role, in the order of the runs.
    """
    runs = {side.run_id: side for side in sides}
    repeats: dict[Answers, Answers] = {}
    for (first, second), cell in zip(wanted, cells, strict=True):
        is_asked_alike = _asked(runs[first.run_id], first) == _asked(runs[second.run_id], second)
        if is_asked_alike and _is_same(first, second, cell) and first not in repeats:
            repeats[second] = first
    of: dict[Answers, list[str]] = {}
    for arm in dict.fromkeys(arm for pair in wanted for arm in pair):
        of.setdefault(repeats.get(arm, arm), []).append(runs[arm.run_id].letter)
    kept = [
        (count._replace(first=_name(of, first), second=_name(of, second)), cell)
        for (first, second), count, cell in zip(wanted, counted, cells, strict=True)
        if first in of and second in of
    ]
    return [count for count, _ in kept], [cell for _, cell in kept]


def _asked(run: Side, arm: Answers) -> tuple[Any, ...]:
    """Who was asked what."""
    who = {one.variant: (one.model, one.served_by) for one in run.arms if one.role == arm.role}
    return arm.variant, run.config["prompts"].get(arm.variant), who[arm.variant]


def _is_same(first: Answers, second: Answers, cell: Cells) -> bool:
    """Whether both gave the same answer on every row."""
    return sum(cell.values()) == first.n == second.n and all(one == other for _, one, other in cell)


def _name(of: dict[Answers, list[str]], arm: Answers) -> str:
    return f"{', '.join(of[arm])} {arm.variant}"
