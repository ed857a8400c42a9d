"""What a run would ask for, by the very statements of its steps: nothing is paid, and no table of the schema changes.

In:   the experiment file, COMPLETIONS, FINE_TUNES, tickets of earlier runs
Out:  a Plan. CATEGORIES, HOLDOUT, TICKETS and TRAINING_ROWS are temporary tables, which hide the real ones

The steps are done as far as their calls are answered already. From there on everything is an estimate: as if every
ticket were written, unique and kept, and as long as the texts that `Plan.like` names.
"""

from __future__ import annotations

import threading
from importlib import import_module
from typing import NamedTuple

from cortex_distill.errors import SetupError
from cortex_distill.plan import Part, Plan, Training
from cortex_distill.plan_sql import (
    NOTHING,
    Look,
    count_tokens,
    look_at,
)
from cortex_distill.run import Run
from cortex_distill.session import SqlError, who_answers
from tasks import check_judge, evaluate, fine_tune, judge, split, vote
from tasks.plan_answers import judge_looks
from tasks.plan_earlier import hide_tables
from tasks.plan_estimate import Estimate, Shares, differences, planned_shares, stand_ins
from tasks.plan_generation import Generation
from tasks.plan_labelling import Labelling
from tasks.plan_rounds import Tickets, look_at_rounds, refills
from tasks.prepare import write_rows

REST = "PLAN_REST"
HOLDOUT, TICKETS, VOTED = "holdout", "tickets", "vote"
PART = f"IFF(STARTSWITH(row_key, 'holdout '), '{HOLDOUT}', '{TICKETS}')"


class Known(NamedTuple):
    """How far the answers go that are there already."""

    tickets: bool = False  # every call of the teacher is answered: TICKETS has what the run would write
    kept: bool = False  # and every call of the judges and of the vote: they are rated, voted on and split
    training: bool = False  # and the same training was started before
    tuned: str = ""  # and is done: the tuned student


def plan_run(run: Run) -> Plan:
    """Think the run through. Its session must be new, and must not be used for anything else afterwards.

    Raises SetupError where nobody answers to a model, and whatever reading the holdout raises.
    """
    threading.Thread(target=import_module, args=("cortex_distill.power",)).start()  # half a second, meanwhile
    try:
        who = {model: who_answers(run.session, model) for model in dict.fromkeys(run.config.asked.values())}
    except SqlError as error:
        raise SetupError(f"plan: {error}\nSee who answers with: distill models {run.experiment.path}") from error
    earlier = hide_tables(run)
    write_rows(run)
    tickets = look_at_rounds(run, who)
    first, known = tickets.first, _go_on(run, tickets)
    like = "" if known.tickets else _stand_in(run, first, bool(earlier))
    estimate = Estimate(run, like)
    if known.tickets and not known.kept:  # their prompts are known, and which of them are kept is not
        run.sql(
            "UPDATE TICKETS SET kept = TRUE, split = 'validation' WHERE run_id = ? AND dropped_because IS NULL", run.id
        )
    shares = planned_shares(run, known.tickets, known.kept, first.tickets)
    parts = [first.part(run, estimate), *_parts(run, who, known, shares, estimate)]
    return Plan(
        run.config.name,
        run.engine,
        parts,
        _training(run, known, shares, parts[-1]),
        differences(run, shares),
        who,
        hasattr(run.session.connection, "is_local"),
        like,
        # whoever enforces a budget puts it into the file's model
        run.config.budget.max_credits if run.config.budget else None,
        refills(run.config, tickets, earlier),
    )


def _stand_in(run: Run, first: Generation | Labelling, has_earlier: bool) -> str:
    return first.stand_in(run) if isinstance(first, Labelling) else stand_ins(run, has_earlier)


