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

    def answer(self, sql: str) -> Result:
        """Run DuckDB text."""
        self._execute(parse_any(sql, read="duckdb"))
        return self.result(statement_type.UNKNOWN)

    def run_translated(self, tree: exp.Expr) -> None:
        """Run it, in as many parts as DuckDB needs; `result` has the rows of the last."""
        tree = repair(tree, self._conn.facts())
        self.check_db_and_schema(tree)
        for part in (part for one in altered.single(tree) for part in self._transform_explode(one)):
            translated = self._transform(part, None)
            self._asks |= calls.guard(translated, self._plan, self._is_view)
            try:
                self._execute(translated.copy())
            except (duckdb.BinderException, ProgrammingError) as error:  # bound before it runs: no call was made
                loose = repair_numbers.loosened(translated, str(error))
                if loose is None:
                    raise
                calls.guard(loose, self._plan, self._is_view)
                self._execute(loose)

    def translated(self, tree: exp.Expr) -> exp.Expr:
        """The DuckDB form of a piece of Snowflake SQL."""
        tree = repair(tree, self._conn.facts())
        self.check_db_and_schema(tree)
        return self._transform(tree, None)

    def guarded(self, tree: exp.Expr) -> exp.Expr:
        """Likewise. Raises Refused where a model would be called twice."""
        done = self.translated(tree)
        self._asks |= calls.guard(done, self._plan, self._is_view)
        return done

    def _plan(self, sql: str, optimized: bool) -> str:
        rows = self._duck_conn.execute(f"SELECT json_serialize_plan(?, optimize := {optimized})", [sql]).fetchall()
        return str(rows[0][0])

    def _is_view(self, names: list[str]) -> bool:
        places = ", ".join("?" * len(names))
        query = f"SELECT 1 FROM duckdb_views() WHERE NOT internal AND UPPER(view_name) IN ({places}) LIMIT 1"
        return bool(self._duck_conn.execute(query, [name.upper() for name in names]).fetchall())

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
        self._columns = None
        if not isinstance(transformed, exp.Query) or _is_special(transformed):
            super()._execute(transformed, params)
            return
        sql = transformed.sql("duckdb")
        self._arrow_table, self._columns = query(self._duck_conn, sql)
        self._last_sql = sql  # type: ignore[assignment]  # likewise


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
