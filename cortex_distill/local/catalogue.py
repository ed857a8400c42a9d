"""Which models Cortex knows: names, state, and where that is written."""

from typing import NamedTuple


class Listed(NamedTuple):
    """One line of the catalogue."""

    state: str
    """GA | PREVIEW | LEGACY (only accounts that used it before) | EOL (nobody). The local engine serves all."""
    source: str


_REGIONS = "aisql-regional-availability, about Oct 2026"
_GA, _PREVIEW, _LEGACY = Listed("GA", _REGIONS), Listed("PREVIEW", _REGIONS), Listed("LEGACY", _REGIONS)

# Names as Cortex spells them. Facts: cortex-facts.md sections 0 and 4 (docs.snowflake.com, read 2026-11-22).
MODELS: dict[str, Listed] = {
    "llama3.1-8b": _GA,
    "llama3.3-70b": _GA,
    "qwen3-32b": _GA,
    "qwen3-next-80b-a3b": _GA,
    "qwen3-vl-235b-a22b": _GA,
    "claude-haiku-4-5": _GA,
    "claude-sonnet-4-5": _GA,
    "claude-opus-4-5": _GA,
    "claude-sonnet-4-6": _GA,
    "claude-sonnet-5": _GA,
    "claude-opus-4-6": _GA,
    "claude-opus-4-7": _GA,
    "claude-opus-4-8": _GA,
    "claude-opus-5": _GA,
    "claude-opus-5-5": _PREVIEW,
    "openai-gpt-5": _GA,
    "openai-gpt-5-mini": _GA,
    "openai-gpt-5-nano": _GA,
    "openai-gpt-5.1": _GA,
    "openai-gpt-5.4-mini": _GA,
    "openai-gpt-5.4-nano": _GA,
    "mistral-large3": _PREVIEW,
    "llama3.1-70b": _LEGACY,
    "llama3-70b": _LEGACY,
    "llama4-maverick": _LEGACY,
    "mistral-large2": _LEGACY,
    "mixtral-8x7b": _LEGACY,
    "mistral-7b": _LEGACY,
    "llama3-8b": Listed("LEGACY", "bcr-august-model-deprecations (Ref 2388): legacy since 2026-08-12"),
    "openai-gpt-4.1": Listed("EOL", "aisql-regional-availability: EOL 2026-10-14"),
    "claude-4-sonnet": Listed("EOL", "aisql-regional-availability: EOL 2026-10-14"),
    # the quickstart's own, gone since
    "llama3.1-405b": Listed("EOL", "bcr-june-model-deprecations (Ref 2348): 2026-07-10"),
    "mistral-large": Listed("EOL", "bcr-june-model-deprecations (Ref 2348): 2026-07-10"),
    "snowflake-arctic": Listed("EOL", "bcr-april-model-deprecations: 2026-04-28"),
    "reka-flash": Listed("EOL", "bundle 2025_05, bcr-1984"),
}

# FINETUNE's base models: llama3.1-8b by the current page (finetune-create), llama3-8b by the quickstart.
TUNABLE = ("llama3.1-8b", "llama3-8b")

_PREFIX = "SNOWFLAKE.MODELS."


def base_name(name: str) -> str | None:
    """The catalogue's spelling of a model name (`SNOWFLAKE.MODELS."LLAMA3.1-8B"` works too); None if unknown."""
    plain = name[len(_PREFIX) :].strip('"') if name.upper().startswith(_PREFIX) else name
    return plain.lower() if plain.lower() in MODELS else None
