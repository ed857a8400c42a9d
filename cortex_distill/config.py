"""The experiment file as frozen, strict models: what may be in it, in which unit, between which bounds."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from cortex_distill.field_checks import (
    checked_categories,
    fault_of_file,
    fault_of_label,
    fault_of_model,
    fault_of_text,
    faulty,
    refusing,
)
from cortex_distill.prompts import RESERVED, suggestion


class _MappingOrList:
    """A mapping label → definition, or a plain list of labels (definitions then are empty)."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        after = core_schema.no_info_after_validator_function
        plain = core_schema.list_schema(handler.generate_schema(Label))
        choices: dict[Any, CoreSchema] = {
            "mapping": after(checked_categories, handler(source)),
            "list": after(checked_categories, plain),
        }
        return core_schema.tagged_union_schema(choices, lambda value: "list" if isinstance(value, list) else "mapping")


_TAKEN = "'{}' already means something in templates; choose another name"
_TUNED = "'tuned' names the tuned student's own prompt; choose another name"
Text = Annotated[str, refusing(fault_of_text), Field(json_schema_extra={"pattern": r"\S"})]
File = Annotated[str, refusing(fault_of_file)]
Model = Annotated[str, refusing(fault_of_model), Field(json_schema_extra={"pattern": r"\S"})]
Label = Annotated[str, refusing(fault_of_label)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Attribute = Annotated[Name, refusing(lambda name: _TAKEN.format(name) if name in RESERVED else "")]
Variant = Annotated[Name, refusing(lambda name: _TUNED if name == "tuned" else "")]
Bar = Annotated[float, Field(ge=1, le=5)]
TABLE = r"^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*){2}$"


def _is_none(value: object) -> bool:
    return value is None


class Strict(BaseModel):
    """Data only: no unknown keys, no conversions, no changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Models(Strict):
    """Who plays which role, by the names that Cortex uses."""

    teacher: Model = Field(description="model that writes the tickets")
    judge: Model = Field(description="model that rates the tickets; better not the teacher")
    student: Model = Field(description="base model that is fine-tuned")


class Examples(Strict):
    """Real tickets that show the teacher what is meant."""

    file: File = Field(description="JSON lines with category, scenario, request; a path that starts beside this file")
    per_call: int = Field(default=4, ge=1, le=20, description="examples shown in one model call (1 to 20)")


class Generate(Strict):
    """How the teacher writes tickets."""

    per_category: int = Field(default=25, ge=1, le=100_000, description="tickets asked for, per category (1 to 100000)")
    per_call: int = Field(default=25, ge=1, le=100, description="tickets asked for in one model call (1 to 100)")
    temperature: float = Field(default=0.8, ge=0, le=1, description="how much replies may differ (0 to 1)")
    max_tokens: int = Field(default=4096, ge=1, le=8192, description="longest reply of one call, in tokens (1 to 8192)")
    structured_output: bool = Field(default=True, description="ask for a JSON schema; false if the model refuses")
    vary: dict[Attribute, Annotated[list[Text], Field(min_length=1)]] = Field(
        default_factory=dict, description="attribute → texts; each call gets one of each, so that calls differ"
    )
    examples: Examples | None = Field(default=None, description="real tickets shown to the teacher; none by default")
    prompt: Text = Field(description="template with {{ category }}; count, examples and each attribute of vary if set")


class Judge(Strict):
    """How tickets are rated, and how high the bar is."""

    thresholds: dict[Name, Bar] = Field(min_length=1, description="criterion → lowest rating that is kept (1 to 5)")
    temperature: float = Field(default=0.0, ge=0, le=1, description="how much ratings may differ (0 to 1)")
    max_tokens: int = Field(default=512, ge=1, le=8192, description="longest rating, in tokens (1 to 8192)")
    structured_output: bool = Field(default=True, description="ask for a JSON schema; false if the model refuses")
    check: int = Field(
        default=20, ge=0, le=1000, description="holdout rows rated under their own and another category (0 to 1000)"
    )
    prompt: Text = Field(description="template with {{ request }}; must ask for JSON with each criterion")


class Review(Strict):
    """Tickets that a person looks at after the judge, in Prefect's UI."""

    tickets: int = Field(
        default=10, ge=1, le=50, description="tickets shown, half of them dropped by the judge (1 to 50)"
    )
    hours: float = Field(default=24.0, gt=0, le=720, description="how long the run waits for answers (up to 720)")


class Promote(Strict):
    """The gate before a tuned student gets an alias (`distill promote`)."""

    alias: Name = Field(description="what applications call the model: small letters, digits and _, at most 60")
    set: Literal["holdout", "test", "validation"] = Field(
        default="holdout", description="evaluation set whose figures count: holdout, test or validation"
    )
    min_accuracy: float = Field(ge=0, le=1, description="lowest accuracy on that set (0 to 1)")
    min_lower_bound: float = Field(
        default=0.0, ge=0, le=1, description="lowest lower end of its 95 % interval, against luck on few rows (0 to 1)"
    )


class Budget(Strict):
    """What a run may spend; it stops before the batch of calls that would exceed it, and keeps what is answered."""

    max_credits: float = Field(gt=0, description="credits for the model calls of one run, by the price list (above 0)")


class Split(Strict):
    """Shares of the kept tickets; together they are 1."""

    train: float = Field(gt=0, le=1, description="share that the student is trained on (above 0, at most 1)")
    validation: float = Field(gt=0, le=1, description="share that models are measured on (above 0, at most 1)")
    test: float = Field(default=0.0, ge=0, le=1, description="share that nothing is chosen by (0 to 1)")

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
    max_epochs: int = Field(default=3, ge=1, le=10, description="passes over the training tickets (1 to 10)")


class Evaluate(Strict):
    """How models are measured."""

    max_tokens: int = Field(
        default=32, ge=1, le=8192, description="longest answer, in tokens (1 to 8192); labels are short"
    )
    constrained: list[Name] = Field(
        default_factory=list, description="variants that can only answer with a category, by a JSON schema; none"
    )


class Holdout(Strict):
    """Rows written and labelled by people: exactly one of file and table, with columns request and category."""

    file: File | None = Field(default=None, description="CSV file; a path that starts beside this file")
    table: str | None = Field(default=None, pattern=TABLE, description="DB.SCHEMA.NAME, plain words")
    about: str = Field(default="", description="who wrote and labelled the rows; shown beside each figure")

    @model_validator(mode="after")
    def _one_source(self) -> "Holdout":
        given = [source for source in (self.file, self.table) if source is not None]
        if len(given) != 1:
            raise faulty([((), f"should have exactly one of file and table, got {len(given)}; write one of them")])
        return self


class ExperimentConfig(Strict):
    """One file in configs/: what to distil, how to filter, which prompts to compare."""

    name: Name = Field(description="small letters, digits and _, at most 60 (^[a-z][a-z0-9_]*$)")
    description: str = Field(default="", description="what the experiment is for, in a sentence")
    categories: Annotated[dict[Label, str], _MappingOrList()] = Field(
        description="label → definition, or a list of labels; at least 2, spelled as they will be scored"
    )
    models: Models = Field(description="who plays which role")
    generate: Generate = Field(description="how the teacher writes tickets")
    judge: Judge = Field(description="how tickets are rated and filtered")
    split: Split = Field(description="shares of the kept tickets")
    prompts: dict[Variant, Text] = Field(min_length=1, description="variants: name → template with {{ request }}")
    fine_tune: FineTune = Field(default=FineTune(), description="how the student is trained")
    evaluate: Evaluate = Field(default=Evaluate(), description="how models are measured")
    source: Literal["synthetic"] = Field(default="synthetic", description="where tickets come from: the teacher")
    holdout: Holdout | None = Field(default=None, description="rows written and labelled by people; none by default")
    # Left out of the hash and the record where they are not set: files without them keep the hash that they had.
    review: Review | None = Field(
        default=None, exclude_if=_is_none, description="tickets that a person looks at; none by default"
    )
    promote: Promote | None = Field(
        default=None, exclude_if=_is_none, description="gate that `distill promote` wants passed; none by default"
    )
    budget: Budget | None = Field(
        default=None, exclude_if=_is_none, description="where a run stops spending; no limit by default"
    )

    @model_validator(mode="after")
    def _whole(self) -> "ExperimentConfig":
        faults: list[tuple[tuple[str | int, ...], str]] = [
            (("evaluate", "constrained", place), f"no variant '{name}'; {suggestion(name, self.prompts)}")
            for place, name in enumerate(self.evaluate.constrained)
            if name not in self.prompts
        ]
        if self.fine_tune.rows != "tickets" and self.generate.examples is None:
            what = f"'{self.fine_tune.rows}' needs generate.examples; name a file there, or write tickets"
            faults.append((("fine_tune", "rows"), what))
        gate = self.promote.set if self.promote else ""
        if (gate == "holdout" and self.holdout is None) or (gate == "test" and not self.split.test):
            source = "holdout" if gate == "holdout" else "split.test"
            what = f"there is no {gate} set; add {source}, or write validation"
            faults.append((("promote", "set"), what))
        if faults:
            raise faulty(faults)
        return self
