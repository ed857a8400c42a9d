"""fakesnow's cursor with our rewriting in front of its own: Snowflake's tree in, DuckDB's rows out."""

from collections.abc import Sequence
from typing import Any

import duckdb
from fakesnow import statement_type
from fakesnow.cursor import FakeSnowflakeCursor
from snowflake.connector.errors import ProgrammingError
from sqlglot import exp
from sqlglot import parse_one as parse_any

from cortex_distill.local.cortex import calls
from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.sql import altered, repair_numbers
from cortex_distill.local.sql.needed import Needed, needed
from cortex_distill.local.sql.repair import repair
from cortex_distill.local.wire.results import Described, Plain, Result, describe, query


class TranslatingCursor(FakeSnowflakeCursor):
    """Runs trees on one DuckDB connection of a session."""

    _conn: LocalConnection

    def __init__(self, session: LocalConnection, duck: duckdb.DuckDBPyConnection) -> None:
        super().__init__(conn=session, duck_conn=Plain(duck))  # type: ignore[arg-type]
        self._columns: Sequence[Described] | None = None
        self._asks = False  # a model: such a statement is never run again
        self.said: str | None = None
        """DuckDB's text of a query or DML statement that was one there, too, was not loosened, and asks no model."""

    def answer(self, sql: str) -> Result:
        """Run DuckDB text."""
        self._execute(parse_any(sql, read="duckdb"))
        return self.result(statement_type.UNKNOWN)

    def run_translated(self, tree: exp.Expr) -> None:
        """Run it, in as many parts as DuckDB needs; `result` has the rows of the last."""
        parts = self.parts(tree)
        for translated in parts:
            self.asks(translated)
            try:
                self._execute(translated)
            except (duckdb.BinderException, ProgrammingError) as error:  # bound before it runs: no call was made
                loose = repair_numbers.loosened(translated, str(error))
                if loose is None:
                    raise
                self.asks(loose)
                self._execute(loose)
                self.said = None
        if len(parts) > 1 or self._asks:
            self.said = None

    def parts(self, tree: exp.Expr) -> list[exp.Expr]:
        """The DuckDB statements that a Snowflake statement needs."""
        split = (part for one in altered.single(self._repaired(tree)) for part in self._transform_explode(one))
        return [self._transform(part, None) for part in split]

    def asks(self, translated: exp.Expr) -> bool:
        """Whether a translated statement asks a model. Raises Refused where it would do so twice for a row."""
        asks = calls.guard(translated, self._plan, self._is_view)
        self._asks |= asks
        return asks

    def translated(self, tree: exp.Expr) -> exp.Expr:
        """The DuckDB form of a piece of Snowflake SQL."""
        return self._transform(self._repaired(tree), None)

    def guarded(self, tree: exp.Expr) -> exp.Expr:
        """Likewise. Raises Refused where a model would be called twice."""
        done = self.translated(tree)
        self.asks(done)
        return done

    def _repaired(self, tree: exp.Expr) -> exp.Expr:
        tree = repair(tree, self._conn.facts())
        self.check_db_and_schema(tree)
        return tree

    def _plan(self, sql: str, optimized: bool) -> str:
        rows = self._duck_conn.execute(f"SELECT json_serialize_plan(?, optimize := {optimized})", [sql]).fetchall()
        return str(rows[0][0])

    def _is_view(self, names: list[str]) -> bool:
        return self._conn.views.among(names)

    def _transform(self, expression: exp.Expr, params: Any) -> exp.Expr:
        """fakesnow's rewriting; then names that DuckDB reserves and Snowflake does not (AT, END, …) are quoted."""
        done = super()._transform(needed(expression), params)
        done = done.tree if isinstance(done, Needed) else done
        for name in done.find_all(exp.Identifier):
            if str(name.this).lower() in self._conn.reserved:
                name.set("quoted", True)
        return done

    def result(self, kind: int) -> Result:
        """The last statement's rows, and the columns as DuckDB described them."""
        assert self._arrow_table is not None  # every branch of fakesnow's _execute ends in a table
        columns = self._columns
        if columns is None:
            columns = describe(self._duck_conn, str(self._last_sql))
        return Result(self._arrow_table, columns, kind)

    def _execute(self, transformed: exp.Expr, params: Any = None) -> None:
        self._columns, self.said = None, None
        if _is_special(transformed) or not (isinstance(transformed, exp.Query) or self._is_counted(transformed)):
            super()._execute(transformed, params)
            return
        sql = said = transformed.sql("duckdb")
        if isinstance(transformed, COUNTED):
            sql = counted(type(transformed), self._duck_conn.execute(sql).fetchall()[0][0])
        self._arrow_table, self._columns = query(self._duck_conn, sql)
        self._last_sql, self.said = sql, said  # type: ignore[assignment]  # likewise

    def _is_counted(self, transformed: exp.Expr) -> bool:
        """Without autocommit, fakesnow knows when a transaction begins."""
        return isinstance(transformed, COUNTED) and bool(self._conn._autocommit)


COUNTED = (exp.Insert, exp.Update, exp.Delete)


def counted(kind: type[exp.Expr], rows: int) -> str:
    """A DuckDB query of what Snowflake says of rows inserted, updated or deleted."""
    if kind is exp.Update:
        return f'SELECT {rows} AS "number of rows updated", 0 AS "number of multi-joined rows updated"'
    return f'SELECT {rows} AS "number of rows {"inserted" if kind is exp.Insert else "deleted"}"'


def _is_special(tree: exp.Expr) -> bool:
    """Queries that fakesnow's transforms marked for its own cursor."""
    return any(key in tree.args for key in _MARKS)


_MARKS = (
    "result_scan_sfqid",
    "seed",
    "put_stage_name",
    "put_stage_data",
    "list_stage_name",
    "create_stage_name",
    "create_file_format_name",
    "set_schema",
    "set_database",
    "set_autocommit",
    "create_db_name",
    "table_comment",
)
