"""What a run of pytest came to, read from its JUnit file; and what lint and types said."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple


class Verdict(NamedTuple):
    """What was tried with one set of versions, and how it went."""

    installs: bool
    passed: int = 0
    failed: int = 0
    said: str = ""  # the first failing test, or the first other thing that went wrong

    @property
    def green(self) -> bool:
        """Installed, something passed, nothing failed."""
        return self.installs and self.passed > 0 and not self.failed and not self.said


def counted(junit: Path) -> Verdict:
    """Passed and failed tests; a run that wrote no file, or ran no test, is no success."""
    if not junit.exists():
        return Verdict(True, said="pytest wrote no report")
    passed, failures = 0, []
    for case in ET.parse(junit).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            file = case.get("classname", "").replace(".", "/")  # "" where a file could not be collected
            failures.append("::".join(filter(None, [file, case.get("name", "")])))
        elif case.find("skipped") is None:
            passed += 1
    said = failures[0] if failures else "" if passed else "no test ran"
    return Verdict(True, passed, len(failures), said)
