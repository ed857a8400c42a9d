"""Step 9: every run of the engine in one comparison, as a Prefect artifact that each run writes anew.

In:   EXPERIMENTS, PREDICTIONS
Out:  a Markdown artifact `leaderboard-<engine>`
"""

from __future__ import annotations

from prefect import task
from prefect.artifacts import create_markdown_artifact

from cortex_distill.leaderboard import description, key, markdown
from cortex_distill.run import Run
from cortex_distill.standings import standings
from tasks.live_links import live
from tasks.step import ON_CORTEX, log

ROUNDS = 5


@task(name="leaderboard", **ON_CORTEX)
def update_leaderboard(run: Run) -> None:
    """Write it, and write again if another run has recorded meanwhile: of runs that end at the same moment, whoever
    writes last then has seen all others. After ROUNDS of that the others write it themselves."""
    for _ in range(ROUNDS):
        before = recorded(run)
        found = standings(run.session, run.engine)
        page = live(markdown(run.engine, found))
        create_markdown_artifact(page, key=key(run.engine), description=description(found))
        if recorded(run) == before:
            return
    log("the leaderboard lacks what was recorded while it was written; the run that did so writes it again")


def recorded(run: Run) -> tuple[object, ...]:
    """Differs as soon as a run has recorded something."""
    (row,) = run.sql("SELECT COUNT(*), MAX(created_at) FROM EXPERIMENTS WHERE engine = ?", run.engine)
    return tuple(row)
