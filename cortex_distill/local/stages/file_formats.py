"""File formats: the options that are imitated, and a DuckDB query that reads files by them, all CSV fields as text.

Source: docs: sql-reference/sql/create-file-format
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from cortex_distill.local.duck import literal
from cortex_distill.local.faults import Refused, unsupported

CSV: dict[str, Any] = {
    "COMPRESSION": "AUTO",
    "FIELD_DELIMITER": ",",
    "RECORD_DELIMITER": "\n",
    "SKIP_HEADER": "0",
    "PARSE_HEADER": False,
    "FIELD_OPTIONALLY_ENCLOSED_BY": "NONE",
    "ESCAPE": "NONE",
    "ESCAPE_UNENCLOSED_FIELD": "\\",
    "NULL_IF": ["\\N"],
    "EMPTY_FIELD_AS_NULL": True,
    "ERROR_ON_COLUMN_COUNT_MISMATCH": True,
    "TRIM_SPACE": False,
    "ENCODING": "UTF8",
    "SKIP_BYTE_ORDER_MARK": True,
}
JSON: dict[str, Any] = {"COMPRESSION": "AUTO", "STRIP_OUTER_ARRAY": False}
PARQUET: dict[str, Any] = {
    "COMPRESSION": "AUTO",
    "USE_LOGICAL_TYPE": False,
    "USE_VECTORIZED_SCANNER": False,
    "BINARY_AS_TEXT": True,
    "SNAPPY_COMPRESSION": True,
}
_DEFAULTS = {"CSV": CSV, "JSON": JSON, "PARQUET": PARQUET}
_ONLY = {  # the values that are imitated, where not all are
    "COMPRESSION": ("AUTO", "AUTO_DETECT", "GZIP", "NONE", "SNAPPY"),
    "ENCODING": ("UTF8", "UTF-8"),
    "RECORD_DELIMITER": ("\n", "\r\n", "\r\n|\n", "NONE"),
    "ESCAPE": ("NONE",),
    "ESCAPE_UNENCLOSED_FIELD": ("NONE", "\\"),
    "SKIP_BYTE_ORDER_MARK": (True,),
}
UNSET = "\x02never\x02"  # no field can hold it by chance
_WHOLE_LINES = "delim = '\x02', quote = '', escape = ''"


def complete(options: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a format, defaults filled in. What is not imitated is refused."""
    kind = str(options.get("TYPE", "CSV")).upper()
    if kind not in _DEFAULTS:
        raise unsupported(f"FILE FORMAT TYPE = {kind}")
    for name, value in options.items():
        if name not in (*_DEFAULTS[kind], "TYPE", "COMMENT"):
            raise unsupported(f"FILE FORMAT option {name}")
        if name in _ONLY and _plain(value) not in _ONLY[name]:
            raise unsupported(f"FILE FORMAT {name} = {value}")
    return {**_DEFAULTS[kind], **{name: _plain(value) for name, value in options.items()}, "TYPE": kind}


def _plain(value: Any) -> Any:
    return value.upper() if isinstance(value, str) and value.upper() in ("NONE", "AUTO", "GZIP", "SNAPPY") else value


def width(duck: duckdb.DuckDBPyConnection, file: Path, options: Mapping[str, Any]) -> int:
    """At least the number of fields of the longest line of a CSV file."""
    delimiter = str(options["FIELD_DELIMITER"])
    query = f"SELECT max(len(string_split(line, ?))) FROM ({_lines(file, options)})"
    return int(duck.execute(query, [delimiter]).fetchall()[0][0] or 1) if delimiter != "NONE" else 1


def header(duck: duckdb.DuckDBPyConnection, file: Path, options: Mapping[str, Any]) -> list[str]:
    """The names in the first line of a CSV file with PARSE_HEADER."""
    plain = {**options, "PARSE_HEADER": False, "SKIP_HEADER": "0", "NULL_IF": []}
    rows = duck.execute(f"{csv_query(file, plain, width(duck, file, options), padded=True)} LIMIT 1").fetchall()
    return [str(name) for name in rows[0][:-1] if name is not None] if rows else []


