"""What is wrong, or doubtful, before a run spends anything: each with its place, and what to do now."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Finding(NamedTuple):
    """One problem, or one warning."""

    at: str
    """Where it is to be mended: a dotted key of the experiment file, or `engine`."""
    what: str
    """What is wrong; what to write or which statement to run."""
    stops: bool = True
    """Whether the run stops; a warning is shown and the run goes on."""


def unchecked(at: str, what: str, why: str) -> Finding:
    """A warning that something could not be checked, with the reason in Snowflake's words."""
    return Finding(at, f"could not be checked: {what}: {first_line(why)}", stops=False)


def first_line(text: str) -> str:
    """An error text on one line, without the number and the HTTP status that may stand before it."""
    return re.sub(r"^(\(1304\): [-0-9a-f]{36}: )?(\d{6} \(\w{5}\): )?(400 )?", "", " ".join(text.split())).rstrip(".")


def listed(names: Iterable[str], most: int = 6) -> str:
    """`'a', 'b' or 'c'`; at most `most` of them."""
    *others, last = [f"'{name}'" for name in names][:most] or ["none"]
    return f"{', '.join(others)} or {last}" if others else last


def warnings(found: Sequence[Finding]) -> list[Finding]:
    """Those that do not stop the run."""
    return [one for one in found if not one.stops]


def problems(found: Sequence[Finding]) -> list[Finding]:
    """Those that do."""
    return [one for one in found if one.stops]
