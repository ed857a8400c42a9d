"""What figures of a run must reach: the fields of `promote` and `gate` in the experiment file."""

from collections.abc import Collection
from typing import Literal

from pydantic import Field

from cortex_distill.config_fields import Name, Strict
from cortex_distill.field_checks import Fault
from cortex_distill.spelling import suggestion

EvaluationSet = Literal["holdout", "test", "validation"]
Role = Literal["teacher", "base student", "tuned student"]


class Figures(Strict):
    """How good an accuracy must be, and on which rows."""

    set: EvaluationSet = Field(
        default="holdout", description="evaluation set whose figures count: holdout, test or validation"
    )
    min_accuracy: float = Field(ge=0, le=1, description="lowest accuracy on that set, as a share of its rows (0 to 1)")
    min_lower_bound: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="lowest lower end of the accuracy's 95 % interval, a share; against luck on few rows (0 to 1)",
    )

    @property
    def wanted(self) -> str:
        """The figures in words."""
        return f"{self.min_accuracy:g}, lower end {self.min_lower_bound:g}"

    def missing(self, accuracy: float, low: float) -> list[str]:
        """What is wanted and not reached; empty if nothing is."""
        reached = (
            ("accuracy", accuracy, self.min_accuracy),
            ("lower end of the 95 % interval", low, self.min_lower_bound),
        )
        return [f"{what} {is_:.3f} is {bar - is_:.3f} below {bar:g}" for what, is_, bar in reached if is_ < bar]


class Gate(Figures):
    """A bar that `distill run --gate` checks: a run below it ends with exit code 1."""

    who: Role = Field(default="tuned student", description="whose accuracy: teacher, base student or tuned student")
    prompt: Name | None = Field(default=None, description="variant in prompts; the best one of the role by default")


def gate_faults(bars: Collection[Gate], prompts: Collection[str]) -> list[Fault]:
    """Bars that no arm of the experiment can be held to."""
    faults: list[Fault] = []
    for place, bar in enumerate(bars):
        if bar.prompt is None:
            continue
        if bar.who == "tuned student":
            what = "the tuned student has one prompt, fine_tune.prompt; drop the key, or name another role"
            faults.append((("gate", place, "prompt"), what))
        elif bar.prompt not in prompts:
            faults.append((("gate", place, "prompt"), f"no variant '{bar.prompt}'; {suggestion(bar.prompt, prompts)}"))
    return faults
