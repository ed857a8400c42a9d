"""The part of an experiment file that answers an inbox: what is written, how long it may be, what a model may see."""

from typing import Literal

from pydantic import Field, model_validator

from cortex_distill.config_fields import TABLE, File, Label, Model, Name, Strict, Text, is_none
from cortex_distill.field_checks import Fault, faulty, one_of

Kind = Literal["email", "phone", "card", "iban", "link"]


class Inbox(Strict):
    """Tickets to be answered: exactly one of file and table, with the columns of Snowflake's support ticket table."""

    file: File | None = Field(default=None, description="CSV file of tickets; a path that starts beside this file")
    table: str | None = Field(
        default=None, pattern=TABLE, description="table or view, as DB.SCHEMA.NAME in plain words"
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Inbox":
        if faults := one_of(self.file, self.table):
            raise faulty(faults)
        return self


class SideBySide(Strict):
    """How two variants of the message prompt are compared: a judge sees both messages, in both orders."""

    judge: Model = Field(description="model that says which message is better; better not the one that wrote them")
    tickets: int = Field(
        default=100, ge=1, le=10_000, description="most tickets whose messages are compared (1 to 10000)"
    )
    max_tokens: int = Field(default=100, ge=1, le=8192, description="longest verdict, in tokens (1 to 8192)")
    structured_output: bool = Field(default=True, description="ask for a JSON schema; false if the model refuses")
    prompt: Text = Field(
        description='template with {{ first }} and {{ second }}; must ask for JSON like {"winner": "first"}, or tie'
    )


class Messages(Strict):
    """How the tickets of an inbox are answered (`distill messages`); nothing is sent to anyone."""

    model: Model = Field(description="model that writes the messages")
    prompts: dict[Name, Text] = Field(
        min_length=1, description="variants: name → template with {{ channel }} and {{ words }}, the limit"
    )
    inbox: Inbox | None = Field(
        default=None, exclude_if=is_none, description="the tickets; none by default, --inbox then says where they are"
    )
    only: list[Label] = Field(
        default_factory=list, description="categories whose tickets are answered; all where none is named"
    )
    text_words: int = Field(default=24, ge=1, le=500, description="most words of a text message (1 to 500)")
    email_words: int = Field(default=100, ge=1, le=2000, description="most words of an email (1 to 2000)")
    temperature: float = Field(
        default=0.0, ge=0, le=1, description="sampling temperature, without unit: 0 says the same each time (0 to 1)"
    )
    max_tokens: int = Field(default=512, ge=1, le=8192, description="longest message, in tokens (1 to 8192)")
    redact: list[Kind] = Field(
        default_factory=list,
        description="replaced by a mark before a model sees it: email, phone, card, iban, link; nothing by default",
    )
    compare: SideBySide | None = Field(
        default=None, exclude_if=is_none, description="judges the variants side by side; not done by default"
    )

    @model_validator(mode="after")
    def _whole(self) -> "Messages":
        faults: list[Fault] = []
        if self.compare is not None and len(self.prompts) < 2:
            what = "needs two variants to compare; write another one under messages.prompts, or drop it"
            faults.append((("compare",), what))
        if faults:
            raise faulty(faults)
        return self

    @property
    def models(self) -> dict[str, str]:
        """The models that are called, by the key that names them."""
        judge = {"messages.compare.judge": self.compare.judge} if self.compare else {}
        return {"messages.model": self.model} | judge
