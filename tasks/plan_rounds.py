"""The rounds of a plan: the steps between the first call and the split, as far as their answers are there already.

In:   the experiment file, COMPLETIONS
Out:  TICKETS of the session, with ratings as far as they are known; what is known, and what refills may add
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from cortex_distill.run import Run
from tasks import deduplicate
from tasks.plan_answers import is_rated, is_voted_on
from tasks.plan_generation import Generation, look_at_generation
from tasks.plan_labelling import Labelling, look_at_labelling
from tasks.quota import rounds

if TYPE_CHECKING:
    from cortex_distill.config import ExperimentConfig
    from tasks.plan_earlier import Earlier


class Tickets(NamedTuple):
    """How far the rounds are known."""

    first: Generation | Labelling  # of the rounds whose calls are known; of real requests their labels
    rounds: int  # of which the calls are known
    written: bool  # TICKETS has what the run would write, but for refills that depend on what is kept
    filtered: bool  # and what is kept: all rounds are known to their end


def look_at_rounds(run: Run, who: dict[str, str]) -> Tickets:
    """Round after round by the steps' own statements, until an answer is missing. `who`: who answers, by model."""
    teacher = who[run.config.models.teacher]
    if not run.config.is_synthetic:
        labelling = look_at_labelling(run, teacher)
        if labelling.left:
            return Tickets(labelling, 1, written=False, filtered=False)
        labelling.write_tickets(run)
        deduplicate.mark_repeats(run)
        return Tickets(labelling, 1, written=True, filtered=is_rated(run, who) and is_voted_on(run, who))
    found = Generation()
    for now in rounds(run):
        found = found.and_then(look_at_generation(run, teacher, now))
        if found.left:
            if found.free:
                run.sql("DELETE FROM TICKETS WHERE run_id = ?", run.id)  # some of them would not do for all
            return Tickets(found, now.number, written=False, filtered=False)
        deduplicate.mark_repeats(run)
        if not (is_rated(run, who, now.number) and is_voted_on(run, who, now.number)):
            return Tickets(found, now.number, written=True, filtered=False)
    return Tickets(found, now.number, written=True, filtered=True)


def refills(config: ExperimentConfig, known: Tickets, earlier: Earlier | None) -> str:
    """What refills may add to the plan, in words; '' where all rounds are known, or there is one."""
    left = config.generate.rounds - known.rounds
    if known.filtered or not left or isinstance(known.first, Labelling):
        return ""
    tickets = left * config.generate.per_category * len(config.categories)
    calls = left * ceil(config.generate.per_category / config.generate.per_call) * len(config.categories)
    said = f"refills may add up to {calls:,} calls of the teacher and {tickets:,} ratings, if too few tickets are kept"
    if earlier is None:
        return said
    was = f"{earlier.refills:,} calls and {earlier.rated:,} ratings in {earlier.rounds - 1} refills"
    return f"{said}; the newest run of this experiment: {was if earlier.refills else 'none'}"
