"""The parts of an experiment file that name rows of people: a labelled holdout, and real requests to be labelled."""

import re
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from cortex_distill.config_fields import TABLE, File, Label, Strict, Text, is_none
from cortex_distill.field_checks import Fault, faulty, one_of

NONE_OF_THESE = "none of these"  # what a model says of a request that belongs to no category
Column = Annotated[Text, Field(max_length=255)]
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


class Columns(Strict):
    """What the columns of the holdout are called; in a file, capital or small letters do not matter."""

    request: Column = Field(default="request", description="column with the text; request by default")
    category: Column = Field(default="category", description="column with the label; category by default")


class Holdout(Strict):
    """Rows written and labelled by people: exactly one of file and table."""

    file: File | None = Field(
        default=None, description="CSV file of labelled requests; a path that starts beside this file"
    )
    table: str | None = Field(
        default=None, pattern=TABLE, description="table or view, as DB.SCHEMA.NAME in plain words"
    )
    about: str = Field(default="", description="who wrote and labelled the rows; shown beside each figure")
    # Left out of the hash where they are not set, as in config.py.
    columns: Columns | None = Field(
        default=None, exclude_if=is_none, description="names of its columns; request and category by default"
    )
    labels: dict[str, Label | None] | None = Field(
        default=None, exclude_if=is_none, description="label there → category here; null leaves its rows out"
    )
    source: Text | None = Field(
        default=None, exclude_if=is_none, description="where the file is to be had, if it does not come with this one"
    )
    licence: Text | None = Field(
        default=None, exclude_if=is_none, description="licence of the rows, shown beside their source"
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Holdout":
        names = self.columns or Columns()
        faults = one_of(self.file, self.table)
        if self.table is not None:
            faults += _plain({("columns", "request"): names.request, ("columns", "category"): names.category})
        if faults:
            raise faulty(faults)
        return self

    def told(self, left_out: int) -> str:
        """Who wrote the rows, where they are from, and how many were left out on purpose; '' if nothing is known."""
        rows = "1 row" if left_out == 1 else f"{left_out:,} rows"
        origin = ", ".join(filter(None, [f"from {self.source}" if self.source else "", self.licence]))
        left = f"{rows} left out, as holdout.labels says" if left_out else ""
        return "; ".join(filter(None, [self.about, origin, left]))


class Source(Strict):
    """Real requests, which the teacher labels: exactly one of file and table. No column but these two is read."""

    file: File | None = Field(default=None, description="CSV file of requests; a path that starts beside this file")
    table: str | None = Field(
        default=None, pattern=TABLE, description="table or view, as DB.SCHEMA.NAME in plain words"
    )
    request: Column = Field(default="request", description="column with the request; request by default")
    id: Column = Field(default="id", description="column with the key of a row there; id by default")
    max_characters: int = Field(
        default=8000,
        ge=1,
        le=100_000,
        description="characters of a request; longer ones are dropped, and counted (1 to 100000)",
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Source":
        faults = one_of(self.file, self.table)
        if self.table is not None:
            faults += _plain({("request",): self.request, ("id",): self.id})
        if faults:
            raise faulty(faults)
        return self


def _kind(value: Any) -> str:
    return "rows" if isinstance(value, dict | Source) else "synthetic"


Tickets = Annotated[
    Annotated[Literal["synthetic"], Tag("synthetic")] | Annotated[Source, Tag("rows")], Discriminator(_kind)
]


class Labelling(Strict):
    """How the teacher labels real requests."""

    abstain: bool = Field(
        default=True, description=f"whether it may answer '{NONE_OF_THESE}'; such requests are dropped, and counted"
    )
    max_tokens: int = Field(default=64, ge=1, le=8192, description="longest answer, in tokens (1 to 8192)")
    structured_output: bool = Field(default=True, description="ask for a JSON schema; false if the model refuses")
    prompt: Text = Field(
        description="template with {{ request }}; categories, examples and none_of_these (the words for it) if wanted"
    )


def _plain(columns: dict[tuple[str, ...], str]) -> list[Fault]:
    what = "of a table should be a plain word of letters, digits, _ and $, got {!r}; make a view with such names"
    return [(at, what.format(name)) for at, name in columns.items() if not _PLAIN.fullmatch(name)]
