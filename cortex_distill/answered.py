"""Who really answered, by `served_by`: simulated models, models on this machine, or Cortex; and what that means."""

from collections.abc import Iterable

SIMULATED = "simulated"
SIMULATED_SQL = f"MAX(IFF(STARTSWITH(served_by, '{SIMULATED}'), 1, 0))"  # of a run: 1 if a stand-in answered
NOTHING_ELSE = "the figures show that the machinery works, and nothing else"
NOT_CORTEX = "no figure here is Cortex's"


def not_cortex(names: Iterable[str], where: str = "") -> str:
    """The caution that models on this machine answered; each once, whatever was tuned from it."""
    plain = sorted({name.split("+")[0] for name in names})
    return f"models on this machine answered{where} ({', '.join(plain)}): {NOT_CORTEX}"


def is_simulated(served_by: str) -> bool:
    """Whether a stand-in without a model answered."""
    return served_by.startswith(SIMULATED)


def is_local(served_by: str) -> bool:
    """Whether a provider of the local engine answered, a simulated one included: it puts its name before a colon."""
    return ":" in served_by
