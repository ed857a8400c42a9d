"""The experiment file as frozen, strict models: what may be in it, in which unit, between which bounds."""

import unicodedata
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from cortex_distill.prompts import RESERVED

Fault = tuple[tuple[str | int, ...], str]  # where, counted from the value that is checked; what is wrong and what to do


def _faulty(faults: Iterable[Fault]) -> PydanticCustomError:
    """One error that carries several faults in its context, so that none hides another."""
    listed = list(faults)
    return PydanticCustomError("faults", "{said}", {"said": "; ".join(what for _, what in listed), "faults": listed})


def _refusing(fault: Callable[[str], str]) -> AfterValidator:
    def check(text: str) -> str:
        message = fault(text)
        if message:
            raise _faulty([((), message)])
        return text

    return AfterValidator(check)


def _blank(text: str) -> str:
    return "" if text.strip() else "is empty; write its text, or leave the key out if it has a default"


def _absolute(file: str) -> str:
    absolute = PurePosixPath(file).is_absolute() or PureWindowsPath(file).is_absolute()
    return f"should start beside this file, got '{file}'; write a relative path" if absolute else _blank(file)


def _unfit(label: str) -> str:
    bad = sorted({f"U+{ord(mark):04X}" for mark in label if unicodedata.category(mark) in {"Cc", "Cs", "Zl", "Zp"}})
    checks = (
        (bad, f"a label holds line breaks or control characters ({', '.join(bad)}); take them out"),
        (not label.strip(), "a label is blank; write its name"),
        (label != label.strip(), f"label '{label}' starts or ends with a blank; write '{label.strip()}'"),
        (len(label) > 100, f"a label has at most 100 characters, got {len(label)}; move the rest to its definition"),
    )
    return next((message for wrong, message in checks if wrong), "")


def alike(labels: Iterable[str]) -> dict[int, str]:
    """A message for each label that differs from an earlier one only in case, blanks or Unicode form, by position."""
    seen: dict[str, str] = {}
    found: dict[int, str] = {}
    for position, label in enumerate(labels):
        folded = " ".join(unicodedata.normalize("NFC", label).casefold().split())
        if folded in seen:
            found[position] = f"is the same label as '{seen[folded]}' but for case and blanks; rename or drop one"
        seen.setdefault(folded, label)
    return found


def _categories(given: dict[str, str] | list[str]) -> dict[str, str]:
    keys = list(given) if isinstance(given, dict) else range(len(given))
    faults: list[Fault] = [((keys[position],), message) for position, message in alike(given).items()]
    if len(given) < 2:
        faults.append(((), f"should have at least 2 categories, got {len(given)}; add one"))
    if faults:
        raise _faulty(faults)
    return given if isinstance(given, dict) else dict.fromkeys(given, "")


class _MappingOrList:
    """A mapping label → definition, or a plain list of labels (definitions then are empty)."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        after = core_schema.no_info_after_validator_function
        plain = core_schema.list_schema(handler.generate_schema(Label))
        choices: dict[Any, CoreSchema] = {
            "mapping": after(_categories, handler(source)),
            "list": after(_categories, plain),
        }
        return core_schema.tagged_union_schema(choices, lambda value: "list" if isinstance(value, list) else "mapping")


_TAKEN = "'{}' already means something in templates; choose another name"
_TUNED = "'tuned' names the tuned student's own prompt; choose another name"
Text = Annotated[str, _refusing(_blank), Field(json_schema_extra={"pattern": r"\S"})]
File = Annotated[str, _refusing(_absolute)]
Label = Annotated[str, _refusing(_unfit)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Attribute = Annotated[Name, _refusing(lambda name: _TAKEN.format(name) if name in RESERVED else "")]
Variant = Annotated[Name, _refusing(lambda name: _TUNED if name == "tuned" else "")]
Bar = Annotated[float, Field(ge=1, le=5)]
TABLE = r"^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*){2}$"


class Strict(BaseModel):
    """Data only: no unknown keys, no conversions, no changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Models(Strict):
    """Who plays which role, by the names that Cortex uses."""

    teacher: Text = Field(description="model that writes the tickets")
    judge: Text = Field(description="model that rates the tickets; better not the teacher")
    student: Text = Field(description="base model that is fine-tuned")


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
    prompt: Text = Field(description="template with {{ request }}; must ask for JSON with each criterion")


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
            raise _faulty([((), f"the shares should add up to 1, got {total:.10g}; {hint}")])
        return self


class FineTune(Strict):
    """How the student is trained."""

    prompt: Text = Field(default="{{ request }}", description="template with {{ request }}, for training and asking")
    max_epochs: int = Field(default=3, ge=1, le=10, description="passes over the training tickets (1 to 10)")


class Evaluate(Strict):
    """How models are measured."""

    max_tokens: int = Field(
        default=32, ge=1, le=8192, description="longest answer, in tokens (1 to 8192); labels are short"
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
            raise _faulty([((), f"should have exactly one of file and table, got {len(given)}; write one of them")])
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