def csv_query(file: Path, options: Mapping[str, Any], count: int, *, padded: bool) -> str:
    """Fields c1 … cN as text, NULL_IF and TRIM_SPACE applied, then the row's number as `row`.

    `padded` fills short rows with NULL; otherwise rows of another length end up in DuckDB's table of rejects.
    """
    enclosed = options["FIELD_OPTIONALLY_ENCLOSED_BY"]
    quoted = "" if enclosed == "NONE" else str(enclosed)
    skipped = 1 if options["PARSE_HEADER"] else int(options["SKIP_HEADER"])
    names = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(1, count + 1))
    delimiter = "\x02" if options["FIELD_DELIMITER"] == "NONE" else str(options["FIELD_DELIMITER"])
    parts = [
        f"{file_literal(file)}, auto_detect = false, header = false, skip = {skipped}, columns = {{{names}}}",
        f"delim = {literal(delimiter)}, quote = {literal(quoted)}, escape = {literal(quoted)}",
        f"nullstr = [{literal('' if options['EMPTY_FIELD_AS_NULL'] else UNSET)}], allow_quoted_nulls = false",
        f"parallel = false, compression = {literal(_compression(options))}, max_line_size = 16777216",
        "null_padding = true" if padded else "store_rejects = true, rejects_limit = 0",
    ]
    fields = ", ".join(f"{_field(f'c{place}', options)} AS c{place}" for place in range(1, count + 1))
    return f'SELECT {fields}, row_number() OVER () AS "row" FROM read_csv({", ".join(parts)})'


def _field(name: str, options: Mapping[str, Any]) -> str:
    if options["TRIM_SPACE"]:
        name = f"trim({name})"
    nulls = options["NULL_IF"] if isinstance(options["NULL_IF"], list) else [options["NULL_IF"]]
    return f"CASE WHEN {name} IN ({', '.join(map(literal, nulls))}) THEN NULL ELSE {name} END" if nulls else name


def json_query(file: Path, options: Mapping[str, Any]) -> str:
    """One row per document, as column c1 of type JSON; with STRIP_OUTER_ARRAY one per element."""
    shape = "array" if options["STRIP_OUTER_ARRAY"] else "unstructured"
    how = f"format = '{shape}', compression = {literal(_compression(options))}, maximum_object_size = 134217728"
    return f'SELECT json AS c1, row_number() OVER () AS "row" FROM read_json_objects({file_literal(file)}, {how})'


def check_escapes(duck: duckdb.DuckDBPyConnection, file: Path, options: Mapping[str, Any]) -> None:
    """Raises Refused where a backslash would have to escape something, which DuckDB cannot read."""
    if options["TYPE"] != "CSV" or options["ESCAPE_UNENCLOSED_FIELD"] == "NONE":
        return
    query = f"SELECT 1 FROM ({_lines(file, options)}) WHERE contains(replace(line, '\\N', ''), '\\') LIMIT 1"
    if duck.execute(query).fetchall():
        raise Refused(
            f"not supported by the local engine: a backslash in {file.name};"
            " say ESCAPE_UNENCLOSED_FIELD = NONE, which keeps it as it is",
            2,
            "0A000",
        )


def _lines(file: Path, options: Mapping[str, Any]) -> str:
    columns = "columns = {'line': 'VARCHAR'}, max_line_size = 16777216"
    how = f"{_WHOLE_LINES}, auto_detect = false, header = false, {columns}"
    return f"SELECT line FROM read_csv({file_literal(file)}, {how}, compression = {literal(_compression(options))})"


def _compression(options: Mapping[str, Any]) -> str:
    return {"GZIP": "gzip", "NONE": "none"}.get(str(options["COMPRESSION"]), "auto_detect")


def file_literal(file: Path) -> str:
    """A DuckDB text literal of a file's name, none of whose signs is a wild card."""
    return literal(re.sub(r"[*?\[]", r"[\g<0>]", str(file)))
