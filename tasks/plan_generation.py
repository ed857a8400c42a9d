"""The first step of a plan: the teacher's prompts are known to the file, so its calls are known before any is made.

In:   the experiment file, a Round, COMPLETIONS
Out:  the counts; in the session's own TICKETS what the answers hold that are there. With `not_again` a wave of calls
      shows what the one before has written, so that its calls are known as far as those are answered
"""

from __future__ import annotations

from typing import NamedTuple

from cortex_distill import ledger
from cortex_distill.generation import GenerationCall, generation_calls, waves
from cortex_distill.plan import Part
from cortex_distill.plan_sql import CHARACTERS_PER_TOKEN, NOTHING, SAMPLE, Counted, count_sample, free_sql, write_keys
from cortex_distill.rounds import Round
from cortex_distill.run import Run
from tasks import generate
from tasks.plan_estimate import Estimate

TEACHER, CALLS = "PLAN_TEACHER", "PLAN_CALLS"


class Generation(NamedTuple):
    """What is known of the teacher's calls, of some rounds."""

    tickets: int = 0  # asked for
    calls: int = 0
    free: int = 0
    characters: float = 0.0  # of all prompts
    counted: Counted = NOTHING

    @property
    def left(self) -> int:
        """Calls to make."""
        return self.calls - self.free

    def and_then(self, more: Generation) -> Generation:
        """With the calls of one more round; tokens are counted in the first."""
        numbers = (self.tickets + more.tickets, self.calls + more.calls, self.free + more.free)
        return Generation(*numbers, self.characters + more.characters, self.counted if self.calls else more.counted)

    def part(self, run: Run, estimate: Estimate) -> Part:
        """The plan's first line."""
        config, teacher = run.config.generate, run.config.models.teacher
        each, basis = estimate.reply_of_tickets(self.counted)
        wrote = min(each * self.tickets, config.max_tokens * self.calls)
        read, part = self.counted.of(self.characters), self.left / max(1, self.calls)
        said = f"calls: by their keys; input: {self.counted.said(self.left)}; output: {basis}"
        return Part(
            "generate",
            teacher,
            f"{self.tickets:,} tickets",
            self.calls,
            self.free,
            round(read * part),
            round(wrote * part),
            said if self.left else "",
            (round(read), round(wrote)),
        )


def look_at_generation(run: Run, who: str, now: Round) -> Generation:
    """One round's calls; if all are answered, TICKETS has their tickets afterwards.

    The prompts are known to the file, so they are hashed here, and only their keys travel.
    """
    found, tokens = Generation(now.tickets), run.config.generate.not_again
    for wave in waves(run.experiment, now):
        known = not found.left
        written = generate.written_before(run, wave) if known else _stand_in(run, tokens)
        calls = list(generation_calls(run.experiment, now, wave, written))
        found = found.and_then(_look(run, who, calls, known, first=not found.calls))
        if not found.left:
            _write_tickets(run, now.number)
    return found


def _look(run: Run, who: str, calls: list[GenerationCall], known: bool, first: bool) -> Generation:
    ask = generate.generation_ask(run.experiment, CALLS)
    keys = ledger.call_keys(ask, who, ((call.prompt, call.draw) for call in calls))
    write_keys(run.session, f"ASKED_{TEACHER}", [call.row_key for call in calls], keys)
    different, free = map(int, run.query(free_sql(f"ASKED_{TEACHER}"))[0])
    prompts = list(dict.fromkeys(call.prompt for call in calls)) if first else []
    sample = prompts[:: max(1, len(prompts) // SAMPLE)][:SAMPLE]
    counted = count_sample(run.session, ask.model, sample) if sample else NOTHING
    mean = sum(len(call.prompt) for call in calls) / len(calls)
    return Generation(0, different, free if known else 0, mean * different, counted)


def _stand_in(run: Run, tokens: int) -> dict[str, list[str]]:
    """As much as a prompt may show of tickets that are not written yet."""
    text = "." * round(tokens * CHARACTERS_PER_TOKEN)
    return {category: [text] for category in run.config.categories}


def _write_tickets(run: Run, number: int) -> None:
    run.sql(
        f"""CREATE OR REPLACE TEMPORARY TABLE {CALLS} AS SELECT a.row_key, c.category,
            IFF(CONTAINS(a.row_key, 'refine'), '{{"unlike": ""}}', '{{}}') AS attributes
        FROM ASKED_{TEACHER} a JOIN CATEGORIES c
            ON c.run_id = ? AND c.position = SPLIT_PART(a.row_key, '-', 1)::NUMBER""",
        run.id,
    )
    run.query(ledger.replies_sql(TEACHER))
    run.query(generate.insert_sql(run.id, CALLS, f"REPLIES_{TEACHER}", number))
