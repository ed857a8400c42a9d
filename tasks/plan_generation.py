"""The first step of a plan: the teacher's prompts are known to the file, so its calls are known before any is made.

In:   the experiment file, COMPLETIONS
Out:  ASKED_PLAN_TEACHER, a temporary table of row_key and key; the counts
"""

from __future__ import annotations

from typing import NamedTuple

from cortex_distill import ledger
from cortex_distill.plan import Part
from cortex_distill.plan_sql import SAMPLE, Counted, count_sample, free_sql, write_keys
from cortex_distill.refine_calls import wanted_tickets
from cortex_distill.run import Run
from tasks import generate
from tasks.plan_estimate import Estimate

TEACHER, CALLS = "PLAN_TEACHER", "PLAN_CALLS"


class Generation(NamedTuple):
    """What is known of the teacher's calls before a ticket is written."""

    calls: int
    free: int
    characters: float  # of all prompts
    counted: Counted
    tickets: int  # asked for

    @property
    def left(self) -> int:
        """Calls to make."""
        return self.calls - self.free

    def part(self, run: Run, estimate: Estimate) -> Part:
        """The plan's first line."""
        config, teacher, tickets = run.config.generate, run.config.models.teacher, self.tickets
        each, basis = estimate.reply_of_tickets(self.counted)
        wrote = min(each * tickets, config.max_tokens * self.calls)
        read, part = self.counted.of(self.characters), self.left / max(1, self.calls)
        said = f"calls: by their keys; input: {self.counted.said(self.left)}; output: {basis}"
        return Part(
            "generate",
            teacher,
            f"{tickets:,} tickets",
            self.calls,
            self.free,
            round(read * part),
            round(wrote * part),
            said if self.left else "",
            (round(read), round(wrote)),
        )

    def write_tickets(self, run: Run) -> None:
        """The tickets, as the step reads them, where every call is answered."""
        run.sql(
            f"""CREATE TEMPORARY TABLE {CALLS} AS SELECT a.row_key, c.category, '{{}}' AS attributes
            FROM ASKED_{TEACHER} a JOIN CATEGORIES c
                ON c.run_id = ? AND c.position = SPLIT_PART(a.row_key, '-', 1)::NUMBER""",
            run.id,
        )
        run.query(ledger.replies_sql(TEACHER))
        run.query(generate.insert_sql(run.id, CALLS, f"REPLIES_{TEACHER}"))


def look_at_generation(run: Run, who: str) -> Generation:
    """The teacher's prompts are known to the file, so they are hashed here, and only their keys travel."""
    calls = list(generate.generation_calls(run.experiment))
    ask = generate.generation_ask(run.experiment, CALLS)
    keys = ledger.call_keys(ask, who, ((call.prompt, call.draw) for call in calls))
    write_keys(run.session, f"ASKED_{TEACHER}", [call.row_key for call in calls], keys)
    different, free = map(int, run.query(free_sql(f"ASKED_{TEACHER}"))[0])
    prompts = list(dict.fromkeys(call.prompt for call in calls))
    counted = count_sample(run.session, ask.model, prompts[:: max(1, len(prompts) // SAMPLE)][:SAMPLE])
    mean = sum(len(call.prompt) for call in calls) / len(calls)
    tickets = sum(wanted_tickets(run.config).values())
    return Generation(different, free, mean * different, counted, tickets)
