"""What a run found, in numbers and sentences; the report and the terminal show the same Summary."""

from collections.abc import Sequence
from typing import NamedTuple

from cortex_distill.agreement import Trust
from cortex_distill.answered import NOTHING_ELSE, is_local, is_simulated, not_cortex
from cortex_distill.diversity import Diversity
from cortex_distill.funnel import Stage as Stage
from cortex_distill.ledger import Asked
from cortex_distill.lost_replies import Lost
from cortex_distill.planned import Against
from cortex_distill.prices import credits
from cortex_distill.quotas import Quotas
from cortex_distill.report_leaks import Leaks
from cortex_distill.report_requests import Requests
from cortex_distill.scores import ROLES, SETS, Score
from cortex_distill.standings import Standing
from cortex_distill.verdicts import Verdict
from cortex_distill.weak_spots import WeakSpots, used_up

DISTILLED = "distillation"  # the tuned student against the best of base student and teacher


class Compared(NamedTuple):
    """A verdict about two arms of one run, and where it comes from."""

    role: str  # whose variants were compared, or DISTILLED
    evaluation_set: str
    verdict: Verdict


class Sample(NamedTuple):
    """A ticket as the judge saw it."""

    category: str
    request: str
    remark: str


class Mistake(NamedTuple):
    """A request that the tuned student got wrong, and how many of the other arms got it right."""

    category: str
    request: str
    answer: str
    teachers: tuple[int, int]  # right, of how many
    bases: tuple[int, int]


class Spent(NamedTuple):
    """The calls that this run made of one model in one step."""

    step: str
    model: str
    served_by: str
    calls: int
    failed: int
    prompt_tokens: int
    completion_tokens: int

    @property
    def credits(self) -> float | None:
        """Estimated; None for a stand-in and for a model without a price."""
        return credits(self.model, self.served_by, self.prompt_tokens, self.completion_tokens)


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
    mistakes: list[Mistake]  # the worst, see tasks/report.py
    training: str  # one sentence about the fine-tuning job
    prompts: dict[str, str]
    judge_check: str = ""  # one sentence about the judge on labelled requests; '' if it was not tried
    judge_can_tell: bool | None = None
    spent: Sequence[Spent] = ()  # in the order in which they began
    earlier: Sequence[Standing] = ()  # other runs of the experiment, newest first
    constrained: Sequence[str] = ()  # variants that can only answer with a category
    planned: Sequence[Against] = ()  # against actual; () where the run has no plan
    review: str = ""  # one sentence about what a person made of the tickets; '' if no review was wanted
    lost: Sequence[Lost] = ()  # replies that could not be used, by reason
    requests: Requests | None = None  # real ones that the teacher labelled; None where it wrote the tickets
    trust: Trust | None = None  # how far labels agree; None where a single judge is all there is
    leaks: Leaks | None = None  # between what is learnt from and what is measured on
    repeats: str = ""  # tickets that repeat another
    together: str = ""  # tickets that stay in one share
    weak: Sequence[WeakSpots] = ()  # by evaluation set, the most trustworthy first
    refined_on: Sequence[str] = ()  # evaluation sets that showed the pairs of `refine`
    quotas: Quotas | None = None  # categories from asked to kept; None where nobody was asked for tickets
    diversity: Diversity | None = None
    artifact: str = ""  # the id of the one that shows it in Prefect

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
    def best(self) -> dict[str, Score]:
        """Role → its most accurate arm on the most trustworthy set."""
        best: dict[str, Score] = {}
        for score in self.scores:
            if score.evaluation_set == self.best_set and score.accuracy >= best.get(score.role, score).accuracy:
                best[score.role] = score
        return best

    @property
    def is_simulated(self) -> bool:
        """Whether anybody who answered was a stand-in without a model."""
        return any(map(is_simulated, self.served_by))

    @property
    def headline(self) -> str:
        """`tuned llama3.1-8b 0.95 (0.86–0.98), base 0.61, teacher 0.97, n = 63 (holdout)`, and who answered."""
        best = self.best
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
        if self.is_simulated:
            said.append(f"simulated models answered: {NOTHING_ELSE}")
        elif any(map(is_local, self.served_by)):
            said.append(not_cortex(self.served_by))
        if self.best_set in self.refined_on:
            said.append(used_up([self.best_set]))
        weights = {score.role: score.served_by for score in self.scores}
        if weights.get("teacher") and weights.get("teacher") == weights.get("base student"):
            said.append("teacher and base student are the same model: the student has no better one to learn from")
        if self.quotas and self.quotas.warning:
            said.append(self.quotas.warning)
        judged = next((stage for stage in self.stages if stage.name == "kept by the judge"), None)
        if self.judge_can_tell is False:
            said.append(f"{self.judge_check}; its filter is not shown to improve the tickets")
        elif self.judge_can_tell is None and judged and not judged.lost:
            said.append("the judge dropped nothing: either every ticket is good, or this judge cannot tell")
        if self.trust is not None and self.trust.warning:
            said.append(self.trust.warning)
        if self.best_set == "validation":
            own = "requests have the teacher's own labels" if self.requests else "tickets are the teacher's own"
            said.append(f"no holdout: validation {own}, and FINETUNE saw them; it flatters")
        return said
