"""The parts of an experiment file that say how tickets are written and which of them are trusted."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cortex_distill.config_fields import Attribute, Bar, File, Model, Name, Strict, Text, is_default
from cortex_distill.config_rows import NONE_OF_THESE
from cortex_distill.field_checks import faulty


class Examples(Strict):
    """Real tickets that show the teacher what is meant."""

    file: File = Field(description="JSON lines with category, scenario, request; a path that starts beside this file")
    per_call: int = Field(default=4, ge=1, le=20, description="examples shown in one model call (1 to 20)")


class Generate(Strict):
    """How the teacher writes tickets."""

    per_category: int = Field(
        default=25, ge=1, le=100_000, description="tickets that each category is to end with, all kept (1 to 100000)"
    )
    rounds: int = Field(
        default=3,
        ge=1,
        le=10,
        description="times that tickets are asked for, until no category is short; 1: no refill (1 to 10)",
    )
    per_call: int = Field(default=25, ge=1, le=100, description="tickets asked for in one model call (1 to 100)")
    temperature: float = Field(
        default=0.8, ge=0, le=1, description="sampling temperature, without unit: 0 says the same each time (0 to 1)"
    )
    max_tokens: int = Field(default=4096, ge=1, le=8192, description="longest reply of one call, in tokens (1 to 8192)")
    structured_output: bool = Field(default=True, description="ask for a JSON schema; false if the model refuses")
    vary: dict[Attribute, Annotated[list[Text], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="attribute → texts, as tone: [calm, angry]; each call gets one of each, so that tickets differ",
    )
    examples: Examples | None = Field(default=None, description="real tickets shown to the teacher; none by default")
    not_again: int = Field(
        default=0,
        ge=0,
        le=8000,
        exclude_if=is_default(0),
        description="tokens of tickets written before that a call shows, as {{ written }}; 0: none (0 to 8000)",
    )
    prompt: Text = Field(
        description="template with {{ category }}; count, examples, written and each attribute of vary if set"
    )


# Stands where the teacher writes no ticket (`source:` names real requests); nothing asks a model with it.
NOTHING_WRITTEN = Generate(prompt="{{ category }}")


class Judge(Strict):
    """How tickets are rated, and how high the bar is."""

    thresholds: dict[Name, Bar] = Field(min_length=1, description="criterion → lowest rating that is kept (1 to 5)")
    temperature: float = Field(
        default=0.0, ge=0, le=1, description="sampling temperature, without unit: 0 says the same each time (0 to 1)"
    )
    max_tokens: int = Field(default=512, ge=1, le=8192, description="longest rating, in tokens (1 to 8192)")
    structured_output: bool = Field(default=True, description="ask for a JSON schema; false if the model refuses")
    check: int = Field(
        default=20,
        ge=0,
        le=1000,
        description="holdout rows rated under their own and another category, to see if the judge can tell (0 to 1000)",
    )
    prompt: Text = Field(description="template with {{ request }}; must ask for JSON with each criterion")
    # Left out of the hash where they are not set: files without them keep the hash that they had.
    also: list[Model] = Field(
        default_factory=list,
        exclude_if=is_default([]),
        description="further judges: same prompt and thresholds; none by default",
    )
    agree: Literal["all", "majority"] = Field(
        default="all", exclude_if=is_default("all"), description="how many judges must keep a ticket: all or majority"
    )


class Vote(Strict):
    """A second model that is asked, blind, which category a ticket belongs to; tickets put elsewhere are dropped."""

    model: Model = Field(description="model that votes; better neither the teacher nor a judge")
    prompt: Text = Field(description="template with {{ request }} and all categories, never the ticket's own")
    max_tokens: int = Field(default=32, ge=1, le=8192, description="longest answer, in tokens (1 to 8192)")
    constrained: bool = Field(default=True, description="only a category can be answered, by a JSON schema")
    abstain: bool = Field(
        default=False, description=f"may also answer '{NONE_OF_THESE}', which the prompt has as {{{{ none_of_these }}}}"
    )
    unreadable: Literal["keep", "drop"] = Field(
        default="keep", description="what becomes of a ticket whose vote names nothing on the list: keep or drop"
    )


class Deduplicate(Strict):
    """How alike two tickets may be: the share of word pairs that they have in common, from 0 to 1."""

    drop: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="share of word pairs in common that makes a repeat; 1: only exact ones (above 0, at most 1)",
    )
    together: float = Field(
        default=0.6,
        gt=0,
        le=1,
        description="share of word pairs in common that keeps tickets on one side; at most drop (above 0, at most 1)",
    )

    @model_validator(mode="after")
    def _in_order(self) -> "Deduplicate":
        if self.together > self.drop:
            what = f"should be at most drop, {self.drop:g}, got {self.together:g}; lower it, or raise drop"
            raise faulty([(("together",), what)])
        return self

    @property
    def near(self) -> bool:
        """Whether tickets that only resemble each other are looked for."""
        return self.drop < 1


class Review(Strict):
    """Tickets that a person looks at after the judge, in Prefect's UI."""

    tickets: int = Field(
        default=10, ge=1, le=50, description="tickets shown, half of them dropped by the judge (1 to 50)"
    )
    hours: float = Field(
        default=24.0, gt=0, le=720, description="hours that the run waits for answers (above 0, at most 720)"
    )
