"""Which models Cortex knows, and on which day an account that is new to all of them can call which (models.csv).

Sources: the pages of docs.snowflake.com that models.csv names, as they read on READ_ON, and
user-guide/snowflake-cortex/aisql-regional-availability, "Model lifecycle". The day a model was born is not among them.
"""

import csv
import re
from datetime import date
from importlib import resources
from typing import NamedTuple

READ_ON = date(2026, 11, 22)


class Listed(NamedTuple):
    """One line of the catalogue."""

    stage: str
    """GA or PUPR (public preview): what it is, or was before its legacy date."""
    legacy_date: date | None
    """From this day on only accounts that had used the model before may call it."""
    eol_date: str | None
    """After this day nobody may. Free text ("No sooner than …") is no date, and ends nothing."""
    context_window: int | None
    """Tokens; None where no page says."""
    max_output: int | None
    source: str

    def status(self, day: date) -> str:
        """GA, PUPR, LEGACY or EOL on that day, as SHOW CORTEX BASE MODELS spells them."""
        if (end := self.ends) is not None and day > end:
            return "EOL"
        return "LEGACY" if self.legacy_date is not None and day >= self.legacy_date else self.stage

    @property
    def ends(self) -> date | None:
        """The end-of-life date, if it is a date."""
        return date.fromisoformat(self.eol_date) if self.eol_date and re.match(r"\d", self.eol_date) else None


def _read() -> dict[str, Listed]:
    text = resources.files(__package__).joinpath("models.csv").read_text("utf-8")
    return {line["name"]: _listed(line) for line in csv.DictReader(text.splitlines())}


def _listed(line: dict[str, str]) -> Listed:
    legacy = date.fromisoformat(line["legacy_date"]) if line["legacy_date"] else None
    context, output = (int(line[key]) if line[key] else None for key in ("context_window", "max_output"))
    return Listed(line["stage"], legacy, line["eol_date"] or None, context, output, line["source"])


MODELS: dict[str, Listed] = _read()

# FINETUNE takes llama3.1-8b (docs: sql-reference/functions/finetune-create) and took the quickstart's llama3-8b,
# which left that page with its legacy date.
_TUNABLE = ("llama3.1-8b", "llama3-8b")

_PREFIX = "SNOWFLAKE.MODELS."


def base_name(name: str) -> str | None:
    """The catalogue's spelling of a model name (`SNOWFLAKE.MODELS."LLAMA3.1-8B"` works too); None if unknown."""
    plain = name[len(_PREFIX) :].strip('"') if name.upper().startswith(_PREFIX) else name
    return plain.lower() if plain.lower() in MODELS else None


def closed(name: str, day: date) -> str | None:
    """Why a new account cannot call that model of the catalogue on that day; None if it can."""
    listed = MODELS[name]
    status = listed.status(day)
    if status == "EOL":
        return f"its end of life was {listed.eol_date}; {_seen_from(day)}"
    if status == "LEGACY":
        return f"it is legacy since {listed.legacy_date}, and this account had not used it before; {_seen_from(day)}"
    return None


def tuned_closed(base: str, day: date) -> str | None:
    """Why a model that was fine-tuned from `base` no longer works on that day; None if it does.

    Source: docs: user-guide/snowflake-cortex/cortex-finetuning, "Limitations": it goes when its base is removed.
    """
    listed = MODELS[base]
    gone = listed.status(day) == "EOL"
    return f"the end of life of its base model {base} was {listed.eol_date}; {_seen_from(day)}" if gone else None


def tunable(day: date) -> list[str]:
    """The base models that FINETUNE accepts on that day."""
    return [name for name in _TUNABLE if closed(name, day) is None]


def _seen_from(day: date) -> str:
    return f"seen from {day}, see LOCAL_MODELS_AS_OF"
