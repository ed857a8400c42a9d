"""Which texts of a table are alike, exactly, in SQL: the share of word pairs that two texts have in common.

A text is the set of its words, each together with the word before it (the first stands alone). How alike two texts
are is the Jaccard index of their sets: pairs in both, of pairs in either; from 0 to 1. Case, punctuation, blanks and
the number of times do not count. One changed word costs a text of n words 4 in n + 2, so 0.8 forgives one in 18 words.

The join is exact (prefix filtering, Chaudhuri et al. 2006; Bayardo et al. 2007), not hashing with a chance to miss:
two sets that share so much must share one of their rarest pairs, so only texts with a rare pair in common are compared.
Where more than CROWD texts share a rare pair, each is compared with its neighbours by length alone, and counted.
Of a text longer than LONGEST only the beginning counts.
"""

from __future__ import annotations

from itertools import pairwise

from cortex_distill.replies import AROUND
from cortex_distill.sql import Sql, identifier

# What stands between words, beside what stands around labels.
GAPS = AROUND + "?-/\\|&=+~^%$@…–—。、，！？；：「」『』（）"
BAGS = 16  # counts by which pairs of texts are refused before their sets are looked at
CROWD = 2000  # texts that may share a rare pair and still are all compared
LONGEST = 10_000  # characters of a text that are read, some 1,500 words: a bound on what a single text can cost
ROUNDING = 1e-9  # a product like 0.6 · 5 is above 3; less than one in a million words


def word_pairs(text: str) -> set[tuple[str, str]]:
    """The set that stands for a text; empty where it has no word."""
    words = text[:LONGEST].lower().translate(str.maketrans(GAPS, " " * len(GAPS))).split(" ")
    return set(pairwise(["", *filter(None, words)]))


def similarity(one: str, other: str) -> float:
    """How alike two texts are, from 0 to 1, as the SQL below computes it; 0 where either has no word."""
    a, b = word_pairs(one), word_pairs(other)
    return len(a & b) / len(a | b) if a and b else 0.0


def alike_sql(name: str, texts: Sql, least: float, across: bool = False) -> list[Sql]:
    """Statements after which the temporary table NAME_ALIKE has a, b, similarity: all pairs that are `least` alike.

    `texts` is a SELECT with n (a number of its own for each text), side (a number) and request. a < b are such n; with
    `across` their sides differ. NAME_CROWDED has the n of texts that were not compared with everybody (see CROWD).
    """
    name = identifier(name)
    return [_pairs_sql(name, texts), _places_sql(name), _bags_sql(name), _prefix_sql(name, least),
            Sql(f"""CREATE OR REPLACE TEMPORARY TABLE {name}_CROWDED AS SELECT DISTINCT n FROM {name}_PREFIX
            QUALIFY MAX(block) OVER (PARTITION BY rank) > 1"""),
            _candidates_sql(name, least, across), _verified_sql(name, least)]  # fmt: skip


def _pairs_sql(name: str, texts: Sql) -> Sql:
    return Sql(
        f"""CREATE OR REPLACE TEMPORARY TABLE {name}_PAIRS AS SELECT DISTINCT n, side,
            COALESCE(LAG(word) OVER (PARTITION BY n ORDER BY place), '') || ' ' || word AS pair
        FROM (
            SELECT t.n, t.side, w.index AS place, w.value AS word FROM (
                SELECT n, side, TRANSLATE(LOWER(LEFT(request, {LONGEST})), ?, ?) AS said FROM ({texts.text})
            ) t, LATERAL SPLIT_TO_TABLE(t.said, ' ') w WHERE w.value <> '')""",
        (GAPS, " " * len(GAPS), *texts.binds),
    )


def _places_sql(name: str) -> Sql:
    """The pairs of each text, the rarest of the table first."""
    return Sql(
        f"""CREATE OR REPLACE TEMPORARY TABLE {name}_PLACES AS
        SELECT p.n, p.side, r.rank, r.texts, COUNT(*) OVER (PARTITION BY p.n) AS size,
            ROW_NUMBER() OVER (PARTITION BY p.n ORDER BY r.rank) AS place
        FROM {name}_PAIRS p JOIN (
            SELECT pair, COUNT(*) AS texts, ROW_NUMBER() OVER (ORDER BY COUNT(*), pair) AS rank
            FROM {name}_PAIRS GROUP BY pair
        ) r ON r.pair = p.pair"""
    )


