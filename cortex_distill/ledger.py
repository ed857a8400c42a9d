"""The ledger: the only place that calls a model, and it never makes the same call twice.

A step hands over a SELECT of (row_key, prompt, draw). A call's key is the SHA2 of who answers, model, parameters,
response format, draw number and prompt; what COMPLETIONS already answers under that key is not asked again, in
this run or any other, and what somebody else is asking at this moment is waited for (`claims`). The rest goes out in
statements of a few seconds each (`pace`), so that a crash loses one of them, as long as the budget allows (`budget`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from cortex_distill import pace
from cortex_distill.asking import Ask, Asked, Progress
from cortex_distill.budget import Spending
from cortex_distill.claims import RENEWED, claim_sql, held_sql, release_sql, renew_sql
from cortex_distill.errors import SetupError
from cortex_distill.ledger_sql import (
    ANSWERED,
    REPLY,
    asked_sql,
    call_keys,
    counts_sql,
    failed_sql,
    insert_sql,
    keyed_sql,
    passing_sql,
    pending_sql,
    replies_sql,
)
from cortex_distill.pace import FIRST_STATEMENT, REFUSED_SHARE, Pace
from cortex_distill.session import SESSION_GONE, SqlError, execute, who_answers
from cortex_distill.sql import Sql
from cortex_distill.transient import TOO_LONG

if TYPE_CHECKING:
    from cortex_distill.session import Session

__all__ = [
    "FIRST_STATEMENT", "REPLY", "Ask", "Asked", "Progress", "ask", "asked_sql", "call_keys", "insert_sql", "keyed_sql",
    "pending_sql", "replies_sql",
]  # fmt: skip  # what a plan of calls needs, beside the ledger's own

FIRST_LOOK, LONGEST_LOOK = 0.2, 2.0  # seconds between two looks at calls that others are making


def ask(
    session: Session,
    run_id: str,
    wanted: Ask,
    report: Callable[[Progress], None],
    max_credits: float | None = None,
) -> Asked:
    """Make the calls that are missing and collect all replies. Safe to repeat: what is answered stays answered.

    A row that fails carries its error and spoils no other. Passing failures (throttling, time-outs) are tried
    again with fewer calls at once and longer rests, until ATTEMPTS groups in a row got no answer; a permanent one is
    tried once. Raises SetupError if the model does not exist, SqlError if a statement fails for good, BudgetReached
    before the run would spend more than `max_credits`.
    """
    started = time.monotonic()
    asking = _Asking(session, run_id, wanted, report, max_credits)
    try:
        execute(session, asked_sql(asking.id, wanted, who_answers(session, wanted.model)))
        asking.answer()
    except SqlError as error:
        raise _explained(wanted, error) from error
    execute(session, replies_sql(asking.id))
    rows, made, failed, prompt_tokens, completion_tokens = map(int, execute(session, counts_sql(asking.id))[0])
    seconds = time.monotonic() - started
    tokens = (prompt_tokens, completion_tokens)
    return Asked(wanted.step, wanted.model, rows, made, failed, *tokens, seconds, f"REPLIES_{asking.id}")


class _Asking:
    """One Ask under way."""

    def __init__(
        self,
        session: Session,
        run_id: str,
        wanted: Ask,
        report: Callable[[Progress], None],
        max_credits: float | None,
    ) -> None:
        self.session, self.run_id, self.wanted, self._report = session, run_id, wanted, report
        self.id = uuid4().hex[:12]
        self.pace = Pace()
        self.spending = Spending(session, run_id, self.id, wanted, max_credits)
        self.calls = self.done = self.made = self.failed = self.passing = 0
        self.started = time.monotonic()

    def answer(self) -> None:
        """Pass over the calls without an answer until there are none, or none that can be had."""
        look = FIRST_LOOK
        while (left := self._pending()) and not self.pace.ended:
            if not self.calls:
                self.calls, self.started = left, time.monotonic()
                self._tell(0)
            made = self.made
            if self._one_pass(left):
                look = FIRST_LOOK
                if self.made - made == left and not self.failed:
                    return  # nothing can be left
            elif self._number(held_sql(self.id)):
                pace.sleep(look)
                look = min(2 * look, LONGEST_LOOK)
        if self.done < self.calls:
            self._tell(self.calls - self.done)  # what others have answered, or nobody will

    def _tell(self, more: int) -> None:
        self.done = min(self.calls, self.done + more)
        seconds = time.monotonic() - self.started
        self._report(Progress(self.wanted.step, self.wanted.model, self.calls, self.done, self.failed, seconds))

    def _pending(self) -> int:
        execute(self.session, pending_sql(self.id))
        return self._number(Sql(f"SELECT COUNT(*) FROM PENDING_{self.id}", ()))

    def _one_pass(self, calls: int) -> bool:
        """Send the pending calls, group by group; whether any of them was ours to send."""
        first, any_sent = 1, False
        while first <= calls and not self.pace.ended:
            statements = self.pace.statements(first, calls, self.spending.affordable(calls - first + 1))
            first = statements[-1][1]
            try:
                if sent := self._claim(statements[0][0], first):
                    self._send(statements, sent)
                    any_sent = True
            finally:
                with suppress(SqlError):  # it ends by itself
                    execute(self.session, release_sql(self.id))
        return any_sent

    def _claim(self, low: int, high: int) -> int:
        """How many of these calls are ours to make now. Raises BudgetReached if the run would spend too much."""
        claim = claim_sql(self.run_id, self.id, low, high, self.spending.per_call(), ANSWERED)
        claimed = sum(int(cell or 0) for cell in execute(self.session, claim)[0])
        if not claimed or self.spending.allows():
            return claimed
        pace.sleep(random.uniform(FIRST_LOOK, 2 * FIRST_LOOK))  # others of this run make calls; not in step with them
        return 0

    def _send(self, statements: list[tuple[int, int]], sent: int) -> None:
        """Send one group, and let the pace know how it went. Raises SqlError if it is of no use to go on."""
        started = time.monotonic()
        failure = self._run([insert_sql(self.run_id, self.id, self.wanted, *bounds) for bounds in statements])
        made_before, passing_before = self.made, self.passing
        self.made, self.failed = (int(cell or 0) for cell in execute(self.session, failed_sql(self.id))[0])
        self.passing = self._number(passing_sql(self.id)) if self.failed else 0
        refused = self.passing - passing_before
        over = self.made - made_before - refused
        if failure is None and refused <= REFUSED_SHARE * sent:
            self.pace.answered(sent, time.monotonic() - started)
        else:
            self.pace.throttled(any_answered=over > 0, too_long=failure is not None and failure.code == TOO_LONG)
        if over:
            self._tell(over)
        if failure is not None and self.pace.ended:
            raise failure
        self.pace.rest()

    def _run(self, inserts: list[Sql]) -> SqlError | None:
        """Run these statements at once; a failure that may pass, if there was one. Raises any other."""
        with ThreadPoolExecutor(len(inserts)) as pool:
            running = [pool.submit(execute, self.session, insert) for insert in inserts]
            while wait(running, RENEWED).not_done:
                execute(self.session, renew_sql(self.id))
        errors = [error for one in running if (error := one.exception()) is not None]
        for error in errors:
            if not (isinstance(error, SqlError) and error.transient) or error.code == SESSION_GONE:
                raise error  # a session takes its temporary tables along
        return next((error for error in errors if isinstance(error, SqlError)), None)

    def _number(self, statement: Sql) -> int:
        return int(execute(self.session, statement)[0][0])


def _explained(wanted: Ask, error: SqlError) -> Exception:
    if "nobody on this machine answers" in str(error):
        return SetupError(f"{wanted.step}: {error}")
    if "unknown model" in str(error).lower():
        return SetupError(
            f"{wanted.step}: this engine does not know the model '{wanted.model}': {error}\n"
            f"Write another one under models: in the experiment file."
        )
    return error
