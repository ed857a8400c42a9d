"""One statement: Snowflake text and binds in, an Arrow table with described columns out."""

from collections.abc import Sequence

import duckdb
from fakesnow import statement_type
from sqlglot import exp

from cortex_distill.local.cortex import calls
from cortex_distill.local.duck import literal
from cortex_distill.local.faults import Refused, as_refused, unsupported
from cortex_distill.local.scripting import scripting
from cortex_distill.local.session import commands
from cortex_distill.local.session.history import answered
from cortex_distill.local.sql import altered, binds, databases, declared, forget, merge, naming, noted, statement_rules
from cortex_distill.local.sql.dialect import parse
from cortex_distill.local.sql.functions import create_function, drop_function
from cortex_distill.local.sql.translating import TranslatingCursor
from cortex_distill.local.stages import staged
from cortex_distill.local.wire.results import Result

_REFUSED = ("CALL", "EXECUTE", "COPY", "DECLARE", "LIST", "GET")
TRANSACTION = (exp.Transaction, exp.Commit, exp.Rollback)


class LocalCursor(TranslatingCursor):
    """A cursor that knows what each kind of statement needs before and after DuckDB has run it."""

    def prepared(self, sql: str) -> tuple[exp.Expr, int]:
        """The parsed statement, session variables filled in, and the number of its binds, which are marked."""
        text, count = binds.mark(statement_rules.parsable(sql))
        scripting.refuse_block(text)
        tree = _only(parse(text))
        if isinstance(tree, exp.Command) and (statement := scripting.inner(sql, self._conn.values)) is not None:
            return self.prepared(statement)
        if isinstance(tree, exp.Command) and str(tree.this).upper() in _REFUSED:
            raise unsupported(sql.strip().split("\n")[0][:200])
        calls.refuse_copied(text, tree)
        statement_rules.name_columns(tree)
        return commands.fill_variables(tree, self._conn.values), count

    def run(self, tree: exp.Expr) -> Result:
        """Run a prepared statement whose binds are filled in. A conflict after a model was asked is final."""
        try:
            with answered(tree, self._conn.journal, self._duck_conn) as filled:
                return self._run(filled)
        except duckdb.TransactionException as error:
            raise (as_refused(error) if self._asks else None) or error from error

    def _run(self, tree: exp.Expr) -> Result:
        kind, session, duck = statement_type.statement_type_id(tree), self._conn, self._duck_conn
        self._settle(tree)
        if commands.set_variables(tree, session, self._evaluate):
            return self.answer(commands.DONE)
        if session.open_transaction and isinstance(tree, exp.Transaction):
            return self.answer(commands.DONE)  # a second BEGIN is ignored
        if isinstance(tree, statement_rules.DDL) and (session.open_transaction or not session._autocommit):
            duck.commit()  # DDL commits what is open
            session.open_transaction = session._in_transaction = False
        notes, is_copy = declared.of(tree), statement_rules.template(tree)
        altered.check(tree, session, duck)
        session.temporary.rewrite(tree, duck, session.database, session.schema)
        if (answer := self._answered(tree)) is not None:
            return answer._replace(kind=kind)
        self.run_translated(tree)
        if isinstance(tree, exp.Describe) and (described := noted.described(tree, session, duck)):
            return self.answer(f"SELECT * REPLACE ({described}) FROM ({self._last_sql}) AS _")._replace(kind=kind)
        if is_copy:
            self._copy_constraints(tree)
            notes = {**(notes or {}), **noted.copied(tree, session, duck)}
        self._note(notes, tree)
        return self.result(kind)

    def text_of(self, tree: exp.Expr) -> str | None:
        """What DuckDB would be told of a query, INSERT, UPDATE, DELETE or MERGE. Runs nothing.

        None if that is more than one statement, or if it asks a model.
        """
        self._settle(tree)
        self._conn.temporary.rewrite(tree, self._duck_conn, self._conn.database, self._conn.schema)
        if isinstance(tree, exp.Merge):
            text = merge.prepared(tree, self._duck_conn, self.guarded)
        else:
            parts = self.parts(tree)
            text = parts[0].sql("duckdb")
            if len(parts) > 1 or self.asks(parts[0]):
                return None
        return None if self._asks else text

    def _settle(self, tree: exp.Expr) -> None:
        statement_rules.check(tree)
        statement_rules.rewrite(tree)
        naming.settle(tree, self._conn, self._duck_conn)
        staged.rewrite(tree, self._conn, self._duck_conn)

    def _answered(self, tree: exp.Expr) -> Result | None:
        """The answer of a statement that DuckDB does not run as a whole; None for the others."""
        session, duck = self._conn, self._duck_conn
        kind = tree.kind if isinstance(tree, exp.Create | exp.Drop) else None
        if isinstance(tree, exp.Merge):
            text, actions = merge.prepared(tree, duck, self.guarded), merge.kinds(tree)
            counts = self.answer(merge.run(text, actions, duck))
            self.said = None if self._asks else text
            return counts
        if kind == "FUNCTION":
            define = drop_function if isinstance(tree, exp.Drop) else create_function
            define(tree, duck, self.translated)
            session.views.follow(tree)
            return self.answer(commands.DONE)
        if isinstance(tree, exp.Create) and kind == "DATABASE":
            databases.create(tree, session, duck, self.run_translated)
            session.views.follow(tree)
            return self.answer(commands.DONE)
        if isinstance(tree, exp.Create) and kind == "SCHEMA" and tree.args.get("replace"):
            databases.replace(tree, session, duck)
        if isinstance(tree, exp.Drop) and kind in ("DATABASE", "SCHEMA"):
            told: str | None = databases.drop(tree, session, duck)
            session.views.follow(tree)
        else:
            told = declared.answer(tree, session, duck)
        return None if told is None else self.answer(f'SELECT {literal(told)} AS "status"')

    def _note(self, notes: noted.Notes | None, tree: exp.Expr) -> None:
        """After a statement that succeeded: what is to be known of it later."""
        session, duck = self._conn, self._duck_conn
        noted.keep(notes, tree, session, duck)
        session.views.follow(tree)
        if isinstance(tree, exp.Alter) and tree.args.get("kind") == "TABLE":
            altered.follow(tree, session, duck)
        if isinstance(tree, exp.Drop | exp.TruncateTable):
            forget.forget(tree, session, duck)
        if isinstance(tree, TRANSACTION):
            session.open_transaction = isinstance(tree, exp.Transaction)

    def _copy_constraints(self, tree: exp.Expr) -> None:
        found = (tree.args["expression"].find(exp.Table), tree.find(exp.Table))  # as template() wrote them
        names = [self._transform(name.copy(), None).sql("duckdb") for name in found if name is not None]
        statement_rules.copy_constraints(self._duck_conn, *names)

    def _evaluate(self, value: exp.Expr) -> object:
        query = commands.fill_variables(exp.select(value.copy()), self._conn.values)
        self.run_translated(query)
        return self.result(0).table.column(0)[0].as_py()


def _only(trees: Sequence[exp.Expr | None]) -> exp.Expr:
    found = [tree for tree in trees if tree is not None and not isinstance(tree, exp.Semicolon)]
    if not found:
        raise Refused("SQL compilation error:\nsyntax error: the statement is empty", 900, "42000")
    if len(found) > 1:
        message = f"Actual statement count {len(found)} did not match the desired statement count 1."
        raise Refused(message, 8, "0A000")
    return found[0]
