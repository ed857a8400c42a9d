"""Who may do what: SHOW GRANTS ON SCHEMA and ON ACCOUNT, IS_ROLE_IN_SESSION. GRANT and REVOKE do nothing.

The role LOCAL owns everything, and PUBLIC has USE AI FUNCTIONS, as on a new account. A role that USE ROLE names has
what PUBLIC has: so says this, though no statement is refused to it.
Sources: docs: sql-reference/sql/show-grants, sql-reference/functions/is_role_in_session,
user-guide/snowflake-cortex/aisql-privileges-and-access.
"""

from collections.abc import Mapping

import duckdb
from sqlglot import exp

from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.names import Name
from cortex_distill.local.session.connection import ROLE, LocalConnection
from cortex_distill.local.stages.clauses import rows_query
from cortex_distill.local.stages.wording import Wording

FUNCTION = "IS_ROLE_IN_SESSION"
_COLUMNS = (
    *("privilege", "granted_on", "name", "granted_to", "grantee_name", "grant_option"),
    *("granted_by_role_type", "granted_by"),
)
_SCHEMA = "SELECT 1 FROM duckdb_schemas() WHERE database_name = ? AND schema_name = ?"


def of_words(session: LocalConnection, duck: duckdb.DuckDBPyConnection, words: Wording) -> str:
    """A DuckDB query that answers what comes after SHOW GRANTS. Raises Refused for a schema that is not there."""
    if words.take("ON", "ACCOUNT"):
        words.end()
        return _granted("USE AI FUNCTIONS", "ACCOUNT", session.account, "PUBLIC")
    if not words.take("ON", "SCHEMA"):
        raise unsupported(f"{words.sql.strip()}: of SHOW GRANTS, only ON SCHEMA and ON ACCOUNT")
    database, schema = (session.database or "", *words.name())[-2:]
    words.end()
    name = f"{Name.shown(database)}.{Name.shown(schema)}"
    if not duck.execute(_SCHEMA, [database, schema]).fetchall():
        raise Refused(f"SQL compilation error:\nSchema '{name}' does not exist or not authorized.", 2003, "02000")
    return _granted("OWNERSHIP", "SCHEMA", name, ROLE)


def _granted(privilege: str, kind: str, name: str, role: str) -> str:
    columns = {"created_on": "TIMESTAMPTZ", **dict.fromkeys(_COLUMNS, "VARCHAR")}
    owns = "true" if privilege == "OWNERSHIP" else "false"
    return rows_query(columns, [[None, privilege, kind, name, "ROLE", role, owns, "ROLE", ROLE]])


def in_session(node: exp.Anonymous, session: Mapping[str, str | None]) -> exp.Expr:
    """IS_ROLE_IN_SESSION(name): whether it is the current role or PUBLIC; there are no roles below another."""
    if len(node.expressions) != 1:
        raise unsupported(node.sql("snowflake"))
    own = [exp.Literal.string(role) for role in (session.get("role"), "PUBLIC") if role]
    return exp.Paren(this=exp.In(this=node.expressions[0].copy(), expressions=own))
