"""Who may do what: SHOW GRANTS ON SCHEMA and IS_ROLE_IN_SESSION. One role owns everything; GRANT and REVOKE do nothing.

Sources: docs: sql-reference/sql/show-grants, sql-reference/functions/is_role_in_session. A role that USE ROLE names has
nothing but what PUBLIC has, which is nothing: so says this, though no statement is refused to it.
"""

from collections.abc import Mapping

import duckdb
from sqlglot import exp

from cortex_distill.local.cortex.names import Name
from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.session.connection import ROLE, LocalConnection
from cortex_distill.local.stages.clauses import rows_query
from cortex_distill.local.stages.wording import Wording

FUNCTION = "IS_ROLE_IN_SESSION"
_COLUMNS = ("privilege", "granted_on", "name", "granted_to", "grantee_name", "grant_option")
_GRANTOR = ("granted_by_role_type", "granted_by")
_SCHEMA = "SELECT 1 FROM duckdb_schemas() WHERE database_name = ? AND schema_name = ?"


def of_words(session: LocalConnection, duck: duckdb.DuckDBPyConnection, words: Wording) -> str:
    """A DuckDB query that answers what comes after SHOW GRANTS. Raises Refused for a schema that is not there."""
    if not words.take("ON", "SCHEMA"):
        raise unsupported(f"{words.sql.strip()}: SHOW GRANTS ON SCHEMA alone")
    database, schema = (session.database or "", *words.name())[-2:]
    words.end()
    if not duck.execute(_SCHEMA, [database, schema]).fetchall():
        where = f"{Name.shown(database)}.{Name.shown(schema)}"
        raise Refused(f"SQL compilation error:\nSchema '{where}' does not exist or not authorized.", 2003, "02000")
    columns = {"created_on": "TIMESTAMPTZ", **dict.fromkeys((*_COLUMNS, *_GRANTOR), "VARCHAR")}
    name = f"{Name.shown(database)}.{Name.shown(schema)}"
    return rows_query(columns, [[None, "OWNERSHIP", "SCHEMA", name, "ROLE", ROLE, "true", "ROLE", ROLE]])


def in_session(node: exp.Anonymous, session: Mapping[str, str | None]) -> exp.Expr:
    """IS_ROLE_IN_SESSION(name): whether it is the current role or PUBLIC; there are no roles below another."""
    if len(node.expressions) != 1:
        raise unsupported(node.sql("snowflake"))
    own = [exp.Literal.string(role) for role in (session.get("role"), "PUBLIC") if role]
    return exp.Paren(this=exp.In(this=node.expressions[0].copy(), expressions=own))
