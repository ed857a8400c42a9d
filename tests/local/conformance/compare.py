"""How what a statement answers compares with what a case of the conformance suite expects. See README.md beside it."""

import datetime
import json
import math
import re
from decimal import Decimal
from fnmatch import fnmatchcase

import jsonschema
from snowflake.connector.constants import FIELD_ID_TO_NAME

EXPECTATIONS = {"rows", "records", "columns", "contains", "error", "shape"}
REFUSAL = "not supported by the local engine"
DEFECT = "defect of the local engine"


def difference_of(cursor, case, rows):
    """What the rows or their columns have that the case has not; None if nothing."""
    names = [column.name for column in cursor.description]
    if "columns" in case:
        types = [_type(column) for column in cursor.description]
        fits = [*case["columns"]] == names and all(map(fnmatchcase, types, case["columns"].values()))
        return None if fits else f"columns {dict(zip(names, types, strict=True))}"
    if "contains" in case:
        return None if {*case["contains"]} <= {*names} else f"columns {names}"
    if "shape" in case:
        return _misshapen(rows, case["shape"])
    if "records" in case:
        named = [*case["records"][0]]
        if not {*named} <= {*names}:
            return f"columns {names}"
        rows = [tuple(row[names.index(name)] for name in named) for row in rows]
        return _other_rows(rows, [[*record.values()] for record in case["records"]], ordered=False)
    ordered = bool(re.search(r"order\s+by\s[^()]*$", case["sql"], re.IGNORECASE))
    return _other_rows(rows, case["rows"], ordered)


def wrong_error(error, expected):
    """What is wrong with an error; None if it is the one expected. A refusal may be expected, a defect never."""
    text = (error.raw_msg or error.msg or "").replace("\n", " ")
    wanted = expected.get("text", "")
    fits = expected.get("code", error.errno) == error.errno and wanted in text
    lawful = DEFECT not in text and (wanted == REFUSAL or REFUSAL not in text)
    return None if fits and lawful else f"error {error.errno}: {text}"


def _type(column):
    name = FIELD_ID_TO_NAME[column.type_code]
    return f"NUMBER({column.precision},{column.scale})" if name == "FIXED" else name


def _misshapen(rows, schema):
    for cell in [cell for row in rows for cell in row]:
        read = _json(cell) if schema.get("type") in ("object", "array") else cell
        if error := jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(read)):
            return f"{cell!r}: {error.message}"
    return None if rows else "no rows"


def _json(cell):
    try:
        return json.loads(cell)
    except (TypeError, ValueError):
        return cell  # not JSON: it will not be the object or list that is expected


def _other_rows(rows, expected, ordered):
    left = list(rows)
    for wanted in expected:
        found = next((row for row in (left[:1] if ordered else left) if _same_row(row, wanted)), None)
        if found is None:
            return f"rows {rows}"
        left.remove(found)
    return f"rows {rows}" if left else None


def _same_row(row, wanted):
    return len(row) == len(wanted) and all(map(_same, row, wanted))


def _same(cell, wanted):
    if isinstance(wanted, dict | list):
        return _json(cell) == wanted
    if isinstance(wanted, str) and isinstance(cell, datetime.date | datetime.time | Decimal):
        return str(cell) == wanted
    if isinstance(wanted, bool) or isinstance(cell, bool):
        return cell is wanted
    if isinstance(wanted, float):
        return isinstance(cell, float | Decimal | int) and math.isclose(cell, wanted, rel_tol=1e-9)
    if isinstance(wanted, int):
        return isinstance(cell, float | Decimal | int) and cell == wanted
    return type(cell) is type(wanted) and cell == wanted
