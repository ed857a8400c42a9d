"""The misbehaviour that can be ordered: `simulated:broken_json=0.2,latency_ms=5` as a frozen value.

Shares are in [0, 1] and decided per call by a hash, so the same call always misbehaves alike.
"""

from dataclasses import dataclass, fields
from difflib import get_close_matches

from cortex_distill.errors import SetupError


@dataclass(frozen=True)
class Knobs:
    """All off by default. They also bend replies that a JSON schema was asked for."""

    broken_json: float = 0.0
    """Share of JSON replies that no parser reads: one colon or quote is gone."""
    fenced_json: float = 0.0
    """Share of JSON replies inside a Markdown fence with chat around it."""
    truncated_json: float = 0.0
    """Share of JSON replies that stop in the middle."""
    too_few: float = 0.0
    """Share of lists with fewer tickets than asked for (but at least one)."""
    duplicates: float = 0.0
    """Share of lists in which some tickets are said twice, word for word."""
    neighbours: float = 0.0
    """Share of tickets that are about another category, where the prompt names others, under the one that was asked."""
    one_sentence: float = 0.0
    """Share of replies in which every ticket of a category is the same sentence, in every such reply."""
    off_list: float = 0.0
    """Share of classifications with a label that was not offered."""
    wordy: float = 0.0
    """Share of classifications with a sentence around the label."""
    too_long: float = 0.0
    """Share of messages to customers that have some 150 words more than they should."""
    placeholders: float = 0.0
    """Share of messages to customers that are signed by [Your Name]."""
    empty: float = 0.0
    """Share of replies without a single character."""
    refusal: float = 0.0
    """Share of replies that decline to help."""
    transient: float = 0.0
    """Share of calls that fail as throttled when asked for the first time and succeed from the second time on."""
    permanent: float = 0.0
    """Share of calls that always fail."""
    latency_ms: float = 0.0
    """Milliseconds that each call takes, one after the other within a batch (0 to 60000)."""
    crash_after: int | None = None
    """Number of calls answered by this provider after which the process is gone (exit code 137), as when killed."""

    def __post_init__(self) -> None:
        for knob in fields(self):
            value = getattr(self, knob.name)
            top = {"latency_ms": 60_000.0, "crash_after": 10**9}.get(knob.name, 1.0)
            if value is not None and not 0 <= value <= top:
                raise SetupError(f"simulated: {knob.name} should be from 0 to {top:g}, got {value:g}")


def parse(spec: str) -> Knobs:
    """Read `simulated` or `simulated:knob=value,…`. Raises SetupError that names the knob and what to write."""
    provider, _, rest = spec.strip().partition(":")
    if provider.strip() != "simulated":
        raise SetupError(f"should be simulated or simulated:knob=value, got '{spec}'; did you mean 'simulated'?")
    values: dict[str, float | int] = {}
    for pair in filter(None, (part.strip() for part in rest.split(","))):
        name, _, text = (part.strip() for part in pair.partition("="))
        if name in values:
            raise SetupError(f"simulated: {name} is set twice; keep one of them")
        values[name] = _number(name, text)
    return Knobs(**values)  # type: ignore[arg-type]  # crash_after is the only int, see _number


def _number(name: str, text: str) -> float | int:
    known = [knob.name for knob in fields(Knobs)]
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
        raise SetupError(f"simulated: no knob '{name}'; {hint}")
    try:
        return int(text) if name == "crash_after" else float(text)
    except ValueError as error:
        kind = "a whole number" if name == "crash_after" else "a number"
        raise SetupError(f"simulated: {name} should be {kind}, got '{text}'; did you mean '{name}=1'?") from error
