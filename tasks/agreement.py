"""For the report: who agrees with whom about the labels, and which categories are taken for each other.

In:   TICKETS, RATINGS, REVIEWS
Out:  Trust; all is counted in the engine
"""

from __future__ import annotations

from collections.abc import Sequence

from cortex_distill.agreement import Agreement, Between, Mixed, Trust, kept_between, labels_between
from cortex_distill.ratings import reaches_sql
from cortex_distill.run import Run
from cortex_distill.sql import Sql, join
from tasks.vote import Voted

TEACHER = -1
EXAMPLE = 300  # characters of a request


def trust_in_labels(run: Run, voted: Voted | None, reviewed: bool) -> Trust | None:
    """None, and no statement, where a single judge is all there is."""
    several = len(run.config.judges) > 1
    if voted is None and not several and not reviewed:
        return None
    names = _names(run)
    pairs = [
        kept_between(names[int(first)], names[int(second)], Agreement(*map(int, cells)))
        for first, second, *cells in run.query(pairs_sql(run))
    ]
    rows = run.query(mixed_sql(run.id)) if voted is not None else []
    counts = {(category, vote): int(n) for category, vote, n, _ in rows}
    mixed = [Mixed(c, v, int(n), _of(c, counts), example) for c, v, n, example in rows if c != v]
    between = [labels_between(counts)] if counts else []
    told = (voted.text, _doubt(voted, between)) if voted else ("", "")
    return Trust([*between, *_telling(pairs)], mixed, *told)


def _doubt(voted: Voted, between: Sequence[Between]) -> str:
    """Why the vote is not to be relied on; '' if nothing speaks against it."""
    if voted.unreadable * 2 > voted.calls.rows:
        return f"{voted.unreadable} of {voted.calls.rows} votes name nothing on the list: the vote filters little"
    if any(one.by_chance for one in between):
        kappa = between[0].kappa
        return (
            f"the vote is not shown to agree with the labels beyond chance (kappa {kappa}): what it drops may be good"
        )
    return ""


def _of(category: str, counts: dict[tuple[str, str], int]) -> int:
    return sum(n for (own, _), n in counts.items() if own == category)


def _names(run: Run) -> dict[int, str]:
    judges = run.config.judges
    named = {place: f"judge {model}" if len(judges) > 1 else "judge" for place, model in enumerate(judges)}
    return {TEACHER: "teacher", **named, len(judges): "vote", len(judges) + 1: "person"}


def _telling(pairs: Sequence[Between]) -> list[Between]:
    """Without teacher and vote, whose categories tell more, and without pairs of which one never says no."""
    return [one for one in pairs if (one.first == "teacher" and one.second != "vote") or one.kappa]


def said_sql(run: Run) -> Sql:
    """ticket_id, who, says: whether a ticket belongs to its category, as far as somebody said so. `who` is a place in
    _names. A rating or a vote that could not be read says nothing."""
    config = run.config
    judges = len(config.judges)
    if judges > 1:
        rated = Sql("SELECT ticket_id, position, keeps FROM RATINGS WHERE run_id = ? AND keeps IS NOT NULL", (run.id,))
    else:
        reaches = reaches_sql(config.judge.thresholds)
        rated = Sql(
            f"""SELECT ticket_id, 0, {reaches.text} FROM TICKETS
            WHERE run_id = ? AND duplicate_of IS NULL AND rating IS NOT NULL""",
            (*reaches.binds, run.id),
        )
    own = "SELECT ticket_id, {}, {} FROM {} WHERE run_id = ? AND {}"
    teacher = own.format(f"{TEACHER} AS who", "TRUE AS says", "TICKETS", "duplicate_of IS NULL")
    vote = own.format(judges, "vote = category", "TICKETS", "vote IS NOT NULL")
    person = own.format(judges + 1, "human_kept", "REVIEWS", "human_kept IS NOT NULL")
    parts = [Sql(teacher, (run.id,)), rated, Sql(vote, (run.id,)), Sql(person, (run.id,))]
    return join(parts, " UNION ALL ")


def pairs_sql(run: Run) -> Sql:
    """Two places in _names, then tickets that both keep, only the first, only the second, neither."""
    said = said_sql(run)
    return Sql(
        f"""WITH said AS ({said.text})
        SELECT a.who, b.who, COUNT(a.says AND b.says OR NULL), COUNT(a.says AND NOT b.says OR NULL),
            COUNT(b.says AND NOT a.says OR NULL), COUNT(NOT a.says AND NOT b.says OR NULL)
        FROM said a JOIN said b ON b.ticket_id = a.ticket_id AND b.who > a.who
        GROUP BY a.who, b.who ORDER BY a.who, b.who""",
        said.binds,
    )


def mixed_sql(run_id: str) -> Sql:
    """category, vote, tickets, the request of the first of them by its key; the most frequent first."""
    return Sql(
        f"""SELECT category, vote, n, request FROM (
            SELECT category, vote, LEFT(request, {EXAMPLE}) AS request,
                COUNT(*) OVER (PARTITION BY category, vote) AS n,
                ROW_NUMBER() OVER (PARTITION BY category, vote ORDER BY ticket_id) AS place
            FROM TICKETS WHERE run_id = ? AND vote IS NOT NULL
        ) WHERE place = 1 ORDER BY n DESC, category, vote""",
        (run_id,),
    )
