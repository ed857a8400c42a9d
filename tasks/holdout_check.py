"""Whether a holdout can be used, before anything is written: file or table, columns, labels, enough rows.

In:   the file, read once, line by line; or the table, counted in the engine
Out:  findings, and the longest request, which makes the longest prompts
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from cortex_distill import config_rows
from cortex_distill.errors import ConfigError
from cortex_distill.findings import Finding, first_line
from cortex_distill.metrics import figure, wilson_interval
from cortex_distill.run import Run
from cortex_distill.session import SqlError
from cortex_distill.spelling import suggestion
from cortex_distill.sql import identifier
from tasks.prepare import label_of, read_rows

WIDEST = 0.1  # half an interval that is wider is said, for an accuracy of 0.8
MOST_LABELS = 1000  # of a table that are counted; a holdout with more has another column in the place of the label


class Holdout(NamedTuple):
    """What there is."""

    rows: Mapping[str, int]  # by label
    longest: str
    found: list[Finding]


def check_holdout(run: Run, role: str) -> Holdout:
    """Raises SqlError for a failure that may pass."""
    holdout = run.config.holdout
    if holdout is None:
        own = "tickets are the teacher's own" if run.config.is_synthetic else "requests have the teacher's own labels"
        what = f"there is none: validation {own}, and figures on them flatter; name a file or table"
        return Holdout({}, "", [Finding("holdout", f"{what} of labelled requests", stops=False)])
    at = "holdout.file" if holdout.file else "holdout.table"
    read = _file(run, holdout) if holdout.file else _table(run, holdout, role)
    if read.found:
        return read
    rows = Counter[str]()
    for theirs, count in read.rows.items():
        if (ours := label_of(holdout, theirs)) is not None:
            rows[ours] += count
    return read._replace(rows=rows, found=list(_labelled(at, rows, list(run.config.categories))))


def _file(run: Run, holdout: config_rows.Holdout) -> Holdout:
    rows, longest = Counter[str](), ""
    try:
        for _, category, request in read_rows(run.experiment.path.parent / str(holdout.file), holdout.columns):
            rows[category] += 1
            longest = max(longest, request, key=len)
    except ConfigError as error:  # read_rows says path and line
        return Holdout({}, "", [Finding("holdout.file", str(error).replace("holdout.file: ", "", 1))])
    return Holdout(rows, longest, [])


def _table(run: Run, holdout: config_rows.Holdout, role: str) -> Holdout:
    name, at = str(holdout.table), "holdout.table"
    columns, table = holdout.columns or config_rows.Columns(), identifier(name)
    request, category = identifier(columns.request), identifier(columns.category)
    try:
        counted = run.sql(
            f"""SELECT {category}::STRING, COUNT(*), COUNT(TRIM(COALESCE({request}::STRING, '')) = '' OR NULL)
            FROM {table} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_LABELS}"""
        )
        longest = run.sql(
            f"""SELECT {request}::STRING FROM {table} WHERE {request} IS NOT NULL
            ORDER BY LENGTH({request}::STRING) DESC LIMIT 1"""
        )
    except SqlError as error:
        if error.transient:
            raise
        what = f"{name} cannot be read: {first_line(str(error))}"
        what += f"; it needs columns {columns.request} and {columns.category}"
        return Holdout({}, "", [Finding(at, f"{what}, and GRANT SELECT ON TABLE {name} TO ROLE {role}")])
    empty = sum(int(count if not (label or "").strip() else blank) for label, count, blank in counted)
    if empty:
        what = f"{name} has {_rows(empty)} whose request or category is empty; fill or delete them"
        return Holdout({}, "", [Finding(at, what)])
    return Holdout({label: int(count) for label, count, _ in counted}, longest[0][0] if longest else "", [])


def _labelled(at: str, rows: Mapping[str, int], labels: Sequence[str]) -> Iterator[Finding]:
    n = sum(rows.values())
    if not n:
        yield Finding(at, "has no row; put labelled requests in, or drop holdout")
        return
    unknown = sorted(set(rows) - set(labels), key=lambda label: (-rows[label], label))
    for label in unknown[:10]:
        what = f"the label '{label}' ({_rows(rows[label])}) is no category; {suggestion(label, labels)}"
        yield Finding(at, f"{what} Rename it there, map it by holdout.labels, or add it to categories")
    if len(unknown) > 10:
        yield Finding(at, f"{len(unknown) - 10} more labels are no category; should another column be called category?")
    if missing := [label for label in labels if label not in rows]:
        yield Finding(at, f"has no row of {', '.join(missing)}: nothing is measured there", stops=False)
    low, high = wilson_interval(round(0.8 * n), n)
    if high - low > 2 * WIDEST:
        shown = figure(0.8, low, high)
        yield Finding(at, f"has {_rows(n)}: an accuracy of {shown} is all they can tell (95 %); add rows", stops=False)


def _rows(n: int) -> str:
    return "1 row" if n == 1 else f"{n} rows"
