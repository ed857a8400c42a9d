"""The statements of the page Experiments: filters, leaderboard, matrix, cost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from door import Row, rows, rows_if_there

MOST = 300  # rows of a leaderboard
FILTERS = ("experiment", "engine", "role", "variant", "evaluation_set")


def choices() -> dict[str, list[str]]:
    """What each filter of FILTERS, and `tag`, can be set to; empty lists if nothing has run."""
    found = {
        column: [
            str(row["choice"])
            for row in rows_if_there(
                f"""SELECT DISTINCT {column} AS choice FROM EXPERIMENTS WHERE {column} IS NOT NULL
                ORDER BY 1 LIMIT {MOST}"""
            )
        ]
        for column in FILTERS
    }
    tags = rows_if_there(
        f"""SELECT DISTINCT t.value::STRING AS choice FROM EXPERIMENTS e, LATERAL FLATTEN(input => e.tags) t
        ORDER BY 1 LIMIT {MOST}"""
    )
    return {**found, "tag": [str(row["choice"]) for row in tags]}


def leaderboard(wanted: Mapping[str, Iterable[str]]) -> list[Row]:
    """Scores that fit the filters, best first within each evaluation set; at most MOST."""
    conditions, binds = ["TRUE"], []
    for column in FILTERS:
        if values := list(wanted.get(column, ())):
            conditions.append(f"{column} IN ({', '.join('?' * len(values))})")
            binds += values
    if tags := list(wanted.get("tag", ())):
        conditions.append(" AND ".join(["ARRAY_CONTAINS(?::VARIANT, tags::ARRAY)"] * len(tags)))
        binds += tags
    return rows(
        f"""SELECT run_id, experiment, role, model, served_by, engine, variant, evaluation_set, n, accuracy,
            accuracy_low, accuracy_high, macro_f1, off_list, unanswered, prompt_tokens, completion_tokens, credits,
            prices_of, seconds, created_at
        FROM EXPERIMENTS WHERE {" AND ".join(conditions)}
        ORDER BY IFF(evaluation_set = 'holdout', 0, 1), evaluation_set, accuracy DESC, run_id, role, variant
        LIMIT {MOST}""",
        *binds,
    )


def scores_of(run_ids: list[str], evaluation_set: str) -> list[Row]:
    """The scores of some runs on one evaluation set."""
    return rows(
        f"""SELECT run_id, experiment, role, model, served_by, variant, n, accuracy, accuracy_low, accuracy_high,
            created_at FROM EXPERIMENTS WHERE run_id IN ({", ".join("?" * len(run_ids))}) AND evaluation_set = ?
        ORDER BY role, variant, created_at, run_id""",
        *run_ids,
        evaluation_set,
    )


def arms(run_id: str) -> list[Row]:
    """The run's scores: role, model, variant, evaluation_set, n, accuracy, served_by, credits."""
    return rows(
        """SELECT role, model, variant, evaluation_set, n, accuracy, served_by, credits
        FROM EXPERIMENTS WHERE run_id = ?
        ORDER BY IFF(evaluation_set = 'holdout', 0, 1), evaluation_set, accuracy DESC, role, variant""",
        run_id,
    )


def confusion(run_id: str, role: str, variant: str, evaluation_set: str) -> list[Row]:
    """category, prediction ('' if none), n."""
    return rows(
        """SELECT category, COALESCE(prediction, '') AS prediction, COUNT(*) AS n FROM PREDICTIONS
        WHERE run_id = ? AND role = ? AND variant = ? AND evaluation_set = ? GROUP BY 1, 2 ORDER BY 1, 2""",
        run_id,
        role,
        variant,
        evaluation_set,
    )


def calls_of(run_id: str) -> list[Row]:
    """Calls that a run made (those that were in the ledger before are not among them), by step and who answered."""
    return rows(
        """SELECT step, model, COALESCE(c.answer:value:model::STRING, '') AS served_by, COUNT(*) AS calls,
            COUNT(c.answer:error::STRING IS NOT NULL OR NULL) AS failed,
            SUM(c.answer:value:usage:prompt_tokens::NUMBER) AS prompt_tokens,
            SUM(c.answer:value:usage:completion_tokens::NUMBER) AS completion_tokens
        FROM COMPLETIONS c WHERE run_id = ? GROUP BY 1, 2, 3 ORDER BY MIN(answered_at), 1, 2""",
        run_id,
    )


def plan_of(run_id: str) -> list[Row]:
    """What the run was expected to take, by step and model: at most, and in Cortex's credits wherever it ran."""
    return rows_if_there(
        "SELECT step, model, calls, tokens, credits FROM PLANS WHERE run_id = ? ORDER BY position", run_id
    )


def config_differences(run_ids: list[str]) -> list[dict[str, str]]:
    """Keys of the resolved configs on which the runs differ: `key`, and a value per run id."""
    found = rows(
        f"""SELECT run_id, MIN(TO_JSON(config)) AS config FROM EXPERIMENTS
        WHERE run_id IN ({", ".join("?" * len(run_ids))}) GROUP BY run_id""",
        *run_ids,
    )
    flat = {row["run_id"]: dict(_leaves("", json.loads(row["config"] or "{}"))) for row in found}
    keys = sorted({key for one in flat.values() for key in one})
    rows_ = [{"key": key, **{run: flat.get(run, {}).get(key, "–") for run in run_ids}} for key in keys]
    return [row for row in rows_ if len({row[run] for run in run_ids}) > 1]


def _leaves(path: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), inner)
    else:
        yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
