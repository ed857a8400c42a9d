"""One step past a pin: which version that is, as the registry that uv is set up with knows it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from packaging.version import Version

from requirements.upgrades.pins import Pin

Newest = Callable[[str, str], str | None]  # (requirement, "lowest" or "highest") → version
NOTHING = "No solution found"


def next_step(pin: Pin, newest: Newest) -> str | None:
    """The version to try; None if nothing newer is out.

    Past `==1.5.2` the next release; past `<0.151` the last release of the first series behind it (0.151.*), since
    the first release of a series is often mended by the second.
    """
    if pin.exact:
        return newest(f"{pin.name}>{pin.limit}", "lowest")
    first = newest(f"{pin.name}>={pin.limit}", "lowest")
    return first and newest(f"{pin.name}=={series(first, pin.limit)}", "highest")


def series(version: str, limit: Version) -> str:
    """`0.151.2` under the limit 0.151 is of the series `0.151.*`; under the limit 1 of `0.*`."""
    return ".".join(str(part) for part in Version(version).release[: len(limit.release)]) + ".*"


def asks(uv: str) -> Newest:
    """Answers from the registry, through uv: no pre-releases, nothing that was taken back."""

    def newest(requirement: str, resolution: str) -> str | None:
        command = [uv, "pip", "compile", "-", "--no-deps", "--no-header", "--no-annotate", "--no-emit-index-url"]
        command += ["--quiet", "--resolution", resolution]
        done = subprocess.run(command, input=requirement, capture_output=True, text=True, check=False)
        if done.returncode and NOTHING not in done.stderr:
            raise RuntimeError(f"uv could not say what {requirement!r} is: {done.stderr.strip()[-300:]}")
        return done.stdout.strip().rpartition("==")[2] or None

    return newest
