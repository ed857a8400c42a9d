"""A statement as the wire sends it: run or described, and the reply that the connector can decode."""

import base64
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
from fakesnow import statement_type
from fakesnow.arrow import to_ipc
from fakesnow.rowtype import describe_as_rowtype
from sqlglot import exp

from cortex_distill.local.faults import Refused, as_refused
from cortex_distill.local.scripting import scripting
from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.session.history import answered
from cortex_distill.local.session.journal import CURRENT, Statement
from cortex_distill.local.sql import binds, naming, objects
from cortex_distill.local.sql.cursor import LocalCursor
from cortex_distill.local.sql.execute import execute
from cortex_distill.local.stages import staged, transfer
from cortex_distill.local.wire.results import Result, describe, wire_table

if TYPE_CHECKING:
    from cortex_distill.local.engine import Engine

Reply = dict[str, Any]
Started = Callable[[duckdb.DuckDBPyConnection], None]
_LOG = logging.getLogger(__name__)


def run_statement(engine: "Engine", session: LocalConnection, body: Reply, statement: Statement) -> Reply:
    """Run the statement of a query request, which the journal knows. Every failure becomes a reply."""
    sql, key = statement.text, statement.id
    CURRENT.set(statement)  # of this thread, which runs nothing else
    try:
        result = None
        if body.get("describeOnly"):
            reply = _describe(session, sql, key)
        elif (files := _transferred(session, sql, body)) is not None:
            reply = {"success": True, "data": {**_head(session, statement_type.UNKNOWN, [], key), **files}}
        else:
            result = _result(engine, session, statement, body.get("bindings") or {})
            reply = _reply(session, result, key)
        refused = None
    except Exception as error:  # noqa: BLE001  the protocol's boundary: whatever happened, the client is told
        result, refused = None, statement.reason or as_refused(error)
        if refused is None:
            _LOG.exception("defect of the local engine in: %s", sql)
            refused = Refused(f"defect of the local engine: {type(error).__name__}: {error}", 370001, "XX000")
        reply = _failed(refused, key)
    engine.end(statement, result, refused)
    return reply


def _transferred(session: LocalConnection, sql: str, body: Reply) -> Reply | None:
    """What PUT and GET answer: the client copies the files; None for any other statement."""
    if not transfer.is_transfer(sql):
        return None
    return transfer.of_text(session, sql, binds.from_wire(body.get("bindings") or {})[0])


def _result(engine: "Engine", session: LocalConnection, statement: Statement, bindings: Reply) -> Result:
    values, batch = binds.from_wire(bindings)
    if batch is not None:
        return _insert_many(engine, session, statement.text, batch, statement.begins)
    return execute(session, statement.text, values, engine.locks, statement.begins)


def _failed(error: Refused, key: str) -> Reply:
    code = f"{error.code:06d}"
    data = {"errorCode": code, "sqlState": error.state, "queryId": key, "internalError": False}
    return {"success": False, "code": code, "message": error.message, "data": data}


def _reply(session: LocalConnection, result: Result, key: str) -> Reply:
    rowtype = describe_as_rowtype(list(result.columns))
    return {"success": True, "data": {**_head(session, result.kind, rowtype, key), **_rows(result, rowtype)}}


def _head(session: LocalConnection, kind: int, rowtype: list[Any], key: str) -> Reply:
    return {
        "parameters": [{"name": "TIMEZONE", "value": "Etc/UTC"}],
        "rowtype": rowtype,
        "queryId": key,
        "statementTypeId": kind,
        "finalDatabaseName": session.database,
        "finalSchemaName": session.schema,
        "finalRoleName": session.role,
        "finalWarehouseName": session.warehouse,
    }


