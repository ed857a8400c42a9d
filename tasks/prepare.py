"""Step 1: create the tables that are missing, and write down the categories and the holdout of this run.

Source: quickstart, "Setup" and "Define Support Ticket Categories". Needs no ACCOUNTADMIN and drops nothing.
In:   the experiment file
Out:  CATEGORIES, HOLDOUT (the rows of this run)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cortex_distill.config_rows import Columns, Holdout
from cortex_distill.csv_rows import read_columns
from cortex_distill.errors import ConfigError, StepError
from cortex_distill.replies import normal_sql
from cortex_distill.run import Run
from cortex_distill.sql import Sql, identifier, join
from cortex_distill.tables import THERE, complete_sql
from cortex_distill.upload import upload
from tasks.step import ON_CORTEX, task

CATEGORY_COLUMNS = ("run_id", "position", "category", "definition")
HOLDOUT_COLUMNS = ("run_id", "row_key", "category", "request")


class Prepared(NamedTuple):
    """Rows written for this run."""

    categories: int
    holdout: int
    left_out: int = 0  # rows of the holdout whose label is mapped to nothing


@task(name="prepare", **ON_CORTEX)
def prepare_tables(run: Run) -> Prepared:
    """Create, then fill. Raises ConfigError if the holdout file is unusable, StepError if its labels are unknown."""
    for statement in complete_sql(run.sql(THERE)):
        run.sql(statement)
    for table in ("CATEGORIES", "HOLDOUT"):
        run.sql(f"DELETE FROM {table} WHERE run_id = ?", run.id)
    return write_rows(run)


def write_rows(run: Run) -> Prepared:
    """The categories and the holdout of a run that has none yet. Raises as prepare_tables."""
    categories = upload(run.session, "CATEGORIES", CATEGORY_COLUMNS, category_rows(run))
    matches = normal_sql("category")
    run.sql(f"UPDATE CATEGORIES SET matches = {matches.text} WHERE run_id = ?", *matches.binds, run.id)
    holdout, left_out = _write_holdout(run)
    _check_labels(run)
    return Prepared(categories, holdout, left_out)


def _write_holdout(run: Run) -> tuple[int, int]:
    """Rows that were written, and rows that were left out because their label is mapped to nothing."""
    holdout = run.config.holdout
    if holdout is None:
        return 0, 0
    if holdout.table is not None:
        run.query(copy_sql(run.id, holdout))
        copied = run.count("SELECT COUNT(*) FROM HOLDOUT WHERE run_id = ?", run.id)
        return copied, run.count(f"SELECT COUNT(*) FROM {identifier(holdout.table)}") - copied
    seen = Counter[bool]()
    return upload(run.session, "HOLDOUT", HOLDOUT_COLUMNS, holdout_rows(run, holdout, seen)), seen[False]


def category_rows(run: Run) -> Iterator[tuple[str, int, str, str]]:
    """The rows of CATEGORIES, in the order of the file."""
    labels = enumerate(run.config.categories.items())
    return ((run.id, position, label, definition) for position, (label, definition) in labels)


def holdout_rows(run: Run, holdout: Holdout, seen: Counter[bool]) -> Iterator[tuple[str, str, str, str]]:
    """The rows of HOLDOUT that a file gives; `seen` counts those that stay and those that are left out."""
    path = run.experiment.path.parent / str(holdout.file)
    return ((run.id, f"{number:06d}", ours, text) for number, ours, text in _mapped(path, holdout, seen))


def _mapped(path: Path, holdout: Holdout, seen: Counter[bool]) -> Iterator[tuple[int, str, str]]:
    """(line, category, request) with our labels; `seen` counts the rows that stay and those that are left out."""
    for number, theirs, request in read_rows(path, holdout.columns):
        ours = label_of(holdout, theirs)
        seen[ours is not None] += 1
        if ours is not None:
            yield number, ours, request


def label_of(holdout: Holdout, theirs: str) -> str | None:
    """Our label for one of the holdout's; a label that is not mapped stays what it is. None: its rows are left out."""
    return (holdout.labels or {}).get(theirs, theirs)


def copy_sql(run_id: str, holdout: Holdout) -> Sql:
    """Copy a table of labelled rows; a row's key is its place by request and category, so it is stable."""
    columns = holdout.columns or Columns()
    request, theirs = f"h.{identifier(columns.request)}::STRING", f"h.{identifier(columns.category)}::STRING"
    ours, joined = Sql(theirs), Sql("")
    if holdout.labels:
        pairs = join([Sql("(?, ?)", pair) for pair in holdout.labels.items()], ", ")
        mapped = f"SELECT column1::STRING AS theirs, column2::STRING AS ours FROM VALUES {pairs.text}"
        joined = Sql(
            f"LEFT JOIN ({mapped}) m ON m.theirs = {theirs} WHERE m.theirs IS NULL OR m.ours IS NOT NULL", pairs.binds
        )
        ours = Sql(f"COALESCE(m.ours, {theirs})")
    return Sql(
        f"""INSERT INTO HOLDOUT (run_id, row_key, category, request)
        SELECT ?, LPAD(ROW_NUMBER() OVER (ORDER BY request, category)::STRING, 9, '0'), category, request
        FROM (SELECT {request} AS request, {ours.text} AS category
            FROM {identifier(str(holdout.table))} h {joined.text})""",
        (run_id, *joined.binds),
    )


def read_rows(path: Path, columns: Columns | None = None) -> Iterator[tuple[int, str, str]]:
    """(line, label, request) of a CSV with a header, one at a time. Raises ConfigError naming file and line."""
    names = columns or Columns()
    for line, (request, category) in read_columns(path, [names.request, names.category], "holdout.file"):
        if not request or not category:
            what = f"{names.request} or {names.category} is empty; fill or delete it"
            raise ConfigError(f"{path}:{line}: holdout.file: {what}")
        yield line, category, request


def _check_labels(run: Run) -> None:
    unknown = run.sql(
        """SELECT h.category, COUNT(*) FROM HOLDOUT h WHERE h.run_id = ? AND NOT EXISTS (
            SELECT 1 FROM CATEGORIES c WHERE c.run_id = h.run_id AND c.category = h.category)
        GROUP BY h.category ORDER BY 2 DESC, 1 LIMIT 10""",
        run.id,
    )
    if unknown:
        listed = ", ".join(f"'{category}' ({count} rows)" for category, count in unknown)
        remedy = "rename them, map them by holdout.labels, or add them"
        raise StepError(f"the holdout has labels that are not under categories: {listed}; {remedy}")
