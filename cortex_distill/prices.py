"""What a million tokens cost, in credits: an estimate from a dated file, because the price list is a PDF and changes.

In:   the file that $DISTILL_PRICES names, else prices.yaml beside this module
Prices belong to a contract and not to an experiment, so no experiment file names them: one variable serves all.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cortex_distill.errors import SetupError

VARIABLE = "DISTILL_PRICES"
OWN = Path(__file__).with_name("prices.yaml")
MILLION = 1_000_000
NO_PRICE = "no price known"
Credits = Annotated[float, Field(ge=0)]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Rates(_Data):
    """Credits for a million tokens; None where the file says nothing."""

    input: Credits
    output: Credits
    training: Credits | None = None


class PriceList(_Data):
    """Prices of one source, as of one day."""

    date: str
    source: str
    models: dict[str, Rates]


class PriceFile(_Data):
    """All lists. Of a model that stands in several the last one counts."""

    lists: list[PriceList] = Field(min_length=1)
    dollars_per_credit: Credits | None = None


class Price(_Data):
    """What one model costs, and who says so."""

    input: float
    output: float
    training: float | None
    date: str
    source: str


def price(model: str) -> Price | None:
    """The price of a model by its Cortex name; None if no list has it. Raises SetupError for an unusable file."""
    for listed in reversed(price_file().lists):
        if model in listed.models:
            return Price(**listed.models[model].model_dump(), date=listed.date, source=listed.source)
    return None


def price_file() -> PriceFile:
    """Every price that is known here. Raises SetupError if the file is not there or not what it should be."""
    return _read(Path(os.environ.get(VARIABLE) or OWN))


def dollars(amount: float) -> float | None:
    """Credits in US dollars; None if the file does not say what one costs."""
    each = price_file().dollars_per_credit
    return None if each is None else amount * each


def credits(model: str, served_by: str, tokens: int, completion_tokens: int | None = None) -> float | None:
    """Estimated credits of calls that were made. `tokens` are those of the prompts, or, without `completion_tokens`,
    those of prompts and replies together, which then count at the dearer of the two prices.

    None for a model without a price, and for whatever did not answer under its own name: a stand-in on this machine
    costs nothing, and its token counts are not Cortex's.
    """
    return expected(model, tokens, completion_tokens) if served_by == model else None


def expected(model: str, tokens: float, completion_tokens: float | None = None) -> float | None:
    """The same for calls that Cortex would answer, whoever answers here; None for a model without a price."""
    known = price(model)
    if known is None:
        return None
    if completion_tokens is None:
        return tokens * max(known.input, known.output) / MILLION
    return (tokens * known.input + completion_tokens * known.output) / MILLION


def prices_of(model: str) -> str | None:
    """Date and source of a model's price; None if it has none."""
    known = price(model)
    return f"{known.date}: {known.source}" if known else None


@lru_cache
def _read(path: Path) -> PriceFile:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        return PriceFile.model_validate(data)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SetupError(f"{path}: the price file cannot be read: {error}; mend it, or unset {VARIABLE}") from error
    except ValidationError as error:
        wrong = "\n".join(
            f"{path}: {'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}"
            for one in error.errors(include_url=False)
        )
        raise SetupError(f"{wrong}\nWrite it like {OWN.name} of this package, or unset {VARIABLE}.") from error
