"""Step 1: create the tables that are missing, and write down the categories and the holdout of this run.

Source: quickstart, "Setup" and "Define Support Ticket Categories". Needs no ACCOUNTADMIN and drops nothing.
In:   the experiment file
Out:  CATEGORIES, HOLDOUT (the rows of this run)
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cortex_distill.errors import ConfigError, StepError
from cortex_distill.replies import normal_sql
from cortex_distill.run import Run
from cortex_distill.sql import Sql, identifier
from cortex_distill.tables import THERE, complete_sql
from cortex_distill.upload import upload
from tasks.step import ON_CORTEX, task


class Prepared(NamedTuple):
    """Rows written for this run."""

    categories: int
    holdout: int


@task(name="prepare", **ON_CORTEX)
def prepare_tables(run: Run) -> Prepared:
    """Create, then fill. Raises ConfigError if the holdout file is unusable, StepError if its labels are unknown."""
    for statement in complete_sql(run.sql(THERE)):
        run.sql(statement)
    return write_rows(run)


def write_rows(run: Run) -> Prepared:
    """The categories and the holdout of this run, in the place of what it wrote before. Raises as prepare_tables."""
    for table in ("CATEGORIES", "HOLDOUT"):
        run.sql(f"DELETE FROM {table} WHERE run_id = ?", run.id)
    labels = enumerate(run.config.categories.items())
    rows = ((run.id, position, label, definition) for position, (label, definition) in labels)
    categories = upload(run.session, "CATEGORIES", ["run_id", "position", "category", "definition"], rows)
    matches = normal_sql("category")
    run.sql(f"UPDATE CATEGORIES SET matches = {matches.text} WHERE run_id = ?", *matches.binds, run.id)
    holdout = _write_holdout(run)
    _check_labels(run)
    return Prepared(categories, holdout)


def _write_holdout(run: Run) -> int:
    holdout = run.config.holdout
    if holdout is None:
        return 0
    if holdout.table is not None:
        copy = copy_sql(run.id, holdout.table)
        run.sql(copy.text, *copy.binds)
        return run.count("SELECT COUNT(*) FROM HOLDOUT WHERE run_id = ?", run.id)
    path = run.experiment.path.parent / str(holdout.file)
    rows = ((run.id, f"{number:06d}", category, request) for number, category, request in read_rows(path))
    return upload(run.session, "HOLDOUT", ["run_id", "row_key", "category", "request"], rows)


def copy_sql(run_id: str, table: str) -> Sql:
    """Copy a table of labelled rows; a row's key is its place by request and category, so it is stable."""
    return Sql(
        f"""INSERT INTO HOLDOUT (run_id, row_key, category, request)
        SELECT ?, LPAD(ROW_NUMBER() OVER (ORDER BY request, category)::STRING, 9, '0'), category::STRING,
            request::STRING FROM {identifier(table)}""",
        (run_id,),
    )


def read_rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """(line, category, request) of a CSV with a header, one at a time. Raises ConfigError naming file and line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _rows(path, file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: holdout.file: cannot be read ({error}); give a CSV file in UTF-8") from error


def _rows(path: Path, file: io.TextIOWrapper) -> Iterator[tuple[int, str, str]]:
    reader = csv.DictReader(file)
    missing = {"request", "category"} - set(reader.fieldnames or ())
    if missing:
        raise ConfigError(f"{path}:1: holdout.file: no column {', '.join(sorted(missing))}; it needs request, category")
    for row in reader:
        request, category = (row["request"] or "").strip(), (row["category"] or "").strip()
        if not request or not category:
            raise ConfigError(
                f"{path}:{reader.line_num}: holdout.file: request or category is empty; fill or delete it"
            )
        yield reader.line_num, category, request


def _check_labels(run: Run) -> None:
    unknown = run.sql(
        """SELECT h.category, COUNT(*) FROM HOLDOUT h WHERE h.run_id = ? AND NOT EXISTS (
            SELECT 1 FROM CATEGORIES c WHERE c.run_id = h.run_id AND c.category = h.category)
        GROUP BY h.category ORDER BY 2 DESC, 1 LIMIT 10""",
        run.id,
    )
    if unknown:
        listed = ", ".join(f"'{category}' ({count} rows)" for category, count in unknown)
        raise StepError(f"the holdout has labels that are not under categories: {listed}; rename them or add them")
