"""A statement on a session: its lane, its locks, and patience with concurrent writers."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import duckdb
from sqlglot import exp

from cortex_distill.local.faults import unsupported
from cortex_distill.local.scripting import block_runner, procedures, scripting
from cortex_distill.local.scripting.block_evaluate import Execute
from cortex_distill.local.session import commands
from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.session.journal import CURRENT
from cortex_distill.local.session.locks import Locks
from cortex_distill.local.sql import binds, objects, remembered
from cortex_distill.local.sql.cursor import TRANSACTION, LocalCursor
from cortex_distill.local.sql.remembered import Remembered
from cortex_distill.local.stages.wording import bound
from cortex_distill.local.wire.results import Result

PATIENCE = 30.0  # seconds that a statement waits for a concurrent writer, as Snowflake queues on a table's lock


def execute(
    session: LocalConnection, sql: str, values: Sequence[Any], locks: Locks, started: Callable[[Any], None]
) -> Result:
    """Run one statement on a session. `started` is told the DuckDB connection, so that it can be interrupted."""
    known = remembered.of(session, sql, values)
    if known is not None and (done := known.run(locks, started)) is not None:
        return done
    if scripting.is_script(sql):
        again = partial(execute, session, locks=locks, started=started)
        if (done := _script(session, sql, values, again)) is not None:
            return done
    if objects.is_own(sql):
        text = bound(sql, values)
        with session.lane(transaction=False) as duck, locks.writing(objects.loaded(text), session):
            started(duck)
            if (done := objects.run(session, duck, text)) is not None:
                return done
    if (simple := commands.of_text(sql, session)) is not None:
        with session.lane(transaction=False) as duck:
            return LocalCursor(session, duck).answer(simple)
    tree = _read(session, sql, values, known)
    patience = 0.0 if session.open_transaction else PATIENCE
    give_up, pause = time.monotonic() + patience, 0.005
    while True:
        try:
            return _attempt(session, tree, locks, started, known)
        except duckdb.TransactionException as error:
            if time.monotonic() > give_up or "onflict" not in str(error):
                raise
        CURRENT.get().check()
        time.sleep(pause)
        pause, tree = min(pause * 2, 0.5), _read(session, sql, values, known)


def _script(session: LocalConnection, sql: str, values: Sequence[Any], again: Execute) -> Result | None:
    """A block, what EXECUTE IMMEDIATE runs, or a procedure; None for another statement, such as BEGIN TRANSACTION."""
    if (statement := scripting.inner(sql, session.values)) is not None:
        return again(statement, values)
    if not scripting.is_block(sql):
        return procedures.run(session, sql, again)
    if values:
        raise unsupported("bind variables of a block")
    return block_runner.run(sql, again)


def _read(session: LocalConnection, sql: str, values: Sequence[Any], known: Remembered | None) -> exp.Expr:
    with session.lane(transaction=False) as duck:
        tree, count = LocalCursor(session, duck).prepared(sql)
    if known is not None:
        known.read(tree)
    return binds.fill(tree, values, count)


def _attempt(
    session: LocalConnection, tree: exp.Expr, locks: Locks, started: Callable[[Any], None], known: Remembered | None
) -> Result:
    with session.lane(transaction=isinstance(tree, TRANSACTION)) as duck, locks.of(tree, session):
        started(duck)
        cursor = LocalCursor(session, duck)
        result = cursor.run(tree)
    if known is not None:
        known.ran(cursor.said)
    return result
