"""How far a plan can follow a run: the steps that filter tickets, done with answers that are there already.

In:   COMPLETIONS; the session's own TICKETS, as the teacher's replies fill them
Out:  TICKETS rated, voted on, kept or dropped, as far as no call is missing
"""

from __future__ import annotations

from cortex_distill import ledger
from cortex_distill.plan_sql import Look, look_at
from cortex_distill.run import Run
from tasks import judge, vote

JUDGE, VOTE = "PLAN_JUDGE", "PLAN_VOTE"


def is_rated(run: Run, who: dict[str, str], number: int = 1) -> bool:
    """Whether every judge has answered about a round; if so, as the judge's step leaves TICKETS."""
    replies = _replies(run, f"{JUDGE}_{number}", judge_looks(run, who, number=number))
    for statement in judge.settle_sql(run, replies, number) if replies else ():
        run.query(statement)
    return bool(replies)


def is_voted_on(run: Run, who: dict[str, str], number: int = 1) -> bool:
    """The same of the vote; true where there is none."""
    config = run.config.vote
    if config is None:
        return True
    looks = [Look(vote.vote_ask(run, config, number), who[config.model])]
    replies = _replies(run, f"{VOTE}_{number}", looks)
    for name in replies:
        run.query(vote.drop_sql(run, config, name))
    return bool(replies)


def judge_looks(
    run: Run, who: dict[str, str], stand_ins: tuple[str, ...] = (), number: int | None = None
) -> list[Look]:
    """One look for each judge, at a round or at all of them; `stand_ins` as in Look."""
    return [
        Look(judge.rating_ask(run, "judge", judge.prompts_sql(run, number), model), who[model], stand_ins=stand_ins)
        for model in run.config.judges
    ]


def _replies(run: Run, name: str, looks: list[Look]) -> list[str]:
    """The tables of replies to each of these asks; [] if a call is missing."""
    looked = look_at(run.session, name, looks)
    if any(one.free < one.calls for one in looked.values()):
        return []
    for place, look in enumerate(looks):
        run.query(ledger.asked_sql(f"{name}_{place}", look.ask, look.who))
        run.query(ledger.replies_sql(f"{name}_{place}"))
    return [f"REPLIES_{name}_{place}" for place in range(len(looks))]
