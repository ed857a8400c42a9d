"""Text of a CSV file as a value of a table's column, the way Snowflake reads it, and what is said of text that is none.

Source: docs: sql-reference/data-type-conversion; the numbers of the errors are Snowflake's.
"""

from typing import NamedTuple

from cortex_distill.local.faults import Refused

_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_OFFSET = r"(:\d\d(?:\.\d+)?)\s*(Z|[+-]\d\d(:?\d\d)?)$"
_TRUE, _FALSE = "('true', 't', 'yes', 'y', 'on', '1')", "('false', 'f', 'no', 'n', 'off', '0')"


class Column(NamedTuple):
    """A column of the table that is loaded: name, DuckDB type, whether it takes NULL, how long a text may be."""

    name: str
    kind: str
    nullable: bool
    length: int | None = None


def value(text: str, column: Column) -> str:
    """A DuckDB expression: the value of the text (an expression of type VARCHAR), NULL where it has none."""
    kind = column.kind
    if kind == "VARCHAR":
        return text
    if kind == "JSON":
        return f"to_json({text})"
    if kind == "BOOLEAN":
        low = f"lower(trim({text}))"
        return f"CASE WHEN {low} IN {_TRUE} THEN true WHEN {low} IN {_FALSE} THEN false END"
    if kind == "BLOB":
        return f"TRY(unhex({text}))"
    if _is_number(kind):
        special = " OR upper(trim(" + text + ")) IN ('NAN', 'INF', '-INF')" if kind == "DOUBLE" else ""
        return f"CASE WHEN regexp_matches({text}, '{_NUMBER}'){special} THEN TRY_CAST({text} AS {kind}) END"
    if kind == "TIMESTAMP":  # NTZ keeps the clock and drops the offset
        text = f"regexp_replace({text}, '{_OFFSET}', '\\1')"
    return f"CASE WHEN regexp_matches({text}, '^\\s*[0-9]') THEN TRY_CAST({text} AS {kind}) END"


def failure(text: str | None, column: Column) -> Refused:
    """What Snowflake says of a value that the column does not take."""
    if text is None:
        return Refused("NULL result in a non-nullable column", 100072, "22000")
    if column.kind == "VARCHAR":
        return Refused(f"User character length limit ({column.length}) exceeded by string '{text}'", 100074, "54000")
    if column.kind == "BOOLEAN":
        return Refused(f"Boolean value '{text}' is not recognized", 100037, "22018")
    if column.kind == "DATE":
        return Refused(f"Date '{text}' is not recognized", 100040, "22007")
    if column.kind.startswith("TIME"):
        return Refused(f"Timestamp '{text}' is not recognized", 100035, "22007")
    if _is_number(column.kind):
        return Refused(f"Numeric value '{text}' is not recognized", 100038, "22018")
    return Refused(f"value '{text}' is not recognized for column {column.name}", 100132, "22000")


def _is_number(kind: str) -> bool:
    return kind.startswith("DECIMAL") or kind == "DOUBLE" or kind.endswith("INT") or kind == "INTEGER"
