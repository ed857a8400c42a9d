"""Messages: how many model calls there will be at most, and how many of them are answered already.

In:   MESSAGE_INBOX, COMPLETIONS
Out:  lines for the run's log, before anything is paid
"""

from __future__ import annotations

from math import comb
from typing import NamedTuple

from cortex_distill.budget import refuse_unpriced
from cortex_distill.ledger import keyed_sql
from cortex_distill.ledger_sql import ANSWERED
from cortex_distill.run import Run
from cortex_distill.session import who_answers
from tasks.classify import classify_ask
from tasks.inbox import messages_of
from tasks.step import log, task
from tasks.student import Student


class Expected(NamedTuple):
    """Calls of one step: at most, and how many are answered, where that is known before the step."""

    step: str
    model: str
    most: int
    answered: int | None = None

    @property
    def text(self) -> str:
        """`classify (model): 72 calls, 60 of them answered already`."""
        known = f"{self.most}" if self.answered is not None else f"at most {self.most}"
        free = f", {self.answered} of them answered already" if self.answered is not None else ""
        return f"{self.step} ({self.model}): {known} calls{free}"


@task(name="count the calls")
def expect_calls(run: Run, student: Student) -> list[Expected]:
    """Count, and say it in the log. No model is asked. Raises SetupError under a budget if a model has no price."""
    config = messages_of(run)
    if run.config.budget is not None:
        refuse_unpriced(run.session, [student.model, *config.models.values()])
    wanted = classify_ask(run, student)
    keyed = keyed_sql(wanted, who_answers(run.session, student.model))
    tickets, calls, answered = map(
        int,
        run.sql(
            f"""SELECT COUNT(*), COUNT(DISTINCT a.key), COUNT(DISTINCT IFF(EXISTS (
                SELECT 1 FROM COMPLETIONS c WHERE c.key = a.key AND {ANSWERED}), a.key, NULL))
            FROM ({keyed.text}) a""",
            *keyed.binds,
        )[0],
    )
    messages = tickets * len(config.prompts)
    found = [
        Expected("classify", student.model, calls, answered),
        Expected("messages", config.model, messages),
        Expected("shorten what is too long", config.model, messages),
    ]
    if config.compare is not None:
        pairs = comb(len(config.prompts), 2) * min(tickets, config.compare.tickets)
        found.append(Expected("compare, in both orders", config.compare.judge, 2 * pairs))
    for one in found:
        log("%s", one.text)
    return found
