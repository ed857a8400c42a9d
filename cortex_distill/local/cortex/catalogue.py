"""Which models an account that is new to all of them can call, and fine-tune, on which day.

The models themselves are in `cortex_distill.model_catalogue`, which says where each date comes from.
"""

from datetime import date

from cortex_distill.model_catalogue import MODELS as MODELS
from cortex_distill.model_catalogue import TUNABLE

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
    return [name for name in TUNABLE if closed(name, day) is None]


def _seen_from(day: date) -> str:
    return f"seen from {day}, see LOCAL_MODELS_AS_OF"
