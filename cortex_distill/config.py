"""The experiment file as frozen, strict models: what may be in it, in which unit, between which bounds."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cortex_distill.config_fields import Label, MappingOrList, Model, Name, Strict, Text, Variant, is_default, is_none
from cortex_distill.config_gate import Figures, Gate, gate_faults
from cortex_distill.config_messages import Messages
from cortex_distill.config_refine import Refine, refine_faults
from cortex_distill.config_rows import NONE_OF_THESE, Holdout, Labelling, Tickets
from cortex_distill.config_tickets import NOTHING_WRITTEN, Deduplicate, Generate, Judge, Review, Vote
from cortex_distill.field_checks import Fault, alike, faulty
from cortex_distill.spelling import suggestion


class Models(Strict):
    """Who plays which role, by the names that Cortex uses."""

    teacher: Model = Field(description="model that writes the tickets, or labels real requests")
    judge: Model = Field(description="model that rates the tickets; better not the teacher")
    student: Model = Field(description="base model that is fine-tuned")


class Promote(Figures):
    """The gate before a tuned student gets an alias (`distill promote`)."""

    alias: Name = Field(description="what applications call the model: small letters, digits and _, at most 60")


class Budget(Strict):
    """What a run may spend; it stops before the batch of calls that would exceed it, and keeps what is answered."""

    max_credits: float = Field(gt=0, description="credits for the model calls of one run, by the price list (above 0)")


class Split(Strict):
    """Shares of the kept tickets; together they are 1."""

    train: float = Field(gt=0, le=1, description="share that the student is trained on (above 0, at most 1)")
    validation: float = Field(gt=0, le=1, description="share that models are measured on (above 0, at most 1)")
    test: float = Field(default=0.0, ge=0, le=1, description="share that is measured; nothing is chosen by it (0 to 1)")
    by: Literal["ticket", "call"] = Field(
        default="ticket",
        exclude_if=lambda by: by == "ticket",
        description="what stays whole: a ticket, or a call with all tickets that the teacher wrote in it",
    )

    @model_validator(mode="after")
    def _whole(self) -> "Split":
        total = self.train + self.validation + self.test
        rest = 1 - self.validation - self.test
        hint = f"write train: {rest:.9g}" if rest > 1e-9 else "write for instance train: 0.8, validation: 0.2"
        if abs(total - 1) > 1e-9:
            raise faulty([((), f"the shares should add up to 1, got {total:.10g}; {hint}")])
        return self


class FineTune(Strict):
    """How the student is trained."""

    prompt: Text = Field(default="{{ request }}", description="template with {{ request }}, for training and asking")
    rows: Literal["tickets", "examples", "both"] = Field(
        default="tickets", description="what the student learns from: tickets, generate.examples, or both"
    )
    max_epochs: int = Field(default=3, ge=1, le=10, description="epochs: passes over the training rows (1 to 10)")


class Evaluate(Strict):
    """How models are measured."""

    max_tokens: int = Field(
        default=32, ge=1, le=8192, description="longest answer, in tokens (1 to 8192); labels are short"
    )
    constrained: list[Name] = Field(
        default_factory=list,
        description="variants that can only answer with a category, by a JSON schema; none by default",
    )


class ExperimentConfig(Strict):
    """One file in configs/: what to distil, how to filter, which prompts to compare."""

    name: Name = Field(description="small letters, digits and _, at most 60 (^[a-z][a-z0-9_]*$)")
    description: str = Field(default="", description="what the experiment is for, in a sentence")
    categories: Annotated[dict[Label, str], MappingOrList()] = Field(
        description="label → definition, or a list of labels; at least 2, spelled as they will be scored"
    )
    models: Models = Field(description="who plays which role")
    generate: Generate = Field(
        default_factory=lambda: NOTHING_WRITTEN,
        exclude_if=lambda given: given == NOTHING_WRITTEN,
        description="how the teacher writes tickets; needed unless source names real requests",
    )
    judge: Judge = Field(description="how tickets are rated and filtered")
    deduplicate: Deduplicate = Field(
        default=Deduplicate(),
        exclude_if=is_default(Deduplicate()),
        description="tickets that repeat or resemble each other",
        examples=[{"drop": 0.8, "together": 0.6}],
    )
    split: Split = Field(description="shares of the kept tickets")
    prompts: dict[Variant, Text] = Field(min_length=1, description="variants: name → template with {{ request }}")
    fine_tune: FineTune = Field(default=FineTune(), description="how the student is trained")
    evaluate: Evaluate = Field(default=Evaluate(), description="how models are measured")
    source: Tickets = Field(
        default="synthetic", description="where tickets come from: synthetic, or a file or table of real requests"
    )
    holdout: Holdout | None = Field(default=None, description="rows written and labelled by people; none by default")
    # Left out of the hash and the record where they are not set: files without them keep the hash that they had.
    label: Labelling | None = Field(
        default=None, exclude_if=is_none, description="how the teacher labels real requests; needed if source has them"
    )
    vote: Vote | None = Field(
        default=None,
        exclude_if=is_none,
        description="blind vote of another model on the kept tickets; none by default",
        examples=[
            {"model": "claude-haiku-4-5", "prompt": "Which of {{ categories | join(', ') }} fits? {{ request }}"}
        ],
    )
    review: Review | None = Field(
        default=None,
        exclude_if=is_none,
        description="tickets that a person looks at; none by default",
        examples=[{"tickets": 10, "hours": 24.0}],
    )
    refine: Refine | None = Field(
        default=None,
        exclude_if=is_none,
        description="more tickets where categories were confused; none by default",
        examples=[{"pairs": [{"category": "Lost phone", "unlike": "Add new line", "tickets": 10}]}],
    )
    promote: Promote | None = Field(
        default=None, exclude_if=is_none, description="gate that `distill promote` wants passed; none by default"
    )
    gate: list[Gate] | None = Field(
        default=None,
        min_length=1,
        exclude_if=is_none,
        description="bars that `distill run --gate` checks, at least 1; none by default",
        examples=[[{"who": "teacher", "prompt": "with_definitions", "min_accuracy": 0.8}]],
    )
    budget: Budget | None = Field(
        default=None,
        exclude_if=is_none,
        description="where a run stops spending; no limit by default",
        examples=[{"max_credits": 5.0}],
    )
    messages: Messages | None = Field(
        default=None, exclude_if=is_none, description="how an inbox is answered (`distill messages`); not by default"
    )

    @model_validator(mode="after")
    def _whole(self) -> "ExperimentConfig":
        faults: list[Fault] = [
            (("evaluate", "constrained", place), f"no variant '{name}'; {suggestion(name, self.prompts)}")
            for place, name in enumerate(self.evaluate.constrained)
            if name not in self.prompts
        ]
        faults += [*self._tickets(), *self._labels(), *refine_faults(self.refine, self.categories)]
        if self.refine and not self.is_synthetic:
            faults.append((("refine",), "asks the teacher to write tickets, and source names real requests; drop it"))
        if self.fine_tune.rows != "tickets" and self.generate.examples is None:
            what = f"'{self.fine_tune.rows}' needs generate.examples; name a file there, or write tickets"
            faults.append((("fine_tune", "rows"), what))
        generate = self.generate
        if self.split.by == "call" and self.source == "synthetic" and generate.per_category <= generate.per_call:
            what = (
                f"'call' needs two calls a category, to train on and to validate on; lower generate.per_call"
                f" below generate.per_category ({generate.per_category})"
            )
            faults.append((("split", "by"), what))
        faults += [*self._sets(), *gate_faults(self.gate or [], self.prompts), *self._judges()]
        if self.vote and self.vote.abstain and len(self.categories) in alike([*self.categories, NONE_OF_THESE]):
            what = f"'{NONE_OF_THESE}' is a category, too; write false, and the vote can answer that category"
            faults.append((("vote", "abstain"), what))
        if faults:
            raise faulty(faults)
        return self

    @property
    def is_synthetic(self) -> bool:
        """Whether the teacher writes the tickets; else it labels those of `source`."""
        return self.source == "synthetic"

    def _tickets(self) -> list[Fault]:
        """What the source of the tickets needs, and has not."""
        if self.is_synthetic:
            missing = "is missing; write it: how the teacher writes tickets"
            unused = "is for real requests, and source is synthetic; add source: {file: ...}, or drop label"
            faults: list[Fault] = [(("generate",), missing)] if self.generate == NOTHING_WRITTEN else []
            return faults + ([(("label",), unused)] if self.label else [])
        if self.label is None:
            return [(("label",), "is missing; write it: how the teacher labels the requests of source")]
        *labels, last = [*self.categories, NONE_OF_THESE]
        if self.label.abstain and len(labels) in alike([*labels, last]):
            what = f"a category is '{last}', which is what the teacher says to abstain; rename it, or write false"
            return [(("label", "abstain"), what)]
        return []

    def _labels(self) -> list[Fault]:
        """Labels of the holdout that are mapped to something else than a category."""
        mapped = (self.holdout.labels or {}) if self.holdout else {}
        return [
            (("holdout", "labels", theirs), f"'{ours}' is no category; {suggestion(ours, self.categories)}")
            for theirs, ours in mapped.items()
            if ours is not None and ours not in self.categories
        ]

    def _sets(self) -> list[Fault]:
        """Evaluation sets that a gate names, and that the experiment has not."""
        wanted: list[tuple[tuple[str | int, ...], str]]
        wanted = [(("promote", "set"), self.promote.set)] if self.promote else []
        wanted += [(("gate", place, "set"), bar.set) for place, bar in enumerate(self.gate or [])]
        given = {"holdout": self.holdout is not None, "test": self.split.test > 0, "validation": True}
        needs = {"holdout": "holdout", "test": "split.test"}
        return [
            (where, f"there is no {name} set; add {needs[name]}, or write validation")
            for where, name in wanted
            if not given[name]
        ]

    def _judges(self) -> list[Fault]:
        """A judge that is named twice would count twice and say the same."""
        return [
            (("judge", "also", place), f"'{name}' judges already (models.judge or above); name another model")
            for place, name in enumerate(self.judge.also)
            if name in (self.models.judge, *self.judge.also[:place])
        ]

    @property
    def judges(self) -> list[str]:
        """Everybody who rates tickets, models.judge first."""
        return [self.models.judge, *self.judge.also]

    @property
    def asked(self) -> dict[str, str]:
        """Key in the file → model, of every model that a run asks; the tuned student has no key."""
        named = {f"models.{role}": model for role, model in self.models.model_dump().items()}
        named |= {f"judge.also.{place}": model for place, model in enumerate(self.judge.also)}
        return named | ({"vote.model": self.vote.model} if self.vote else {})
