"""Names that are settled before anything else looks at a statement.

IDENTIFIER('…'), facts about the account, and INFORMATION_SCHEMA without what is the engine's own.
"""

import duckdb
from sqlglot import exp

from cortex_distill.local.session.connection import ROLE, LocalConnection
from cortex_distill.local.session.temporary import PREFIX
from cortex_distill.local.sql.noted import stated
from cortex_distill.local.sql.shown import CREATED
from cortex_distill.local.stages.staged import replace, view

# What a client prints or logs; none of it decides anything here.
_FACTS: dict[str, str | None] = {
    "CurrentRegion": "LOCAL",
    "CurrentOrganizationName": "LOCAL",
    "CurrentRoleType": "ROLE",
    "CurrentAvailableRoles": f'["{ROLE}"]',
    "CurrentSecondaryRoles": '{"roles":"","value":""}',
    "CurrentClient": None,
    "CurrentIpAddress": "127.0.0.1",
}
_VIEWS = ("TABLES", "COLUMNS", "SCHEMATA", "VIEWS")


def settle(tree: exp.Expr, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> None:
    """Write them into the tree."""
    for table in list(tree.find_all(exp.Table)):
        _identifier(table)
        _information_schema(table, session, duck)
    for node in list(tree.find_all(exp.Func)):
        name = type(node).__name__
        if name in _FACTS:
            value = _FACTS[name]
            node.replace(exp.Null() if value is None else exp.Literal.string(value))
        elif name == "CurrentAccountName":
            node.replace(exp.Literal.string(session.account))


def _identifier(table: exp.Table) -> None:
    call = table.this
    if isinstance(call, exp.DynamicIdentifier) and isinstance(call.this, exp.Literal):
        named = exp.to_table(call.this.name, dialect="snowflake")
        for key in ("this", "db", "catalog"):
            table.set(key, named.args.get(key))


def _information_schema(table: exp.Table, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> None:
    if table.db.upper() != "INFORMATION_SCHEMA" or table.name.upper() not in _VIEWS:
        return
    database = table.catalog if _quoted(table) else table.catalog.upper()
    name, own = table.name.upper(), f"{PREFIX}{session.number}_"
    column = "SCHEMA_NAME" if name == "SCHEMATA" else "TABLE_SCHEMA"
    source = f'"{database or session.database}"._fs_information_schema._fs_{name.lower()}'
    where = f"NOT starts_with({column}, '{PREFIX}') AND {column} NOT IN ('main', '_fs_information_schema')"
    shown = "*"
    if name != "SCHEMATA":
        where = f"({where}) OR starts_with({column}, '{own}')"
        plain = f"CASE WHEN starts_with({column}, '{own}') THEN substr({column}, {len(own) + 1}) ELSE {column} END"
        shown = f"* REPLACE ({plain} AS {column}{_temporary(own) if name == 'TABLES' else ''})"
    if name == "TABLES":
        source = _with_facts(source, duck, session)
    rows = f"SELECT {shown} FROM {source} WHERE {where}"
    if name == "TABLES":  # Snowflake lists views here too
        rows += f""" UNION ALL BY NAME SELECT TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, TABLE_OWNER,
                'VIEW' AS TABLE_TYPE, COMMENT FROM "{database or session.database}"._fs_information_schema._fs_views
                WHERE NOT starts_with(TABLE_SCHEMA, '{PREFIX}')
                AND TABLE_SCHEMA NOT IN ('main', '_fs_information_schema')"""
    replace(table, view(rows, duck))


def _with_facts(source: str, duck: duckdb.DuckDBPyConnection, session: LocalConnection) -> str:
    """With the rows that a table has, and what it was declared with."""
    replaced = f"""coalesce(counted, 0) AS ROW_COUNT, coalesce({CREATED}, s.CREATED) AS CREATED,
        nullif(notes->>'comment', '') AS COMMENT,
        CASE notes->>'kind' WHEN 'TRANSIENT' THEN 'YES' ELSE 'NO' END AS IS_TRANSIENT"""
    joined = "in_database = s.TABLE_CATALOG AND in_schema = s.TABLE_SCHEMA AND called = s.TABLE_NAME"
    facts = stated(duck, session)
    return f"(SELECT s.* REPLACE ({replaced}) FROM {source} AS s LEFT JOIN ({facts}) AS _ ON {joined}) AS _"


def _temporary(own: str) -> str:
    mine = f"starts_with(TABLE_SCHEMA, '{own}')"
    return (
        f", CASE WHEN {mine} THEN 'LOCAL TEMPORARY' ELSE TABLE_TYPE END AS TABLE_TYPE"
        f", CASE WHEN {mine} THEN 'YES' ELSE IS_TEMPORARY END AS IS_TEMPORARY"
    )


def _quoted(table: exp.Table) -> bool:
    catalog = table.args.get("catalog")
    return isinstance(catalog, exp.Identifier) and bool(catalog.quoted)