def _rows(result: Result, rowtype: list[Any]) -> Reply:
    table = result.table
    size = {"total": table.num_rows, "returned": table.num_rows}
    if result.kind in statement_type.DML_TYPE_IDS:
        cells = [[None if cell is None else str(cell) for cell in row.values()] for row in table.to_pylist()]
        return {**size, "queryResultFormat": "json", "rowset": cells}
    encoded = base64.b64encode(to_ipc(wire_table(table, rowtype))).decode() if table.num_columns else ""
    return {**size, "queryResultFormat": "arrow", "rowsetBase64": encoded}


def _describe(session: LocalConnection, sql: str, key: str) -> Reply:
    """The columns that a query would have; for other statements one column of the kind that they return."""
    sql = scripting.described(sql, session.values)
    with session.lane(transaction=False) as duck:
        if objects.is_show(sql) and (shown := objects.run(session, duck, sql)) is not None:
            return _reply(session, shown._replace(table=shown.table.slice(0, 0)), key)
        cursor = LocalCursor(session, duck)
        tree, count = cursor.prepared(sql)
        naming.settle(tree, session, duck)
        staged.rewrite(tree, session, duck)
        kind = statement_type.statement_type_id(tree)
        tree = binds.fill(tree, [None] * count, count)
        if isinstance(tree, exp.Query):
            with answered(tree, session.journal, duck) as query:
                session.temporary.rewrite(query, duck, session.database, session.schema)
                columns = describe(duck, cursor.translated(query).sql("duckdb"))
        else:
            text = """0 AS "number of rows inserted\"""" if isinstance(tree, exp.Insert) else "'' AS \"status\""
            columns = describe(duck, f"SELECT {text}")
    head = _head(session, kind, describe_as_rowtype(list(columns)), key)
    binding = {"numberOfBinds": count, "arrayBindSupported": kind == statement_type.INSERT}
    empty: Reply = {"total": 0, "returned": 0, "queryResultFormat": "json", "rowset": []}
    if kind == statement_type.SELECT:
        empty = {"total": 0, "returned": 0, "queryResultFormat": "arrow", "rowsetBase64": ""}
    return {"success": True, "data": {**head, **binding, **empty}}


def _insert_many(
    engine: "Engine", session: LocalConnection, sql: str, columns: binds.Columns, started: Started
) -> Result:
    """An array insert: INSERT INTO t VALUES (?, …) goes in as one Arrow table, anything else row by row."""
    with session.lane(transaction=False) as duck:
        cursor = LocalCursor(session, duck)
        tree, _ = cursor.prepared(sql)
        if _is_plain_insert(tree):
            session.temporary.rewrite(tree, duck, session.database, session.schema)
            target = cursor.translated(tree).this.sql("duckdb")
            rows = pa.table({f"c{place}": pa.array(column) for place, column in enumerate(columns)})
            duck.register("_bound_rows", rows)
            try:
                started(duck)
                duck.execute(f"INSERT INTO {target} SELECT * FROM _bound_rows")
            finally:
                duck.unregister("_bound_rows")
            return _inserted(cursor, rows.num_rows)
    total = sum(_affected(execute(session, sql, row, engine.locks, started)) for row in _each_row(columns))
    with session.lane(transaction=False) as duck:
        return _inserted(LocalCursor(session, duck), total)


def _each_row(columns: binds.Columns) -> Sequence[list[Any]]:
    return [list(row) for row in zip(*columns, strict=True)]


def _affected(result: Result) -> int:
    return int(result.table.column(0)[0].as_py()) if result.kind in statement_type.DML_TYPE_IDS else 0


def _is_plain_insert(tree: exp.Expr) -> bool:
    if not isinstance(tree, exp.Insert) or not isinstance(tree.expression, exp.Values):
        return False
    tuples = tree.expression.expressions
    return len(tuples) == 1 and len(binds.marked(tuples[0])) == len(tuples[0].expressions)


def _inserted(cursor: LocalCursor, count: int) -> Result:
    return cursor.answer(f'SELECT {count} AS "number of rows inserted"')._replace(kind=statement_type.INSERT)
