"""The first step of a plan for real requests: they are there, so the calls that label them are known by their keys.

In:   `source:`, COMPLETIONS
Out:  the session's own TICKETS with the requests, and their labels as far as those are known; the counts
"""

from __future__ import annotations

from typing import NamedTuple

from cortex_distill import ledger
from cortex_distill.plan import Part
from cortex_distill.plan_sql import NOTHING, Counted, Look, Looked, count_tokens, look_at
from cortex_distill.run import Run
from tasks import label
from tasks.plan_earlier import SHOWN
from tasks.plan_estimate import Estimate
from tasks.source import write_requests

LABEL = "PLAN_LABEL"


class Labelling(NamedTuple):
    """What is known of the labelling calls before one is made."""

    look: Look
    looked: Looked
    counted: Counted
    tickets: int  # different requests that are asked about

    @property
    def left(self) -> int:
        """Calls to make."""
        return self.looked.calls - self.looked.free

    def part(self, run: Run, estimate: Estimate) -> Part:
        """The plan's first line."""
        each, basis = estimate.reply(self.look.ask, self.counted)
        said = f"calls: by their keys; input: {self.counted.said(self.left)}; output: {basis}"
        read, all_read = self.counted.of(self.looked.characters), self.counted.of(self.looked.all_characters)
        return Part(
            "label",
            run.config.models.teacher,
            f"{self.tickets:,} requests",
            self.looked.calls,
            self.looked.free,
            round(read),
            round(each * self.left),
            said if self.left else "",
            (round(all_read), round(each * self.looked.calls)),
        )

    def write_tickets(self, run: Run) -> None:
        """The labels, as the step reads them, where every call is answered."""
        run.query(ledger.asked_sql(LABEL, self.look.ask, self.look.who))
        run.query(ledger.replies_sql(LABEL))
        run.query(label.label_sql(run.id, f"REPLIES_{LABEL}"))

    def stand_in(self, run: Run) -> str:
        """Some of the requests for all of them, under one category after the other; what they are, in words."""
        run.sql(
            f"""DELETE FROM TICKETS WHERE run_id = ? AND ticket_id NOT IN (SELECT ticket_id FROM (
                SELECT ticket_id FROM TICKETS WHERE run_id = ? AND dropped_because IS NULL
                QUALIFY ROW_NUMBER() OVER (ORDER BY SHA2(ticket_id, 256)) <= {SHOWN}))""",
            *(run.id, run.id),
        )
        run.sql(
            """UPDATE TICKETS SET category = p.category, kept = TRUE, split = 'validation' FROM (
                SELECT t.ticket_id AS own_id, c.category FROM (
                    SELECT ticket_id, ROW_NUMBER() OVER (ORDER BY SHA2(ticket_id, 256)) AS n FROM TICKETS
                    WHERE run_id = ?) t
                JOIN CATEGORIES c ON c.run_id = ? AND c.position = MOD(t.n, ?)
            ) p WHERE TICKETS.run_id = ? AND TICKETS.ticket_id = p.own_id""",
            *(run.id, run.id, len(run.config.categories), run.id),
        )
        return f"{run.count('SELECT COUNT(*) FROM TICKETS'):,} of the requests"


def look_at_labelling(run: Run, who: str) -> Labelling:
    """Reads the source into the session's own TICKETS. Raises what reading it raises."""
    write_requests(run)
    look = Look(label.labelling_ask(run), who)
    looked = look_at(run.session, LABEL, [look]).get((0, ""), Looked(0, 0, 0, 0))
    counted = count_tokens(run.session, LABEL, [look]).get((0, ""), NOTHING)
    prompts = label.prompts_sql(run)
    return Labelling(look, looked, counted, run.count(f"SELECT COUNT(*) FROM ({prompts.text})", *prompts.binds))
