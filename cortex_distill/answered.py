"""Who really answered, by `served_by`: simulated models, models on this machine, or Cortex; and what that means."""

SIMULATED = "simulated"
NOTHING_ELSE = "the figures show that the machinery works, and nothing else"
NOT_CORTEX = "no figure here is Cortex's"


def is_simulated(served_by: str) -> bool:
    """Whether a stand-in without a model answered."""
    return served_by.startswith(SIMULATED)


def is_local(served_by: str) -> bool:
    """Whether a provider of the local engine answered, a simulated one included: it puts its name before a colon."""
    return ":" in served_by
