"""A judge's ratings, read out of its replies by SQL: each criterion a number from 1 to 5, or the reason why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cortex_distill.replies import BLANK, member_sql, objects_sql
from cortex_distill.sql import Sql, join, literal

# "4", "4.5", "4/5" and "4 out of 5" are four or so of five; "8/10" is no rating on the scale that was asked for.
_OF_FIVE = r"^\s*([0-9]+(\.[0-9]+)?)\s*((/|out of|of)\s*5)?\s*$"
_IN_WORDS = ("one", "two", "three", "four", "five")

FAILED, EMPTY, NO_JSON = "the call failed", "empty", "no JSON object"
LACKING, OFF_SCALE, TORN = "a criterion is missing", "not a number from 1 to 5", "ratings that contradict each other"


def given(criterion: str, rating: str = "rating") -> str:
    """One criterion of a rating as the judge wrote it; NULL if it is missing."""
    return f"{member_sql(criterion, rating)}::STRING"


def score(criterion: str, rating: str = "rating") -> str:
    """One criterion of a rating as a number; NULL if it is missing or none (`"4"`, `"4/5"` and `"four"` count as 4)."""
    said = given(criterion, rating)
    words = ", ".join(f"'{word}', {number}" for number, word in enumerate(_IN_WORDS, start=1))
    number = f"TRY_TO_DOUBLE(REGEXP_SUBSTR({said}, {literal(_OF_FIVE)}, 1, 1, 'e', 1))"
    return f"COALESCE(DECODE(LOWER(TRIM({said})), {words}), {number})"


def misses_sql(thresholds: Mapping[str, float], before: str = "", rating: str = "rating") -> Sql:
    """WHEN clauses that name the first threshold that a rating misses, with both numbers: `valid 3 < 4`."""
    clauses = (
        Sql(
            f"WHEN {score(name, rating)} < ? THEN CONCAT(?, {given(name, rating)}, ?)",
            (bar, f"{before}{name} ", f" < {bar:g}"),
        )
        for name, bar in thresholds.items()
    )
    return join(clauses, " ")


def reaches_sql(thresholds: Mapping[str, float], rating: str = "rating") -> Sql:
    """Whether a rating reaches every threshold; NULL where a criterion cannot be read."""
    return Sql(" AND ".join(f"{score(name, rating)} >= ?" for name in thresholds), tuple(thresholds.values()))


def ratings_sql(replies: str, criteria: Iterable[str]) -> Sql:
    """row_key, completion_key, rating, unreadable: the rating of each reply as it was given, or NULL and the reason.

    A reply that rates twice, and differently, is not read: one of the two may be the example of the prompt, or stand
    in the ticket that the reply repeats, and which one is meant nobody can say.
    """
    names = list(criteria)
    found = objects_sql(replies, Sql(" AND ".join(f"{given(name, 'entry')} IS NOT NULL" for name in names)))
    given_and_score = ", ".join(
        f"{given(name, 'entry')} AS given_{place}, {score(name, 'entry')} AS score_{place}"
        for place, name in enumerate(names)
    )
    scores = ", ".join(f"COALESCE(score_{place}::STRING, given_{place})" for place in range(len(names)))
    readable = " AND ".join(f"COALESCE(score_{place} BETWEEN 1 AND 5, FALSE)" for place in range(len(names)))
    reason = f"""CASE WHEN r.reply IS NULL THEN '{FAILED}' WHEN TRIM(r.reply, ?) = '' THEN '{EMPTY}'
            WHEN f.row_key IS NULL THEN IFF(CONTAINS(r.reply, '{{'), '{LACKING}', '{NO_JSON}')
            WHEN f.ratings > 1 THEN '{TORN}' WHEN NOT f.readable THEN '{OFF_SCALE}' END"""
    return Sql(
        f"""SELECT row_key, completion_key, IFF(unreadable IS NULL, TRY_PARSE_JSON(text), NULL) AS rating, unreadable
        FROM (
            SELECT r.row_key, r.completion_key, f.text, {reason} AS unreadable
            FROM {replies} r LEFT JOIN (
                SELECT row_key, COUNT(DISTINCT CONCAT_WS(' ', {scores})) AS ratings, MIN(text) AS text,
                    BOOLAND_AGG({readable}) AS readable
                FROM (SELECT row_key, TO_JSON(entry) AS text, {given_and_score} FROM ({found.text}))
                GROUP BY row_key
            ) f ON f.row_key = r.row_key
        )""",
        (BLANK, *found.binds),
    )
