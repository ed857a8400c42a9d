"""The budget of a run: what it has spent, what its calls under way will cost, and where it stops.

Only calls are counted. No page that could be read gives the price of a fine-tuning job (prices.yaml), so a budget does
not hold that back. On the local engine stand-ins answer, which cost nothing: a budget there never stops a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_distill.asking import Ask
from cortex_distill.claims import reserved_sql
from cortex_distill.errors import SetupError, StepError
from cortex_distill.ledger_sql import ANSWERED, REPLY
from cortex_distill.prices import credits
from cortex_distill.session import execute, served_as
from cortex_distill.sql import Sql

if TYPE_CHECKING:
    from cortex_distill.session import Session

CHARACTERS_PER_TOKEN = 4  # source: docs: user-guide/snowflake-cortex/aisql, "about 4 characters"
MOST_TOKENS = 4096  # of a reply, where max_tokens does not say; source: docs: sql-reference/functions/ai_complete


class BudgetReached(StepError):
    """The next batch of calls would cost more than what is left; everything that was answered is kept."""


def refuse_unpriced(session: Session, models: list[str]) -> None:
    """Raises SetupError for models whose calls are billed at a price that nobody has written down.

    Counting them as free would let a run spend what it likes under a budget; so a budget needs every price.
    """
    unpriced = [model for model in dict.fromkeys(models) if _rate(session, model) is None]
    if unpriced:
        raise SetupError(
            f"budget.max_credits is set, but no price is known for {', '.join(unpriced)}: what it costs could not be"
            " counted. Add the price to the price list, name another model, or remove budget from the experiment file."
        )


class Spending:
    """What one Ask of a run may still spend. Without a budget it counts nothing and asks the engine nothing."""

    def __init__(self, session: Session, run_id: str, ask_id: str, wanted: Ask, max_credits: float | None) -> None:
        self._session, self._run_id, self._ask_id, self._wanted = session, run_id, ask_id, wanted
        self._most = max_credits
        self._rate = 0.0 if max_credits is None else self._priced()

    def per_call(self) -> float:
        """Credits that one pending call may cost: its prompt by its length, its reply as the longest that this model
        gave in this step of the run (by a mean of few, a large group may exceed the budget); before there are any, as
        long as it may be."""
        if not self._rate:
            return 0.0
        wanted = self._wanted
        prompt, reply = execute(
            self._session,
            Sql(
                f"""SELECT (SELECT AVG(LENGTH(prompt)) FROM PENDING_{self._ask_id}),
                (SELECT MAX(c.answer:value:usage:completion_tokens::NUMBER) FROM COMPLETIONS c
                    WHERE c.run_id = ? AND c.step = ? AND c.model = ? AND {ANSWERED})""",
                (self._run_id, wanted.step, wanted.model),
            ),
        )[0]
        longest = int(wanted.parameters.get("max_tokens") or MOST_TOKENS)
        tokens = float(prompt or 0) / CHARACTERS_PER_TOKEN + (longest if reply is None else float(reply))
        return tokens * self._rate

    def affordable(self, calls: int) -> int | None:
        """How many of so many calls fit into what is left: at least 1, which `allows` may then refuse. None: all."""
        if not self._rate or self._most is None:
            return None
        left = self._most - self._spent() - sum(self._reserved())
        return max(1, min(calls, int(left / self.per_call()))) if left > 0 else 1

    def allows(self) -> bool:
        """Whether the run's calls so far, those claimed here, and those claimed by others for the same run fit into its
        budget. False: only once the others are done can be said what is left. Raises BudgetReached if they do not
        fit without the others.

        Whoever claims first and asks this then cannot pass together with another who does the same.
        """
        if not self._rate or self._most is None:
            return True
        (own, others), spent = self._reserved(), self._spent()  # in this order: what was claimed may be spent by now
        if spent + own > self._most:
            raise BudgetReached(self._stopped(spent))
        return spent + own + others <= self._most

    def _priced(self) -> float:
        """Credits a token; 0 for a model that costs nothing. Raises SetupError if there is no price."""
        rate = _rate(self._session, self._wanted.model)
        if rate is None:
            refuse_unpriced(self._session, [self._wanted.model])
        return rate or 0.0

    def _spent(self) -> float:
        rows = execute(
            self._session,
            Sql(
                """SELECT model, answer:value:model::STRING, SUM(answer:value:usage:prompt_tokens::NUMBER
                    + answer:value:usage:completion_tokens::NUMBER)
                FROM COMPLETIONS WHERE run_id = ? AND answer:value:model IS NOT NULL GROUP BY 1, 2""",
                (self._run_id,),
            ),
        )
        return sum(_credits(self._session, model, served_by, int(tokens or 0)) for model, served_by, tokens in rows)

    def _reserved(self) -> tuple[float, float]:
        own, others = execute(self._session, reserved_sql(self._run_id, self._ask_id))[0]
        return float(own), float(others)

    def _stopped(self, spent: float) -> str:
        """What is done and what is missing, by step, and how to go on."""
        ask, wanted = self._ask_id, self._wanted
        needed, answered = execute(
            self._session,
            Sql(
                f"""SELECT COUNT(*),
                    COUNT(EXISTS (SELECT 1 FROM COMPLETIONS c WHERE c.key = a.key AND {ANSWERED}) OR NULL)
                FROM (SELECT DISTINCT key FROM ASKED_{ask}) a"""
            ),
        )[0]
        done = execute(
            self._session,
            Sql(
                f"""SELECT step, COUNT(DISTINCT key) FROM COMPLETIONS c WHERE run_id = ? AND {REPLY} IS NOT NULL
                AND step <> ? GROUP BY step ORDER BY MIN(answered_at)""",
                (self._run_id, wanted.step),
            ),
        )
        missing = int(needed) - int(answered)
        before = ", ".join(f"{step} {calls} calls" for step, calls in done)
        return (
            f"budget reached: {spent:.4g} of {self._most:g} credits are spent by this run (estimated from its tokens),"
            f" and one more call may cost {self.per_call():.2g}.\n"
            f"  {wanted.step} ({wanted.model}): {int(answered)} of {int(needed)} calls are answered, {missing} missing:"
            f" about {missing * self.per_call():.2g} credits, and then the steps after it\n"
            + (f"  before it: {before}\n" if before else "")
            + "Everything answered is kept and not paid again. To go on, raise budget.max_credits in the experiment"
            " file and retry the run, or run it again with --set budget.max_credits=…"
        )


def _rate(session: Session, model: str) -> float | None:
    """Credits a token of whoever answers to that name; 0 for one that is not billed, None without a price."""
    served_by = served_as(session, model)
    rate = credits(model, served_by, 1_000_000)
    if rate is None and served_by == model and (base := _base_of(session, model)):
        rate = credits(base, base, 1_000_000)
    return rate / 1_000_000 if rate is not None else None if served_by == model else 0.0


def _credits(session: Session, model: str, served_by: str, tokens: int) -> float:
    spent = credits(model, served_by, tokens)
    if spent is None and (base := _base_of(session, model)):
        spent = credits(base, base if served_by == model else served_by, tokens)
    return spent or 0.0


def _base_of(session: Session, model: str) -> str | None:
    """The base of a tuned student, at whose price its calls are counted: no source gives it a price of its own."""
    known = execute(
        session,
        Sql("SELECT MIN(base_model) FROM FINE_TUNES WHERE fine_tune = UPPER(SPLIT_PART(?, '.', -1))", (model,)),
    )
    return None if known[0][0] is None else str(known[0][0])
