"""One execution of an experiment: what every step is given first."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cortex_distill import ledger
from cortex_distill.budget import refuse_unpriced
from cortex_distill.load import Experiment
from cortex_distill.session import execute
from cortex_distill.sql import Sql

if TYPE_CHECKING:
    from cortex_distill.session import Session


class Run:
    """Session, experiment and id of one execution. Not a dataclass: Prefect would walk into the session's fields."""

    def __init__(
        self,
        session: Session,
        run_id: str,
        experiment: Experiment,
        engine: str,
        flow_run_url: str | None = None,
        tags: Sequence[str] = (),
    ) -> None:
        self.session = session
        self.id = run_id
        self.experiment = experiment
        self.config = experiment.config
        self.engine = engine
        self.flow_run_url = flow_run_url
        self.tags = sorted(tags)
        self._prices_checked = False

    def sql(self, text: str, *binds: object) -> list[Any]:
        """Run one statement with binds; its rows. Raises SqlError."""
        return execute(self.session, Sql(text, binds))

    def query(self, statement: Sql) -> list[Any]:
        """`sql` for a statement that carries its binds."""
        return execute(self.session, statement)

    def count(self, text: str, *binds: object) -> int:
        """The single number that a statement returns; 0 for NULL."""
        return int(self.sql(text, *binds)[0][0] or 0)

    def ask(self, wanted: ledger.Ask, report: Callable[[ledger.Progress], None]) -> ledger.Asked:
        """ledger.ask for this run, within its budget."""
        budget = self.config.budget
        if budget is not None and not self._prices_checked:
            refuse_unpriced(self.session, list(self.config.asked.values()))
            self._prices_checked = True
        return ledger.ask(self.session, self.id, wanted, report, budget.max_credits if budget else None)

    @cached_property
    def git_commit(self) -> str:
        """Commit of the folder that holds the experiment file, with `+` if it has changes; '' outside git."""
        folder = self.experiment.path.resolve().parent
        head = _git(folder, "rev-parse", "--short=12", "HEAD")
        return head + "+" if head and _git(folder, "status", "--porcelain", "--untracked-files=no") else head


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