def _bags_sql(name: str) -> Sql:
    bags = ", ".join(f"COUNT(MOD(rank, {BAGS}) = {bag} OR NULL) AS bag_{bag}" for bag in range(BAGS))
    return Sql(f"CREATE OR REPLACE TEMPORARY TABLE {name}_BAGS AS SELECT n, {bags} FROM {name}_PLACES GROUP BY n")


def _prefix_sql(name: str, least: float) -> Sql:
    """Of each text the rarest pairs, one of which it shares with each text that is alike; `short`: and no smaller."""
    bags = ", ".join(f"b.bag_{bag}" for bag in range(BAGS))
    return Sql(
        f"""CREATE OR REPLACE TEMPORARY TABLE {name}_PREFIX AS
        SELECT p.n, p.side, p.rank, p.size, p.place, {bags},
            p.place <= p.size - CEIL(p.size * ?::FLOAT - {ROUNDING}) + 1 AS short,
            CEIL(ROW_NUMBER() OVER (PARTITION BY p.rank ORDER BY p.size, p.n) / {CROWD}) AS block
        FROM {name}_PLACES p JOIN {name}_BAGS b ON b.n = p.n
        WHERE p.texts > 1 AND p.place <= p.size - CEIL(p.size * ?::FLOAT - {ROUNDING}) + 1""",
        (2 * least / (1 + least), least),
    )


def _candidates_sql(name: str, least: float, across: bool) -> Sql:
    """The smaller text of a pair is looked up by its short prefix; what cannot be alike by its counts is left out."""
    common = "+".join(f"LEAST(a.bag_{bag}, b.bag_{bag})" for bag in range(BAGS))
    needed = f"CEIL((a.size + b.size) * ?::FLOAT - {ROUNDING})"
    return Sql(
        f"""CREATE OR REPLACE TEMPORARY TABLE {name}_CANDIDATES AS
        SELECT DISTINCT LEAST(a.n, b.n) AS a, GREATEST(a.n, b.n) AS b, a.size + b.size AS sizes
        FROM (SELECT *, block AS beside FROM {name}_PREFIX WHERE short
            UNION ALL SELECT *, block + 1 AS beside FROM {name}_PREFIX WHERE short) a
        JOIN {name}_PREFIX b ON b.rank = a.rank AND b.block = a.beside
        WHERE (a.size < b.size OR (a.size = b.size AND a.n < b.n)) {"AND a.side <> b.side" if across else ""}
            AND a.size >= b.size * ?::FLOAT - {ROUNDING}
            AND LEAST(a.size - a.place, b.size - b.place) + 1 >= {needed} AND {common} >= {needed}""",
        (least, least / (1 + least), least / (1 + least)),
    )


def _verified_sql(name: str, least: float) -> Sql:
    return Sql(
        f"""CREATE OR REPLACE TEMPORARY TABLE {name}_ALIKE AS SELECT a, b, similarity FROM (
            SELECT c.a, c.b, COUNT(*)::FLOAT / (c.sizes - COUNT(*))::FLOAT AS similarity
            FROM (SELECT s.a, s.b, s.sizes, p.rank FROM {name}_CANDIDATES s JOIN {name}_PLACES p ON p.n = s.a) c
            JOIN {name}_PLACES q ON q.n = c.b AND q.rank = c.rank GROUP BY c.a, c.b, c.sizes
        ) WHERE similarity >= ?::FLOAT - {ROUNDING}""",
        (least,),
    )


def shown_sql(column: str) -> str:
    """A similarity as people are shown it, `0.87`: rounded down, so that 1.00 is all."""
    hundredths = f"FLOOR(100 * {column} + {ROUNDING})::NUMBER"
    return f"IFF({hundredths} >= 100, '1.00', '0.' || LPAD({hundredths}::STRING, 2, '0'))"
