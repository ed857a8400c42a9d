"""What the SHOW statements list: DuckDB queries, in which a session's temporary tables stand in their own schema."""

import duckdb
from sqlglot import exp

from cortex_distill.local.duck import literal
from cortex_distill.local.faults import unsupported
from cortex_distill.local.session.connection import ROLE, LocalConnection
from cortex_distill.local.session.temporary import PREFIX
from cortex_distill.local.sql.noted import stated
from cortex_distill.local.stages.clauses import rows_query
from cortex_distill.local.stages.staging import show

_FS = "_fs_global._fs_information_schema"
_OWN_SCHEMAS = "('main', '_fs_information_schema', '_FS_INFORMATION_SCHEMA', 'pg_catalog', 'information_schema')"
_OWN_DATABASES = "('memory', 'system', 'temp', '_fs_global', 'SNOWFLAKE')"
CREATED = "(notes->>'created')::TIMESTAMPTZ"  # of `noted.stated`
_NULLABLE = """replace(data_type, '"nullable":true', '"nullable":' || "null?")"""
_PRIMARY_KEYS = """SELECT (comment->>'created')::TIMESTAMPTZ AS created_on, database_name, schema_name, table_name,
    "value"->>'$' AS column_name, "key"::BIGINT + 1 AS key_sequence, 'SYS_CONSTRAINT_' || md5(table_oid::VARCHAR) AS
    constraint_name, 'false' AS rely, NULL::VARCHAR AS comment
    FROM duckdb_tables() AS t, json_each(t.comment, '$.primary_key') WHERE t.comment IS NOT NULL"""
_SESSION_COLUMNS = ("session_id", "created_on", "updated_on", "name", "value", "type", "comment")


def query_of(session: LocalConnection, duck: duckdb.DuckDBPyConnection, kind: str) -> tuple[str, str]:
    """The rows that a SHOW of this kind chooses from, and what they are ordered by."""
    if kind in ("STAGES", "FILE FORMATS"):
        return show(session, "stage" if kind == "STAGES" else "format"), '"database_name", "schema_name", "name"'
    if kind == "VARIABLES":
        return _variables(session), '"name"'
    if kind == "PARAMETERS":
        return _parameters(session), '"key"'
    if kind == "WAREHOUSES":
        return _warehouses(session), '"name"'
    if kind == "USER FUNCTIONS":
        return _functions(), '"name"'
    if kind == "DATABASES":
        current = literal(session.database or "")
        picked = f"* REPLACE (CASE WHEN name = {current} THEN 'Y' ELSE 'N' END AS is_current, '{ROLE}' AS owner)"
        return f"SELECT {picked} FROM {_FS}._fs_show_databases WHERE name <> 'SNOWFLAKE'", '"name"'
    if kind.endswith("KEYS"):
        if kind != "PRIMARY KEYS":
            raise unsupported(f"SHOW {kind}")
        return _seen(session, f"({_PRIMARY_KEYS}) AS _"), '"database_name", "schema_name", "table_name", "key_sequence"'
    if kind == "SCHEMAS":
        return _schemas(session), '"database_name", "name"'
    name = "table_name" if kind == "COLUMNS" else "name"
    source = f"{_FS}._fs_show_{kind.lower()}"
    tables = kind in ("TABLES", "OBJECTS")
    if tables:
        source = _with_facts(source, duck, session)
    elif kind == "COLUMNS":
        source = f"(SELECT * REPLACE ({_NULLABLE} AS data_type) FROM {source}) AS _"
    return _seen(session, source, tables=tables), f'"database_name", "schema_name", "{name}"'


def _with_facts(source: str, duck: duckdb.DuckDBPyConnection, session: LocalConnection) -> str:
    """With what was noted of the tables, and their rows; columns are called as in SHOW TABLES."""
    replaced = f"""coalesce({CREATED}, s.created_on) AS created_on, coalesce(notes->>'kind', s.kind) AS kind,
        coalesce(counted, 0) AS "rows", coalesce(notes->>'comment', '') AS comment"""
    joined = "in_database = s.database_name AND in_schema = s.schema_name AND called = s.name"
    facts = stated(duck, session)
    return f"(SELECT s.* REPLACE ({replaced}) FROM {source} AS s LEFT JOIN ({facts}) AS _ ON {joined}) AS _"