def _go_on(run: Run, tickets: Tickets) -> Known:
    """Read the answers that are there, as the steps do, as long as none is missing."""
    if not tickets.filtered or run.config.review is not None:
        return Known(tickets=tickets.written)
    split.divide(run)
    if not run.count("SELECT COUNT(*) FROM TICKETS WHERE split = 'train'"):
        return Known(tickets=True, kept=True)
    jobs = run.sql(
        "SELECT status, description:model::STRING FROM FINE_TUNES WHERE fine_tune = ? ORDER BY created_at DESC",
        fine_tune.write_rows(run),
    )
    started = [(status, model) for status, model in jobs if status not in fine_tune.LOST]
    tuned = next((model for status, model in started if status == "SUCCESS"), None) or ""
    return Known(tickets=True, kept=True, training=bool(started), tuned=tuned)


def _parts(run: Run, who: dict[str, str], known: Known, shares: Shares, estimate: Estimate) -> list[Part]:
    """All steps after the first; the tuned student's calls come last."""
    models = run.config.models
    looks = judge_looks(run, who, () if known.tickets else ("",))
    guessed = () if known.kept else (TICKETS,)
    if run.config.vote is not None:
        voted = vote.vote_ask(run, run.config.vote)
        looks.append(Look(voted, who[run.config.vote.model], f"'{VOTED}'", () if known.kept else (VOTED,)))
    if run.config.holdout is not None and run.config.judge.check:
        checked = judge.rating_ask(run, "check", check_judge.prompts_sql(run))
        looks.append(Look(checked, who[models.judge], "'check'"))
    arms = evaluate.base_arms(run)
    looks += [Look(evaluate.evaluation_ask(run, arm), who[arm.model], PART, guessed) for arm in arms]
    tuned = evaluate.tuned_arm(run, known.tuned or models.student)
    answers = who_answers(run.session, known.tuned) if known.tuned else who[models.student]
    looks.append(Look(evaluate.evaluation_ask(run, tuned), answers, PART, guessed, counts_as=models.student))
    looked = look_at(run.session, REST, looks)
    counted = count_tokens(run.session, REST, looks)
    found = []
    for (place, part), seen in sorted(looked.items()):
        look, sample = looks[place], counted.get((place, part), NOTHING)
        is_tuned = place == len(looks) - 1
        exact = part in ("check", HOLDOUT) or (known.kept if part in (TICKETS, VOTED) else known.tickets)
        rows = seen.calls if exact else (shares.evaluated if part == TICKETS else shares.tickets)
        free = seen.free if exact and (not is_tuned or known.tuned) else None
        left = rows - (free or 0)
        everything = seen.all_characters if exact else seen.all_characters / seen.calls * rows
        characters = seen.characters if exact and free is not None else everything
        each, basis = estimate.reply(look.ask, sample, models.student if is_tuned else "")
        source = "calls: by their keys" if exact else "calls: at most, if all tickets are kept"
        source = "calls: all, as nobody is called so yet" if exact and free is None else source
        said = f"{source}; input: {sample.said(left)}; output: {basis}" if left else ""
        what = (
            "" if look.ask.step != "evaluate" else f"{tuned.variant if is_tuned else _arm(arms, looks, place)}, {part}"
        )
        model = f"tuned {models.student}" if is_tuned else look.ask.model
        read, wrote = sample.of(characters), each * left
        needed = (round(sample.of(everything)), round(each * rows))
        found.append(Part(look.ask.step, model, what, rows, free, round(read), round(wrote), said, needed))
    return found


def _arm(arms: list[evaluate.Arm], looks: list[Look], place: int) -> str:
    return arms[place - (len(looks) - 1 - len(arms))].variant


def _training(run: Run, known: Known, shares: Shares, tuned: Part) -> Training:
    """Trained tokens: what a row reads and writes, by rows and epochs."""
    config = run.config.fine_tune
    learnt = (shares.train if config.rows != "examples" else 0) + (
        sum(map(len, run.experiment.examples.values())) if config.rows != "tickets" else 0
    )
    each = sum(tuned.needed) / max(1, tuned.calls)
    rows = "rows are known" if known.kept else "at most, if all tickets are kept"
    basis = f"{rows}; tokens of a row as in the tuned student's calls, {config.max_epochs} epochs"
    tokens = round(each * learnt * config.max_epochs)
    return Training(
        run.config.models.student, learnt, config.max_epochs, tokens, known.training if known.kept else None, basis
    )
