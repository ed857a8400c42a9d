"""SHOW MODELS, SHOW CORTEX BASE MODELS, DROP MODEL.

Sources: docs: sql-reference/sql/show-models, …/show-cortex-base-models, …/drop-model; the sample rows of
user-guide/snowflake-cortex/aisql-privileges-and-access for how a base model's name and owner are written.
The region of this account is LOCAL, and what has not reached its end of life is served there; when a model was
created no page tells: NULL.
"""

import re
from datetime import date
from typing import TYPE_CHECKING

import duckdb

from cortex_distill.local.cortex.catalogue import MODELS
from cortex_distill.local.duck import literal
from cortex_distill.local.faults import unsupported
from cortex_distill.local.names import parts_of, resolved

if TYPE_CHECKING:
    from cortex_distill.local.session.connection import LocalConnection

_SHOW = re.compile(
    r"""\s*show\s+(?P<base>cortex\s+base\s+)?models
    (?:\s+like\s+(?P<like>'(?:[^']|'')*'))?
    (?:\s+in\s+(?P<kind>account\b|database\b|schema\b)?\s*(?P<scope>(?:"(?:[^"]|"")+"|[\w$])(?:"(?:[^"]|"")+"|[\w.$])*)?)?
    (?:\s+starts\s+with\s+(?P<starts>'(?:[^']|'')*'))?
    (?:\s+limit\s+(?P<limit>\d+))?\s*;?\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_ANY = re.compile(r"\s*(show\s+(cortex\s+base\s+)?models|drop\s+model)\b", re.IGNORECASE)
_DROP = re.compile(r"\s*drop\s+model\s+(if\s+exists\s+)?(\S.*?)\s*;?\s*", re.IGNORECASE | re.DOTALL)
DROP = "_CORTEX_DROP_MODEL"
_HOME = ("SNOWFLAKE", "MODELS")
REGION = "LOCAL"  # what CURRENT_REGION() says
_TUNED = """
    SELECT created_on AS "created_on", model AS "name", 'CORTEX_FINETUNED' AS "model_type",
        database AS "database_name", schema AS "schema_name", 'LOCAL' AS "owner", NULL::VARCHAR AS "comment",
        '["V1"]' AS "versions", 'V1' AS "default_version_name", '{}' AS "aliases"
    FROM SNOWFLAKE.CORTEX.MODELS"""


def show_models(sql: str, session: "LocalConnection") -> str | None:
    """DuckDB text that answers one of the three statements; None if `sql` is another."""
    if not _ANY.match(sql):
        return None
    if found := _DROP.fullmatch(sql):
        return _drop(found[2], bool(found[1]), session)
    found = _SHOW.fullmatch(sql)
    if found is None:
        raise unsupported(sql.strip())
    database, schema = _scope(found["kind"], found["scope"], session)
    shown = _base_models(session.parameters.day) if found["base"] else f"{_TUNED} UNION ALL {_as_models()}"
    conditions = ["TRUE"]
    if database is not None:
        conditions.append(f'"database_name" = {literal(database)}')
    if schema is not None:
        conditions.append(f'"schema_name" = {literal(schema)}')
    if found["like"]:
        conditions.append(f'"name" ILIKE {found["like"]}')
    if found["starts"]:
        conditions.append(f'starts_with("name", {found["starts"]})')
    limit = f" LIMIT {found['limit']}" if found["limit"] else ""
    order = '"database_name", "schema_name", "name"'
    return f"SELECT * FROM ({shown}) WHERE {' AND '.join(conditions)} ORDER BY {order}{limit}"


def _scope(kind: str | None, scope: str | None, session: "LocalConnection") -> tuple[str | None, str | None]:
    """Database and schema that the statement is confined to; None is all of them."""
    kind = kind.lower() if kind else None
    if kind == "account":
        return None, None
    if not scope:
        # without IN the current database is meant (show-models), IN SCHEMA alone means the current schema
        return session.database, session.schema if kind == "schema" else None
    parts = parts_of(scope)
    if kind == "database" or (kind is None and len(parts) == 1 and parts[0] != "MODELS"):
        return parts[-1], None
    return (parts[-2] if len(parts) > 1 else session.database), parts[-1]


def _rows(rows: list[list[str | None]], names: list[str]) -> str:
    values = ", ".join(f"({', '.join('NULL' if cell is None else literal(cell) for cell in row)})" for row in rows)
    columns = ", ".join(f'"{name}"' for name in names)
    return f"(VALUES {values}) AS _({columns})"


def _base_models(day: date) -> str:
    """All base models, with their lifecycle on that day."""
    names = ["name", "lifecycle_status", "in_region", "legacy_date", "eol_date"]
    rows = [
        [name.upper(), status := listed.status(day), '[]' if status == "EOL" else f'["{REGION}"]',
         str(listed.legacy_date) if listed.legacy_date else None, listed.eol_date]
        for name, listed in MODELS.items()
    ]  # fmt: skip
    return f"""SELECT NULL::TIMESTAMPTZ AS "created_on", "name", 'CORTEX_BASE' AS "model_type",
        '{_HOME[0]}' AS "database_name", '{_HOME[1]}' AS "schema_name", 'SNOWFLAKE' AS "owner", "lifecycle_status",
        "in_region"::JSON AS "in_region_availability", "legacy_date", "eol_date",
        NULL::JSON AS "cross_region_availability" FROM {_rows(rows, names)}"""


def _as_models() -> str:
    """Base models in the columns of SHOW MODELS."""
    names = _rows([[name.upper()] for name in MODELS], ["name"])
    return f"""SELECT NULL::TIMESTAMPTZ, "name", 'CORTEX_BASE', '{_HOME[0]}', '{_HOME[1]}', 'SNOWFLAKE',
        NULL, NULL, NULL, NULL FROM {names}"""


def _drop(name: str, if_exists: bool, session: "LocalConnection") -> str:
    place = resolved(name, f"{session.database or ''}.{session.schema or ''}")
    return f"""SELECT {DROP}({", ".join(map(literal, place))}, {if_exists}) AS "status" """


def drop_all_of(duck: duckdb.DuckDBPyConnection, database: str, schema: str | None) -> None:
    """Drop the tuned models of a schema, or of a whole database, that is gone."""
    there = "database = ? AND schema = coalesce(?, schema)"
    query = f"SELECT database, schema, model FROM SNOWFLAKE.CORTEX.MODELS WHERE {there}"
    for place in duck.execute(query, [database, schema]).fetchall():
        duck.execute(f"SELECT {DROP}(?, ?, ?, true)", list(place))
