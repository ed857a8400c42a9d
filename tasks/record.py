"""Step 7: one row per arm and evaluation set into EXPERIMENTS.

In:   PREDICTIONS (the rows of this run)
Out:  EXPERIMENTS, merged on run, role, variant and evaluation set
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cortex_distill.ledger import Asked
from cortex_distill.load import resolved
from cortex_distill.metrics import Confusion, design_effect
from cortex_distill.prices import credits, prices_of
from cortex_distill.run import Run
from cortex_distill.scores import Score, ranked
from cortex_distill.sql import Sql
from tasks.evaluate import Arm
from tasks.step import ON_CORTEX, task

KEY = ("run_id", "role", "variant", "evaluation_set")
JSON = ("config", "tags")


@task(name="record", **ON_CORTEX)
def record_results(run: Run, arms: Sequence[tuple[Arm, Asked]]) -> list[Score]:
    """Count, then merge. Safe to repeat: a run writes to its own rows only."""
    seconds = {(arm.role, arm.variant): asked.seconds for arm, asked in arms}
    scores = count_scores(run)
    rows = [experiment_row(run, score, seconds.get((score.role, score.variant))) for score in scores]
    if rows:
        statement = merge_sql(rows)
        run.sql(statement.text, *statement.binds)
    return scores


def count_scores(run: Run) -> list[Score]:
    """What PREDICTIONS says of this run, holdout first, then teacher, base and tuned student."""
    cells: dict[tuple[str, ...], dict[tuple[str, str], int]] = {}
    for *key, category, prediction, rows in run.sql(
        """SELECT role, variant, evaluation_set, category, COALESCE(prediction, ''), COUNT(*)
        FROM PREDICTIONS WHERE run_id = ? GROUP BY 1, 2, 3, 4, 5""",
        run.id,
    ):
        cells.setdefault(tuple(key), {})[category, prediction] = int(rows)
    counted = run.sql(
        """SELECT role, MIN(model), variant, evaluation_set,
            COALESCE(LISTAGG(DISTINCT served_by, ', ') WITHIN GROUP (ORDER BY served_by), ''), COUNT(*),
            COUNT(correct OR NULL), COUNT(off_list OR NULL), COUNT(unanswered OR NULL), COALESCE(SUM(prompt_tokens), 0),
            COALESCE(SUM(completion_tokens), 0)
        FROM PREDICTIONS WHERE run_id = ? GROUP BY role, variant, evaluation_set""",
        run.id,
    )
    groups: dict[tuple[str, ...], list[tuple[int, int, int]]] = {}
    for *key, rows, correct, calls in run.sql(
        """SELECT role, variant, evaluation_set, n, correct, COUNT(*) FROM (
            SELECT p.role, p.variant, p.evaluation_set, COALESCE(t.completion_key, p.row_key) AS written_by,
                COUNT(*) AS n, COUNT(p.correct OR NULL) AS correct
            FROM PREDICTIONS p LEFT JOIN TICKETS t
                ON t.run_id = p.run_id AND t.ticket_id = p.row_key AND p.evaluation_set <> 'holdout'
            WHERE p.run_id = ? GROUP BY 1, 2, 3, 4
        ) GROUP BY 1, 2, 3, 4, 5""",
        run.id,
    ):
        groups.setdefault(tuple(key), []).append((int(rows), int(correct), int(calls)))
    keys = [(row[0], row[2], row[3]) for row in counted]
    scores = [_score(row, cells[key], groups[key]) for key, row in zip(keys, counted, strict=True)]
    return ranked(scores, list(run.config.prompts))


def _score(row: Sequence[Any], confusion: Confusion, groups: Sequence[tuple[int, int, int]]) -> Score:
    role, model, variant, evaluation_set, served_by, *counts = row
    n, correct, off_list, unanswered, prompt_tokens, completion_tokens = map(int, counts)
    counted = (n, correct, off_list, unanswered, prompt_tokens, completion_tokens)
    calls = sum(group[2] for group in groups)
    return Score(role, model, variant, evaluation_set, served_by, *counted, confusion, calls, design_effect(groups))


def experiment_row(run: Run, score: Score, seconds: float | None) -> dict[str, Any]:
    """The row of EXPERIMENTS for one score; the columns of the table but created_at."""
    spent = credits(score.model, score.served_by, score.prompt_tokens, score.completion_tokens)
    return {
        "run_id": run.id,
        "experiment": run.config.name,
        "config_hash": run.experiment.hash,
        "role": score.role,
        "model": score.model,
        "served_by": score.served_by,
        "engine": run.engine,
        "variant": score.variant,
        "evaluation_set": score.evaluation_set,
        "n": score.n,
        "correct": score.correct,
        "accuracy": score.accuracy,
        "accuracy_low": score.interval.low,
        "accuracy_high": score.interval.high,
        "macro_f1": score.macro_f1(list(run.config.categories)),
        "off_list": score.off_list,
        "unanswered": score.unanswered,
        "prompt_tokens": score.prompt_tokens,
        "completion_tokens": score.completion_tokens,
        "credits": spent,
        "prices_of": None if spent is None else prices_of(score.model),
        "seconds": seconds,
        "flow_run": run.flow_run_url,
        "git_commit": run.git_commit,
        "config": json.dumps(resolved(run.experiment), ensure_ascii=False),
        "calls": score.calls,
        "design_effect": score.design_effect,
        "tags": json.dumps(run.tags, ensure_ascii=False),
    }


def merge_sql(rows: Sequence[Mapping[str, Any]]) -> Sql:
    """Insert the rows, or replace those with the same KEY, in one statement. All rows have the same columns."""
    row = rows[0]
    columns = [(f"column{number}", name) for number, name in enumerate(row, 1)]
    sources = ", ".join(f"{f'PARSE_JSON({place})' if name in JSON else place} AS {name}" for place, name in columns)
    values = ", ".join([f"({', '.join('?' * len(row))})"] * len(rows))
    on = " AND ".join(f"e.{name} = s.{name}" for name in KEY)
    updates = ", ".join(f"{name} = s.{name}" for name in row if name not in KEY)
    return Sql(
        f"""MERGE INTO EXPERIMENTS e USING (
            SELECT {sources}, CURRENT_TIMESTAMP()::TIMESTAMP_NTZ AS created_at FROM VALUES {values}) s ON {on}
        WHEN MATCHED THEN UPDATE SET {updates}, created_at = s.created_at
        WHEN NOT MATCHED THEN INSERT ({", ".join(row)}, created_at)
            VALUES ({", ".join(f"s.{name}" for name in row)}, s.created_at)""",
        tuple(value for one in rows for value in one.values()),
    )
