"""How different the kept tickets of a run are, counted in the engine: words, pairs of words, lengths, attributes.

Distinct-n is the share of different n-grams among all: it falls with the number of words alone. So it is taken from a
sample of fixed size, the first WORDS words of the tickets in the order of the SHA2 of their normal request: runs and
categories of any size can be compared, and a smaller number says how small it is. An n-gram ends with its ticket.
A word is what stands between blanks, without the marks around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cortex_distill.replies import AROUND, normal_sql
from cortex_distill.sql import Sql

WORDS = 500  # about what 25 tickets of 20 words have: a category of the default size


class Spread(NamedTuple):
    """The kept tickets of one category, or all of them ('')."""

    category: str
    tickets: int
    words: tuple[float, float, float, float, float]  # of a ticket: least, quartiles, most
    sample: int  # words that distinct-1 is taken from
    distinct_1: float  # shares in [0, 1]
    distinct_2: float


class Value(NamedTuple):
    """A text of an attribute of `vary`."""

    attribute: str
    text: str
    calls: int  # with a ticket in their reply
    written: int
    kept: int


class Diversity(NamedTuple):
    """What the report says."""

    spreads: Sequence[Spread]  # all tickets first
    values: Sequence[Value]
    written: int
    repeats: int  # equal but for case, blanks and marks
    near: int  # dropped as nearly equal
    alike: int  # kept, with another one that is alike: they stay in one share


def diversity(query: Callable[[Sql], list[Any]], run_id: str) -> Diversity | None:
    """Count; None for a run without a kept ticket. `query`: Run.query."""
    lengths = {row[0]: row[1:] for row in query(lengths_sql(run_id))}
    if not lengths:
        return None
    grams = {row[0]: tuple(map(int, row[1:])) for row in query(grams_sql(run_id))}
    spreads = []
    for category, (tickets, *words) in sorted(lengths.items()):
        sample, different, pairs, different_pairs = grams.get(category, (0, 0, 0, 0))
        shares = (different / max(1, sample), different_pairs / max(1, pairs))
        least, low, middle, high, most = map(float, words)
        spreads.append(Spread(category, int(tickets), (least, low, middle, high, most), sample, *shares))
    values = [Value(row[0], row[1], *(int(cell or 0) for cell in row[2:])) for row in query(values_sql(run_id))]
    return Diversity(spreads, values, *(int(cell or 0) for cell in query(repeats_sql(run_id))[0]))


def lengths_sql(run_id: str) -> Sql:
    """category ('' for all), tickets, words of a ticket: least, quartiles, most."""
    spread = ", ".join(f"PERCENTILE_CONT({share}) WITHIN GROUP (ORDER BY n)" for share in (0.25, 0.5, 0.75))
    return Sql(
        f"""WITH kept AS (
            SELECT category, REGEXP_COUNT(request, ?) AS n FROM TICKETS WHERE run_id = ? AND kept),
        grouped AS (SELECT '' AS part, n FROM kept UNION ALL SELECT category AS part, n FROM kept)
        SELECT part, COUNT(*), MIN(n), {spread}, MAX(n) FROM grouped GROUP BY part""",
        (r"\S+", run_id),
    )


def grams_sql(run_id: str) -> Sql:
    """category ('' for all), words of the sample, different ones, pairs, different ones."""
    request = normal_sql("request")
    return Sql(
        f"""WITH kept AS (
            SELECT category, ticket_id, {request.text} AS said FROM TICKETS WHERE run_id = ? AND kept),
        grouped AS (
            SELECT '' AS part, ticket_id, said FROM kept
            UNION ALL SELECT category AS part, ticket_id, said FROM kept),
        placed AS (
            SELECT part, said, ROW_NUMBER() OVER (PARTITION BY part ORDER BY SHA2(said, 256), ticket_id) AS place
            FROM grouped QUALIFY place <= {WORDS}),
        split AS (
            SELECT p.part, p.place, w.index AS turn, TRIM(w.value::STRING, ?) AS word
            FROM placed p, LATERAL FLATTEN(input => SPLIT(p.said, ' ')) w),
        sampled AS (
            SELECT part, place, turn, word FROM split WHERE word <> ''
            QUALIFY ROW_NUMBER() OVER (PARTITION BY part ORDER BY place, turn) <= {WORDS}),
        paired AS (
            SELECT part, word, word || ' ' || LEAD(word) OVER (PARTITION BY part, place ORDER BY turn) AS pair
            FROM sampled)
        SELECT part, COUNT(*), COUNT(DISTINCT word), COUNT(pair), COUNT(DISTINCT pair) FROM paired GROUP BY part""",
        (*request.binds, run_id, AROUND),
    )


def values_sql(run_id: str) -> Sql:
    """attribute, text, calls, tickets written, kept; in the order of their names."""
    return Sql(
        """SELECT f.key, f.value::STRING, COUNT(DISTINCT t.completion_key), COUNT(*), COUNT(t.kept OR NULL)
        FROM TICKETS t, LATERAL FLATTEN(input => t.attributes) f WHERE t.run_id = ?
        GROUP BY f.key, f.value::STRING ORDER BY 1, 2""",
        (run_id,),
    )


def repeats_sql(run_id: str) -> Sql:
    """Tickets written, exact repeats, near ones, kept ones with another that is alike."""
    return Sql(
        """SELECT COUNT(*), COUNT(duplicate_of IS NOT NULL AND COALESCE(similarity, 1) >= 1 OR NULL),
            COUNT(duplicate_of IS NOT NULL AND similarity < 1 OR NULL), COUNT(kept AND together IS NOT NULL OR NULL)
        FROM TICKETS WHERE run_id = ?""",
        (run_id,),
    )
