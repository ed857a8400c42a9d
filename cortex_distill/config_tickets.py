"""The parts of an experiment file that say where tickets come from and which of them are trusted."""

from typing import Annotated

from pydantic import Field, model_validator

from cortex_distill.config_fields import TABLE, Attribute, Bar, File, Name, Strict, Text
from cortex_distill.field_checks import faulty


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


class Deduplicate(Strict):
    """How alike two tickets may be: the share of word pairs that they have in common, from 0 to 1."""

    drop: float = Field(
        default=0.8, gt=0, le=1, description="tickets this alike are one: the later is dropped; 1: only exact repeats"
    )
    together: float = Field(
        default=0.6, gt=0, le=1, description="tickets this alike stay in one share; at most drop (above 0, at most 1)"
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
    hours: float = Field(default=24.0, gt=0, le=720, description="how long the run waits for answers (up to 720)")


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
