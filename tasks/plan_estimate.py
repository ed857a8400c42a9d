"""What a plan has to guess, and from what: lengths of texts yet to be written, tickets yet to be kept.

In:   tickets of the newest run of the experiment, else examples, else the holdout, else a stand-in; COMPLETIONS
Out:  rows of the session's own TICKETS that stand in for the real ones; numbers, each with its source
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from itertools import combinations, islice
from typing import NamedTuple

from cortex_distill.ledger import Ask
from cortex_distill.plan import DISCORDANT, Difference
from cortex_distill.plan_sql import Counted
from cortex_distill.run import Run
from cortex_distill.splitting import cuts
from cortex_distill.sql import Sql
from cortex_distill.upload import upload
from tasks.evaluate import in_turn
from tasks.plan_earlier import EARLIER, SHOWN

REPLIES = 200  # earlier replies of a kind that say how long one is
TICKET_KEYS = len('{"scenario": "", "request": ""}, ')
STAND_IN = (
    "Hello, I am writing because something about your service does not work as I expected it to. I have already tried"
    " the usual things without success, and I would like you to tell me what to do next."
)


class Shares(NamedTuple):
    """Tickets in a run; where they are not known, as if all were written, unique and kept."""

    tickets: int
    train: int
    validation: int
    test: int

    @property
    def evaluated(self) -> int:
        """Tickets that models are asked about."""
        return self.validation + self.test


def stand_ins(run: Run, has_earlier: bool) -> str:
    """Rows of TICKETS in the place of those that are yet to be written; what they are, in words."""
    if has_earlier and (count := _insert(run, EARLIER, "scenario")):
        return f"{count} tickets of the newest run of this experiment"
    columns = ["run_id", "ticket_id", "category", "scenario", "request", "kept", "split"]
    shown = islice(in_turn(run.experiment.examples), SHOWN)
    rows = [(run.id, f"like-{n}", *map(one.get, columns[2:5]), True, "validation") for n, one in enumerate(shown)]
    if rows:
        return f"{upload(run.session, 'TICKETS', columns, rows)} of the file's examples"
    if count := _insert(run, "HOLDOUT", "''"):
        return f"{count} rows of the holdout"
    texts = enumerate(run.config.categories)
    upload(
        run.session,
        "TICKETS",
        columns,
        [(run.id, f"like-{n}", name, "", STAND_IN, True, "validation") for n, name in texts],
    )
    return f"a text of {len(STAND_IN)} characters for each: there are no earlier tickets, no examples and no holdout"


def _insert(run: Run, source: str, scenario: str) -> int:
    run.sql(
        f"""INSERT INTO TICKETS (run_id, ticket_id, category, scenario, request, kept, split)
        SELECT ?, 'like-' || n, category, {scenario}, request, TRUE, 'validation' FROM (
            SELECT *, ROW_NUMBER() OVER (ORDER BY SHA2(request, 256)) AS n FROM {source} s
            WHERE category IN (SELECT category FROM CATEGORIES)) WHERE n <= {SHOWN}""",
        run.id,
    )
    return run.count("SELECT COUNT(*) FROM TICKETS")


def planned_shares(run: Run, known: bool, kept: bool, tickets: int) -> Shares:
    """As the split step cuts, if no tickets must stay together. `tickets`: asked for, in all."""
    each, rest = divmod(tickets, len(run.config.categories))
    asked = [each + (place < rest) for place in range(len(run.config.categories))]
    if known:
        condition = "kept" if kept else "duplicate_of IS NULL AND category IS NOT NULL"
        asked = [int(n) for (n,) in run.sql(f"SELECT COUNT(*) FROM TICKETS WHERE {condition} GROUP BY category")]
    split = run.config.split
    cut = [cuts(n, split.train, split.validation, split.test) for n in asked]
    train, until = (sum(numbers) for numbers in zip(*cut, strict=True)) if cut else (0, 0)
    unique = run.count("SELECT COUNT(*) FROM TICKETS WHERE duplicate_of IS NULL AND category IS NOT NULL")
    return Shares(unique if known else tickets, train, until - train, sum(asked) - until)


class Estimate:
    """How many tokens a reply will have, and why."""

    def __init__(self, run: Run, like: str) -> None:
        self.run, self.like = run, like

    def reply_of_tickets(self, counted: Counted) -> tuple[float, str]:
        """For each ticket; as long as the tickets that stand in."""
        mean = self.run.sql("SELECT AVG(LENGTH(request) + LENGTH(COALESCE(scenario, ''))) FROM TICKETS")[0][0]
        return counted.of(float(mean or 0) + TICKET_KEYS), f"as long as {self.like}"

    def reply(self, ask: Ask, counted: Counted, base: str = "") -> tuple[float, str]:
        """Of a judge, a voter, a teacher that labels, or a model that is tested.

        `base`: of the tuned student, which has no earlier replies.
        """
        step, most = ("judge" if ask.step == "check" else ask.step), float(ask.parameters["max_tokens"])
        if not base and (found := self._history.get((step, ask.model, ask.schema is not None))):
            return min(found[0], most), f"as {found[1]:,} earlier replies"
        if step == "judge":
            text = json.dumps(dict.fromkeys(self.run.config.judge.thresholds, 5))
            return min(counted.of(len(text)), most), "as short as a rating can be"
        labels = list(self.run.config.categories)
        label = sum(map(len, labels)) / len(labels) + (len('{"category": ""}') if ask.schema else 0)
        return min(counted.of(label), most), "as short as a category"

    @cached_property
    def _history(self) -> dict[tuple[str, str, bool], tuple[float, int]]:
        models = list(dict.fromkeys(self.run.config.asked.values()))
        rows = self.run.query(history_sql(models))
        return {(step, model, bool(held)): (float(mean), int(n)) for step, model, held, mean, n in rows}


def history_sql(models: Sequence[str]) -> Sql:
    """Step, model, whether held to a schema, mean tokens of the newest replies, and how many those are."""
    return Sql(
        f"""SELECT step, model, held, AVG(tokens), COUNT(*) FROM (
            SELECT step, model, held, answer:value:usage:completion_tokens::NUMBER AS tokens FROM (
                SELECT step, model, answer, answered_at, TO_JSON(response_format) <> 'null' AS held FROM COMPLETIONS
                WHERE step IN ('label', 'judge', 'vote', 'evaluate') AND model IN ({", ".join("?" * len(models))})
            ) QUALIFY ROW_NUMBER() OVER (PARTITION BY step, model, held ORDER BY answered_at DESC) <= {REPLIES}
        ) WHERE tokens IS NOT NULL GROUP BY step, model, held""",
        tuple(models),
    )


def differences(run: Run, shares: Shares) -> list[Difference]:
    """What two prompts of one model would have to differ by; Holm's first step, which is the hardest."""
    from cortex_distill.power import smallest_paired  # noqa: PLC0415  half a second, while the engine works

    tests = max(1, len(list(combinations(run.config.prompts, 2))))
    counts = {
        "holdout": run.count("SELECT COUNT(*) FROM HOLDOUT"),
        "test": shares.test,
        "validation": shares.validation,
    }
    return [Difference(name, n, tests, smallest_paired(n, DISCORDANT, 0.05 / tests)) for name, n in counts.items() if n]