def _seen(session: LocalConnection, source: str, *, tables: bool = False) -> str:
    """Without hidden schemas; the session's own temporary objects in the schema that they belong to."""
    own = f"{PREFIX}{session.number}_"
    schema = (
        f"CASE WHEN starts_with(schema_name, '{own}') THEN substr(schema_name, {len(own) + 1}) ELSE schema_name END"
    )
    hidden = f"starts_with(schema_name, '{PREFIX}') AND NOT starts_with(schema_name, '{own}')"
    where = f"schema_name NOT IN {_OWN_SCHEMAS} AND database_name NOT IN {_OWN_DATABASES} AND NOT ({hidden})"
    temporary = f", CASE WHEN starts_with(schema_name, '{own}') THEN 'TEMPORARY' ELSE kind END AS kind"
    replaced = f"{schema} AS schema_name{temporary if tables else ''}"
    return f"SELECT * REPLACE ({replaced}) FROM {source} WHERE {where}"


def _schemas(session: LocalConnection) -> str:
    current = literal(session.schema or "")
    database = literal(session.database or "")
    return f"""SELECT to_timestamp(0) AS created_on, schema_name AS name, 'N' AS is_default,
        CASE WHEN schema_name = {current} AND catalog_name = {database} THEN 'Y' ELSE 'N' END AS is_current,
        catalog_name AS database_name, '{ROLE}' AS owner, '' AS comment, '' AS options, '1' AS retention_time,
        'ROLE' AS owner_role_type
        FROM (SELECT catalog_name, CASE WHEN schema_name = '_fs_information_schema' THEN 'INFORMATION_SCHEMA'
              ELSE schema_name END AS schema_name FROM system.information_schema.schemata
              WHERE catalog_name NOT IN {_OWN_DATABASES} AND NOT starts_with(schema_name, '{PREFIX}')
              AND schema_name NOT IN ('main', 'pg_catalog', 'information_schema')) AS _"""


def _functions() -> str:
    """The SQL functions that were created, which are macros; their types are not kept."""
    return f"""SELECT to_timestamp(0) AS created_on, function_name AS name, schema_name, 'N' AS is_builtin,
        'N' AS is_aggregate, 'N' AS is_ansi, len(parameters) AS min_num_arguments, len(parameters) AS max_num_arguments,
        function_name || '(' || array_to_string(parameters, ', ') || ')' AS arguments,
        'user-defined function' AS description, database_name AS catalog_name, 'N' AS is_table_function,
        'N' AS valid_for_clustering, 'N' AS is_secure, 'N' AS is_external_function, 'SQL' AS "language"
        FROM duckdb_functions() WHERE function_type = 'macro' AND NOT internal
        AND database_name NOT IN {_OWN_DATABASES} AND schema_name NOT IN {_OWN_SCHEMAS}"""


def _variables(session: LocalConnection) -> str:
    kinds = dict.fromkeys(_SESSION_COLUMNS, "VARCHAR")
    texts: dict[str, exp.Expr] = {
        name: exp.maybe_parse(text, dialect="snowflake") for name, text in session.values.items()
    }
    rows = [
        [str(session.number), None, None, name, value.name or value.sql("snowflake"), _kind(value), ""]
        for name, value in texts.items()
    ]
    return rows_query(kinds, rows)


def _kind(value: exp.Expr) -> str:
    return "text" if value.is_string else "boolean" if isinstance(value, exp.Boolean) else "fixed"


def _parameters(session: LocalConnection) -> str:
    kinds = {"STATEMENT_TIMEOUT_IN_SECONDS": "NUMBER"}
    own = [[*row, "", kinds.get(row[0], "STRING")] for row in session.parameters.rows()]
    rows = [
        ["AUTOCOMMIT", "true", "true", "", "", "BOOLEAN"],
        ["QUOTED_IDENTIFIERS_IGNORE_CASE", "false", "false", "", "", "BOOLEAN"],
        ["CORTEX_ENABLED_CROSS_REGION", "DISABLED", "", "ACCOUNT", "", "STRING"],  # no call leaves this machine
        ["TIMEZONE", "Etc/UTC", "America/Los_Angeles", "ACCOUNT", "", "STRING"],
        *own,
    ]
    return rows_query(dict.fromkeys(("key", "value", "default", "level", "description", "type"), "VARCHAR"), rows)


def _warehouses(session: LocalConnection) -> str:
    kinds = dict.fromkeys(("name", "state", "type", "size"), "VARCHAR")
    kinds |= dict.fromkeys(("running", "queued"), "BIGINT")
    kinds |= dict.fromkeys(("is_default", "is_current", "auto_resume", "owner", "comment"), "VARCHAR")
    return rows_query(kinds, [[session.warehouse, "STARTED", "STANDARD", "X-Small", 0, 0, "N", "Y", "true", ROLE, ""]])
