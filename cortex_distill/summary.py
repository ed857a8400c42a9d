"""What a run found, in numbers and sentences; the report and the terminal show the same Summary."""

from typing import NamedTuple

from cortex_distill.ledger import Asked
from cortex_distill.metrics import Verdict
from cortex_distill.scores import ROLES, SETS, Score


class Stage(NamedTuple):
    """One stage of the funnel from asked to split."""

    name: str
    tickets: int
    lost: str  # why the others did not come this far; '' if none were lost


class Compared(NamedTuple):
    """An A/B verdict, and where it comes from."""

    role: str
    evaluation_set: str
    verdict: Verdict


class Sample(NamedTuple):
    """A ticket as the judge saw it, or a request that the tuned student got wrong."""

    category: str
    request: str
    remark: str


class Summary(NamedTuple):
    """Everything that the report of a run says."""

    experiment: str
    run_id: str
    engine: str
    categories: list[str]
    holdout_about: str
    stages: list[Stage]
    calls: list[Asked]
    scores: list[Score]
    compared: list[Compared]
    tickets: list[Sample]
    mistakes: list[Sample]
    training: str  # one sentence about the fine-tuning job
    prompts: dict[str, str]
    judge_check: str = ""  # one sentence about the judge on labelled requests; '' if it was not tried
    judge_can_tell: bool | None = None
    trained_rows: int = 0
    review: str = ""  # one sentence about what a person made of the tickets; '' if no review was wanted

    @property
    def calls_made(self) -> int:
        """Model calls that this run paid for."""
        return sum(asked.made for asked in self.calls)

    @property
    def served_by(self) -> list[str]:
        """Who really answered."""
        return sorted({name for score in self.scores for name in score.served_by.split(", ") if name})

    @property
    def best_set(self) -> str:
        """The most trustworthy evaluation set of this run: holdout, else test, else validation."""
        return next(name for name in SETS if any(score.evaluation_set == name for score in self.scores))

    @property
    def headline(self) -> str:
        """`tuned llama3.1-8b 0.95 (0.86–0.98), base 0.61, teacher 0.97, n = 63 (holdout)`, and who answered."""
        best: dict[str, Score] = {}
        for score in self.scores:
            if score.evaluation_set == self.best_set and score.accuracy >= best.get(score.role, score).accuracy:
                best[score.role] = score
        said = [f"{role.split()[0]} {best[role].accuracy:.2f}" for role in reversed(ROLES[:2]) if role in best]
        if "tuned student" in best:
            said.insert(0, f"tuned {self._student} {best['tuned student'].figure}")
        of = " (best variant each)" if len(self.prompts) > 1 else ""
        n = next(iter(best.values())).n
        return f"{', '.join(said)}{of}, n = {n} ({self.best_set}); answered by {', '.join(self.served_by)}"

    @property
    def _student(self) -> str:
        return next(score.model for score in self.scores if score.role == "base student")

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before believing a figure. A simulated run says so first."""
        said = []
        if any(name.startswith("simulated") for name in self.served_by):
            said.append("simulated models answered: the figures show that the machinery works, and nothing else")
        elif any(":" in name for name in self.served_by):
            said.append(f"models on this machine answered ({', '.join(self.served_by)}): no figure here is Cortex's")
        weights = {score.role: score.served_by for score in self.scores}
        if weights.get("teacher") and weights.get("teacher") == weights.get("base student"):
            said.append("teacher and base student are the same model: the student has no better one to learn from")
        judged = next((stage for stage in self.stages if stage.name == "kept by the judge"), None)
        if self.judge_can_tell is False:
            said.append(f"{self.judge_check}; its filter is not shown to improve the tickets")
        elif self.judge_can_tell is None and judged and not judged.lost:
            said.append("the judge dropped nothing: either every ticket is good, or this judge cannot tell")
        if self.best_set == "validation":
            said.append("no holdout: validation tickets are the teacher's own, and FINETUNE saw them; it flatters")
        return said
