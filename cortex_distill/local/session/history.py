"""What a query can ask about earlier ones: LAST_QUERY_ID, RESULT_SCAN, QUERY_HISTORY, and the cancelling functions.

Sources: docs: sql-reference/functions/last_query_id, …/result_scan, …/query_history, …/system_cancel_query,
…/system_cancel_all_queries, sql-reference/account-usage/query_history.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL
from fakesnow import statement_type
from sqlglot import exp, parse_one

from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.session.connection import USER
from cortex_distill.local.session.journal import CURRENT, Journal, Statement

_ASKS = re.compile(r"LAST_QUERY_ID|RESULT_SCAN|QUERY_HISTORY", re.IGNORECASE)
_STAMP = pa.timestamp("us", tz="UTC")
_COLUMNS: dict[str, tuple[str, Any]] = {
    "QUERY_ID": ("VARCHAR", pa.string()),
    "QUERY_TEXT": ("VARCHAR", pa.string()),
    "DATABASE_NAME": ("VARCHAR", pa.string()),
    "SCHEMA_NAME": ("VARCHAR", pa.string()),
    "QUERY_TYPE": ("VARCHAR", pa.string()),
    "SESSION_ID": ("BIGINT", pa.int64()),
    "USER_NAME": ("VARCHAR", pa.string()),
    "ROLE_NAME": ("VARCHAR", pa.string()),
    "WAREHOUSE_NAME": ("VARCHAR", pa.string()),
    "QUERY_TAG": ("VARCHAR", pa.string()),
    "EXECUTION_STATUS": ("VARCHAR", pa.string()),
    "ERROR_CODE": ("BIGINT", pa.int64()),
    "ERROR_MESSAGE": ("VARCHAR", pa.string()),
    "START_TIME": ("TIMESTAMPTZ", _STAMP),
    "END_TIME": ("TIMESTAMPTZ", _STAMP),
    "TOTAL_ELAPSED_TIME": ("BIGINT", pa.int64()),
    "ROWS_PRODUCED": ("BIGINT", pa.int64()),
    "IS_CLIENT_GENERATED_STATEMENT": ("BOOLEAN", pa.bool_()),
}
_TYPES = {
    getattr(statement_type, name): name
    for name in ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "SHOW", "DESCRIBE")
}
_RUNNING_UNTIL = datetime(1970, 1, 1, tzinfo=UTC)  # END_TIME of a statement that runs, as documented
_VIEWS = """
CREATE OR REPLACE VIEW SNOWFLAKE.CORTEX.QUERIES AS SELECT q.* FROM (SELECT unnest(_sf_queries('')) AS q);
CREATE OR REPLACE VIEW SNOWFLAKE.ACCOUNT_USAGE.QUERY_HISTORY AS
    SELECT * REPLACE (CASE EXECUTION_STATUS WHEN 'SUCCESS' THEN 'SUCCESS' ELSE 'FAIL' END AS EXECUTION_STATUS)
    FROM SNOWFLAKE.CORTEX.QUERIES WHERE EXECUTION_STATUS <> 'RUNNING';
"""
_ARGUMENTS = ("END_TIME_RANGE_START", "END_TIME_RANGE_END", "RESULT_LIMIT", "INCLUDE_CLIENT_GENERATED_STATEMENT")


def register(duck: duckdb.DuckDBPyConnection, journal: Journal) -> None:
    """Make the history and the cancelling functions known to DuckDB."""

    def queries(asked: pa.Array) -> pa.Array:
        kind = pa.list_(pa.struct([(name, kind) for name, (_, kind) in _COLUMNS.items()]))
        return pa.array([[_row(one) for one in journal.statements()]] * len(asked), kind)

    def cancel(key: str) -> str:
        if not journal.cancel(key):
            raise Refused(f"Invalid query id or query is not running: {key}", 709, "02000")
        return f"query [{key}] terminated."

    def cancel_all(session: int) -> str:
        return f"{journal.cancel_all(session)} cancelled."

    fields = ", ".join(f"{name} {kind}" for name, (kind, _) in _COLUMNS.items())
    options: dict[str, Any] = {"type": ARROW, "null_handling": SPECIAL, "side_effects": True}
    duck.create_function("_sf_queries", queries, ["VARCHAR"], f"STRUCT({fields})[]", **options)
    duck.create_function("system$cancel_query", cancel, ["VARCHAR"], "VARCHAR", side_effects=True)
    duck.create_function("system$cancel_all_queries", cancel_all, ["BIGINT"], "VARCHAR", side_effects=True)
    duck.execute(_VIEWS)


def _row(one: Statement) -> dict[str, Any]:
    status = "RUNNING" if one.ended is None else "FAILED_WITH_ERROR" if one.error else "SUCCESS"
    until = one.ended or datetime.now(UTC)
    values: list[Any] = [
        one.id,
        one.text,
        one.asked.database,
        one.asked.schema,
        _TYPES.get(one.kind, "UNKNOWN"),
        one.asked.session,
        USER,
        one.asked.role,
    ]
    values += [one.asked.warehouse, one.asked.tag, status]
    values += [one.error.code, one.error.message] if one.error else [None, None]
    values += [one.started, one.ended or _RUNNING_UNTIL, int((until - one.started).total_seconds() * 1000)]
    return dict(zip(_COLUMNS, [*values, one.rows, one.internal], strict=True))


@contextmanager
def answered(tree: exp.Expr, journal: Journal, duck: duckdb.DuckDBPyConnection) -> Iterator[exp.Expr]:
    """The statement with what it asks of earlier ones filled in; their results are there for the block's length."""
    if not _ASKS.search(CURRENT.get().text):
        yield tree
        return
    tree = tree.transform(lambda node: _last(node, journal), copy=False)
    scanned: list[str] = []
    for node in list(tree.find_all(exp.TableFromRows)):
        call = node.this.expression if isinstance(node.this, exp.Dot) else node.this
        name = str(call.this).upper() if isinstance(call, exp.Anonymous) else ""
        if name == "RESULT_SCAN":
            if isinstance(tree, exp.Create) and tree.kind == "VIEW":
                raise unsupported("a view on RESULT_SCAN")
            node.replace(_aliased(_scan(call, journal, duck, scanned), node))
        elif name.startswith("QUERY_HISTORY"):
            node.replace(_aliased(_history(name, call), node))
    try:
        yield tree
    finally:
        for name in scanned:
            duck.unregister(name)


