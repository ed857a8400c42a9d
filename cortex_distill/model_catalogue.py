"""Which models Snowflake has documented for Cortex, and when each became legacy or ended (models.csv).

Sources: the pages of docs.snowflake.com that models.csv names, as they read on READ_ON, and
user-guide/snowflake-cortex/aisql-regional-availability, "Model lifecycle". The day a model was born is not among them.
An account knows better: where SHOW CORTEX BASE MODELS says something else, that counts.
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
    context = int(line["context_window"]) if line["context_window"] else None
    return Listed(line["stage"], legacy, line["eol_date"] or None, context, line["source"])


MODELS: dict[str, Listed] = _read()

# FINETUNE takes llama3.1-8b (docs: sql-reference/functions/finetune-create) and took the quickstart's llama3-8b,
# which left that page with its legacy date.
TUNABLE = ("llama3.1-8b", "llama3-8b")
# Training or validation rows at one epoch; with more epochs so many times fewer (docs:
# user-guide/snowflake-cortex/cortex-finetuning, "Number of rows limits").
MOST_TRAINING_ROWS = {"llama3.1-8b": 150_000}
# Where it trains (docs: user-guide/snowflake-cortex/cortex-finetuning), as CURRENT_REGION spells regions.
TUNING_REGIONS = ("AWS_US_WEST_2", "AWS_US_EAST_1", "AWS_EU_CENTRAL_1", "AZURE_EASTUS2")
# In some regions a model's context is shorter (docs: aisql-regional-availability, "Model restrictions").
SHORTER_CONTEXT = {
    ("llama3.1-8b", "AWS_AP_SOUTHEAST_2"): 16_384,
    ("llama3.1-8b", "AWS_EU_WEST_1"): 16_384,
    ("llama3-8b", "AWS_AP_SOUTHEAST_2"): 4_096,
}


def context_of(model: str, region: str) -> int | None:
    """Tokens that a prompt may have; None where no page says."""
    listed = MODELS.get(model)
    return SHORTER_CONTEXT.get((model, region), listed.context_window if listed else None)
