"""Step 7: one row per arm and evaluation set into EXPERIMENTS.

In:   PREDICTIONS (the rows of this run)
Out:  EXPERIMENTS, merged on run, role, variant and evaluation set
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from prefect import task

from cortex_distill.ledger import Asked
from cortex_distill.load import resolved
from cortex_distill.metrics import Confusion
from cortex_distill.prices import PRICES_OF, credits
from cortex_distill.run import Run
from cortex_distill.scores import Score, ranked
from cortex_distill.sql import Sql
from tasks.evaluate import Arm
from tasks.step import ON_CORTEX

KEY = ("run_id", "role", "variant", "evaluation_set")


@task(name="record", **ON_CORTEX)
def record_results(run: Run, arms: Sequence[tuple[Arm, Asked]]) -> list[Score]:
    """Count, then merge. Safe to repeat: a run writes to its own rows only."""
    seconds = {(arm.role, arm.variant): asked.seconds for arm, asked in arms}
    scores = count_scores(run)
    for score in scores:
        row = experiment_row(run, score, seconds.get((score.role, score.variant)))
        statement = merge_sql(row)
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
            COUNT_IF(correct), COUNT_IF(off_list), COUNT_IF(unanswered), COALESCE(SUM(prompt_tokens), 0),
            COALESCE(SUM(completion_tokens), 0)
        FROM PREDICTIONS WHERE run_id = ? GROUP BY role, variant, evaluation_set""",
        run.id,
    )
    scores = [_score(row, cells[row[0], row[2], row[3]]) for row in counted]
    return ranked(scores, list(run.config.prompts))


def _score(row: Sequence[Any], confusion: Confusion) -> Score:
    role, model, variant, evaluation_set, served_by, *counts = row
    n, correct, off_list, unanswered, prompt_tokens, completion_tokens = map(int, counts)
    tokens = (prompt_tokens, completion_tokens)
    return Score(role, model, variant, evaluation_set, served_by, n, correct, off_list, unanswered, *tokens, confusion)


def experiment_row(run: Run, score: Score, seconds: float | None) -> dict[str, Any]:
    """The row of EXPERIMENTS for one score; the columns of the table but created_at."""
    tokens = score.prompt_tokens + score.completion_tokens
    spent = credits(score.model, score.served_by, tokens)
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
        "prices_of": None if spent is None else PRICES_OF,
        "seconds": seconds,
        "flow_run": run.flow_run_url,
        "git_commit": run.git_commit,
        "config": json.dumps(resolved(run.experiment), ensure_ascii=False),
    }


def merge_sql(row: Mapping[str, Any]) -> Sql:
    """Insert the row, or replace the one with the same KEY."""
    sources = ", ".join(f"{'PARSE_JSON(?)' if name == 'config' else '?'} AS {name}" for name in row)
    on = " AND ".join(f"e.{name} = s.{name}" for name in KEY)
    updates = ", ".join(f"{name} = s.{name}" for name in row if name not in KEY)
    return Sql(
        f"""MERGE INTO EXPERIMENTS e USING (
            SELECT {sources}, CURRENT_TIMESTAMP()::TIMESTAMP_NTZ AS created_at) s ON {on}
        WHEN MATCHED THEN UPDATE SET {updates}, created_at = s.created_at
        WHEN NOT MATCHED THEN INSERT ({", ".join(row)}, created_at)
            VALUES ({", ".join(f"s.{name}" for name in row)}, s.created_at)""",
        tuple(row.values()),
    )
