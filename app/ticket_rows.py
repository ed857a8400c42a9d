"""The statements of the page Tickets: one page of rows at a time, never the table."""

from __future__ import annotations

from typing import NamedTuple

from door import Row, rows, rows_if_there

PAGE = 25  # tickets shown at once
STATES = {
    "all": "TRUE",
    "kept": "COALESCE(t.kept, FALSE)",
    "dropped": "t.dropped_because IS NOT NULL",
    "with a twin": "t.duplicate_of IS NOT NULL",
}
_STEP = "SPLIT_PART(t.dropped_because, ':', 1)"


class Wanted(NamedTuple):
    """What is looked for; an empty text means all."""

    run_id: str
    state: str = "all"
    category: str = ""
    split: str = ""
    step: str = ""
    text: str = ""

    @property
    def condition(self) -> tuple[str, tuple[object, ...]]:
        """A WHERE and its binds."""
        filters = {
            "t.category = ?": self.category,
            "t.split = ?": self.split,
            f"{_STEP} = ?": self.step,
            "CONTAINS(LOWER(t.request), LOWER(?))": self.text,
        }
        used = {condition: value for condition, value in filters.items() if value}
        return " AND ".join(["t.run_id = ?", STATES[self.state], *used]), (self.run_id, *used.values())


def runs_with_tickets() -> set[str]:
    """Ids of runs that have tickets; runs that are under way are among them."""
    return {row["run_id"] for row in rows_if_there("SELECT DISTINCT run_id FROM TICKETS")}


def choices(run_id: str) -> dict[str, list[str]]:
    """What the run's tickets can be filtered by: category, split, step that dropped them."""
    columns = {"category": "t.category", "split": "t.split", "step": _STEP}
    return {
        name: [
            row["choice"]
            for row in rows(
                f"""SELECT DISTINCT {column} AS choice FROM TICKETS t
                WHERE t.run_id = ? AND {column} IS NOT NULL ORDER BY 1""",
                run_id,
            )
        ]
        for name, column in columns.items()
    }


def counts(wanted: Wanted) -> Row:
    """How many fit: tickets, kept, dropped, twins."""
    condition, binds = wanted.condition
    return rows(
        f"""SELECT COUNT(*) AS tickets, COUNT({STATES["kept"]} OR NULL) AS kept,
            COUNT({STATES["dropped"]} OR NULL) AS dropped, COUNT({STATES["with a twin"]} OR NULL) AS twins
            FROM TICKETS t WHERE {condition}""",
        *binds,
    )[0]


def reasons(wanted: Wanted) -> list[Row]:
    """Why tickets that fit were dropped: reason, tickets; the most frequent twelve."""
    condition, binds = wanted.condition
    return rows(
        f"""SELECT t.dropped_because AS reason, COUNT(*) AS tickets FROM TICKETS t
        WHERE {condition} AND t.dropped_because IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 12""",
        *binds,
    )


def page_of(wanted: Wanted, page: int) -> list[Row]:
    """The tickets of one page (from 0), each with its twin's request, if it has one in this run."""
    condition, binds = wanted.condition
    return rows(
        f"""SELECT t.ticket_id, t.category, t.scenario, t.request, t.split, COALESCE(t.kept, FALSE) AS kept,
            t.dropped_because, TO_JSON(t.rating) AS rating, TO_JSON(t.attributes) AS attributes, t.round, t.vote,
            t.duplicate_of, t.similarity, o.request AS twin_request, o.category AS twin_category,
            COALESCE(o.kept, FALSE) AS twin_kept
        FROM TICKETS t LEFT JOIN TICKETS o ON o.run_id = t.run_id AND o.ticket_id = t.duplicate_of
        WHERE {condition} ORDER BY t.category, t.ticket_id LIMIT {PAGE} OFFSET {max(int(page), 0) * PAGE}""",
        *binds,
    )
