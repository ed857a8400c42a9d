"""What `make demo` prints, on a page of its own and, as far as people look at it, in the README.

    make demo > demo.txt 2>&1 && .venv/bin/python docs/demo.py demo.txt "27 November 2026, 2 cores"

The README keeps the table of results and the A/B tests, between its markers `<!-- demo -->` and `<!-- /demo -->`; the
page docs/examples/demo.md is the whole, with the second argument in its first line.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "examples" / "demo.md"
MARKERS = re.compile(r"(<!-- demo -->\n).*?(<!-- /demo -->)", re.DOTALL)
FIRST = re.compile(r"^\S+ on \S+: teacher ")  # the title of the table
LAST = re.compile(r"^(?:Tickets|\*{0,2}Tickets\*{0,2}): ")  # what follows the A/B tests
# The README leaves out the sets that are less trustworthy than the first, and the prompts of the base student.
OUT = re.compile(r"^ (?:validation|test):|^  base student: ")
IN_AGAIN = re.compile(r"^ *F1: macro|^  (?!base student: )\S")


def printed(text: str) -> list[str]:
    """The lines of the demo without those of make, and without blanks at their ends."""
    lines = [line.rstrip() for line in text.splitlines()]
    begin = next(number for number, line in enumerate(lines) if line.endswith("starting Prefect and the engine …"))
    return lines[begin:]


def shown(lines: list[str]) -> list[str]:
    """What people look at: the first set's table and the A/B tests. Raises StopIteration if they are not there."""
    begin = next(number for number, line in enumerate(lines) if FIRST.match(line))
    end = next(number for number, line in enumerate(lines) if LAST.match(line))
    kept, is_left_out = list[str](), False
    for line in lines[begin:end]:
        is_left_out = bool(OUT.match(line)) or (is_left_out and not IN_AGAIN.match(line))
        if not is_left_out:
            kept.append(line)
    return kept


def block(lines: list[str]) -> str:
    """The lines as a block of text."""
    return "```text\n" + "\n".join(lines).strip("\n") + "\n```\n"


def main(file: str, made_by: str) -> None:
    """Write both."""
    lines = printed(Path(file).read_text(encoding="utf-8"))
    PAGE.write_text(f"# What `make demo` prints\n\nMade by `make demo`, {made_by}.\n\n{block(lines)}", encoding="utf-8")
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    part = block(shown(lines))
    readme.write_text(MARKERS.sub(lambda found: found[1] + part + found[2], text), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