def _last(node: exp.Expr, journal: Journal) -> exp.Expr:
    if not isinstance(node, exp.Anonymous) or str(node.this).upper() != "LAST_QUERY_ID":
        return node
    found = journal.position(_integer(node.expressions[0]) if node.expressions else -1)
    return exp.Literal.string(found) if found else exp.Null()


def _integer(node: exp.Expr) -> int:
    try:
        return int(node.sql())
    except ValueError as error:
        raise unsupported(f"the query index {node.sql('snowflake')}") from error


def _scan(call: exp.Expr, journal: Journal, duck: duckdb.DuckDBPyConnection, scanned: list[str]) -> exp.Expr:
    given = call.expressions[0] if call.expressions else exp.Literal.number(-1)
    key = given.name if given.is_string else None if isinstance(given, exp.Null) else journal.position(_integer(given))
    result = journal.result(key or "")
    if result is None:
        raise Refused(f"Statement {key} not found", 709, "02000")
    names = [f"c{place}" for place in range(result.table.num_columns)]
    table = f"_sf_scanned_{len(scanned)}"
    duck.register(table, result.table.rename_columns(names))
    scanned.append(table)
    columns = [
        exp.alias_(_typed(exp.column(short), str(column[1])), name, quoted=True)
        for short, column, name in zip(
            names, result.columns, _unique([column[0] for column in result.columns]), strict=True
        )
    ]
    return exp.select(*columns).from_(exp.to_table(table))


def _typed(column: exp.Expr, kind: str) -> exp.Expr:
    return exp.cast(column, "json") if kind == "JSON" else column


def _unique(names: list[str]) -> list[str]:
    """ID, ID becomes ID, ID_1, as documented."""
    made: list[str] = []
    for name in names:
        suffixed = (name if n == 0 else f"{name}_{n}" for n in range(len(names) + 1))
        made.append(next(one for one in suffixed if one not in made and (one == name or one not in names)))
    return made


def _history(name: str, call: exp.Expr) -> exp.Expr:
    given: dict[str, str] = {}
    allowed = {"QUERY_HISTORY": _ARGUMENTS, "QUERY_HISTORY_BY_SESSION": (*_ARGUMENTS, "SESSION_ID")}.get(name)
    for argument in call.expressions:
        key = argument.this.name.upper() if isinstance(argument, exp.Kwarg) else ""
        if allowed is None or key not in allowed:
            raise unsupported(f"{name} with {argument.sql('snowflake')}")
        given[key] = argument.expression.sql("snowflake")
    if allowed is None:
        raise unsupported(name)
    conditions = ["TRUE" if given.get("INCLUDE_CLIENT_GENERATED_STATEMENT", "").upper() == "TRUE" else
                  "NOT IS_CLIENT_GENERATED_STATEMENT"]  # fmt: skip
    if name == "QUERY_HISTORY_BY_SESSION":
        conditions.append(f"SESSION_ID = {given.get('SESSION_ID', CURRENT.get().asked.session)}")
    if start := given.get("END_TIME_RANGE_START"):
        conditions.append(f"(EXECUTION_STATUS = 'RUNNING' OR END_TIME >= {start})")
    if end := given.get("END_TIME_RANGE_END"):
        conditions.append(f"EXECUTION_STATUS <> 'RUNNING' AND END_TIME <= {end}")
    text = f"""SELECT * FROM SNOWFLAKE.CORTEX.QUERIES WHERE {" AND ".join(conditions)}
        ORDER BY IFF(EXECUTION_STATUS = 'RUNNING', 0, 1), END_TIME DESC, START_TIME DESC
        LIMIT {given.get("RESULT_LIMIT", "100")}"""
    return parse_one(text, read="snowflake")


def _aliased(query: exp.Expr, instead_of: exp.Expr) -> exp.Subquery:
    alias = instead_of.args.get("alias")
    return exp.Subquery(this=query, alias=alias.copy() if alias else exp.TableAlias(this=exp.to_identifier("_sf_past")))
