"""Statements with the results that Snowflake documents: on the local engine, or on an account (`pytest -m snowflake`).

The cases are in conformance/*.yaml, by topic; conformance/README.md says what a case may hold and how cells compare.
An account is the connection named in DISTILL_TEST_CONNECTION; every case makes, and drops, a schema of its own there.
"""

import datetime
import json
import math
import os
import re
from contextlib import contextmanager
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from uuid import uuid4

import jsonschema
import pytest
import yaml
from snowflake.connector import ProgrammingError, connect
from snowflake.connector.constants import FIELD_ID_TO_NAME

from cortex_distill.local.engine import Engine
from cortex_distill.local.engines import provider_of

FOLDER = Path(__file__).parent / "conformance"
CASES = [case for file in sorted(FOLDER.glob("*.yaml")) for case in yaml.safe_load(file.read_text("utf-8"))]
EXPECTATIONS = {"rows", "records", "columns", "contains", "error", "shape"}
KEYS = EXPECTATIONS | {"id", "sql", "setup", "binds", "source", "local", "local_differs", "account"}
REFUSAL = "not supported by the local engine"


@pytest.fixture(scope="session")
def simulated_engine(tmp_path_factory):
    engine = Engine(tmp_path_factory.mktemp("conformance") / "home", provider_of("simulated"), "LOCAL_SIMULATED")
    yield engine
    engine.close()


@contextmanager
def in_process(request):
    """A connection to the local engine, in a schema of its own."""
    connection = request.getfixturevalue("simulated_engine").connect("CONFORMANCE", f"S{uuid4().hex}".upper())
    yield connection
    connection.close()


@contextmanager
def account(_):
    """A connection to an account; the case's schema goes when the case ends."""
    if not (name := os.environ.get("DISTILL_TEST_CONNECTION")):
        pytest.skip("DISTILL_TEST_CONNECTION names no connection")
    schema = f"DISTILL_CONFORMANCE_{uuid4().hex}".upper()
    with connect(connection_name=name, paramstyle="qmark") as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {schema}")
        try:
            yield connection
        finally:
            cursor.execute("ROLLBACK")
            cursor.execute(f"DROP SCHEMA {schema}")


@pytest.fixture(params=[in_process, pytest.param(account, marks=pytest.mark.snowflake)], ids=lambda one: one.__name__)
def transport(request):
    with request.param(request) as connection:
        yield request.param.__name__, connection


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_statement_answers_as_documented(transport, case):
    name, connection = transport
    local = name != "account"
    if not local and "account" in case:
        pytest.skip(case["account"])
    if local and case.get("local") == "refused":
        case = {**case, "error": {"text": REFUSAL}, **{key: None for key in EXPECTATIONS - {"error"}}}
    difference = _difference(connection.cursor(), case)
    if local and "local_differs" in case:
        assert difference, f"no longer differs: drop local_differs ({case['local_differs']})"
    else:
        assert not difference, f"{case['source']}: {difference}"


def test_every_case_is_whole_and_has_a_name_of_its_own():
    assert len({case["id"] for case in CASES}) == len(CASES) >= 260
    for case in CASES:
        assert case.keys() <= KEYS, case["id"]
        assert len(case.keys() & EXPECTATIONS) == 1, case["id"]
        assert re.match(r"docs: [\w/$.-]+|cortex-facts \d", case["source"]), case["id"]
        assert case.get("local", "refused") == "refused", case["id"]


def _difference(cursor, case):
    """What is not as the case says; None if all is."""
    try:
        for statement in case.get("setup", []):
            cursor.execute(statement)
    except ProgrammingError as error:
        return f"setup failed: {error}"
    expected = case.get("error")
    try:
        rows = cursor.execute(case["sql"], case.get("binds")).fetchall()
    except ProgrammingError as error:
        return f"failed: {error}" if expected is None else _wrong_error(error, expected)
    if expected is not None:
        return f"no error, but {rows}"
    names = [column.name for column in cursor.description]
    if (columns := case.get("columns")) is not None:
        types = [_type(column) for column in cursor.description]
        fits = [*columns] == names and all(map(fnmatchcase, types, columns.values()))
        return None if fits else f"columns {dict(zip(names, types, strict=True))}"
    if (contained := case.get("contains")) is not None:
        return None if {*contained} <= {*names} else f"columns {names}"
    if (schema := case.get("shape")) is not None:
        return _misshapen(rows, schema)
    return _other_rows(case, names, rows)


def _wrong_error(error, expected):
    text = (error.raw_msg or error.msg or "").replace("\n", " ")
    wanted = expected.get("text", "")
    fits = expected.get("code", error.errno) == error.errno and wanted in text
    return None if fits and (wanted == REFUSAL or REFUSAL not in text) else f"error {error.errno}: {text}"


def _type(column):
    name = FIELD_ID_TO_NAME[column.type_code]
    return f"NUMBER({column.precision},{column.scale})" if name == "FIXED" else name


def _misshapen(rows, schema):
    for cell in [cell for row in rows for cell in row]:
        read = json.loads(cell) if isinstance(cell, str) and schema.get("type") in ("object", "array") else cell
        try:
            jsonschema.validate(read, schema)
        except jsonschema.ValidationError as error:
            return f"{cell!r}: {error.message}"
    return None if rows else "no rows"


def _other_rows(case, names, rows):
    expected = case.get("rows")
    if expected is None:
        expected = [[*record.values()] for record in case["records"]]
        named = [*case["records"][0]]
        if not {*named} <= {*names}:
            return f"columns {names}"
        rows = [[row[names.index(name)] for name in named] for row in rows]
    left = list(rows)
    ordered = re.search(r"order\s+by\s[^()]*$", case["sql"], re.IGNORECASE)
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
        return isinstance(cell, str) and json.loads(cell) == wanted
    if isinstance(wanted, str) and isinstance(cell, datetime.date | datetime.time | Decimal):
        return str(cell) == wanted
    if isinstance(wanted, float) and isinstance(cell, float | Decimal | int):
        return math.isclose(cell, wanted, rel_tol=1e-9)
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        return isinstance(cell, int | float | Decimal) and not isinstance(cell, bool) and cell == wanted
    return type(cell) is type(wanted) and cell == wanted
